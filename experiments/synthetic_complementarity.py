"""Do the two modalities of the generated scenes complement each other? Visible, thermal, both.

    python experiments/synthetic_complementarity.py

Networks of the recipe `synthetic`, but twice as wide and trained for longer, with full-resolution
thermal images and the same steps for all. (As narrow and short as in the demonstration, the network
of both learns from thermal alone.) Expected: both together beat either alone; at night thermal
finds persons that the visible image hides; only the visible image shows cones and bumps.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from data_builders.synthetic import PrepareSynthetic
from mdjax.data.thermal_camera import ThermalCamera
from mdjax.models.config import ImageLevelConfig, ThermalOnlyConfig, VisibleOnlyConfig
from mdjax.recipes import configure_synthetic
from mdjax.runs.config import TrainConfig
from mdjax.studies.comparison import Difference
from mdjax.studies.experiment import Experiment, StudyBudget
from mdjax.studies.jobs import Row
from mdjax.studies.report import Columns

RESULTS_DIR = Path(__file__).parent / "results"
WIDTH = 0.25
NETWORKS = {
    "visible only": VisibleOnlyConfig,
    "thermal only": ThermalOnlyConfig,
    "both": ImageLevelConfig,
}
EXPERIMENT = Experiment(
    "synthetic_complementarity",
    Columns(
        titles={
            "mean_iou_9/day": "mIoU day",
            "mean_iou_9/night": "mIoU night",
            "mean_iou_9/all": "mIoU all",
            "iou/person/night": "person night",
            "iou/car/night": "car night",
            "iou/colour_cone/day": "cone day",
            "iou/bump/day": "bump day",
        },
        judged=("mean_iou_9/all",),
    ),
    differences=(
        Difference("both", "visible only", "what thermal adds"),
        Difference("both", "thermal only", "what colour adds"),
    ),
)


@dataclass(frozen=True)
class Arguments(StudyBudget):
    """Where scenes and runs are, and how much is run."""

    data_dir: Path = Path("runs/synthetic_complementarity/data")
    num_steps: int | None = 400


def main() -> None:
    """Draw the scenes, run the study and write its table."""
    budget = tyro.cli(Arguments, description=__doc__)
    base = configure_synthetic(TrainConfig(), VisibleOnlyConfig)
    size_hw = base.pipeline.image_size_hw
    data = PrepareSynthetic(budget.data_dir, image_size_hw=size_hw).prepare()

    def create_row(network: Any) -> Row:
        config = configure_synthetic(TrainConfig(dataset=data.dataset), network)
        backbone = replace(config.network.backbone, width=WIDTH)
        config = replace(
            config,
            dataset=data.dataset,
            pipeline=replace(config.pipeline, camera=ThermalCamera("full")),
            network=replace(config.network, backbone=backbone),
        )
        return lambda runs: budget.adjust(config)

    rows = {name: create_row(network) for name, network in NETWORKS.items()}
    EXPERIMENT.run(rows, budget, RESULTS_DIR)


if __name__ == "__main__":
    main()
