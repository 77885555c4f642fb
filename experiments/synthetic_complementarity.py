"""Do the two modalities of the generated scenes complement each other? Visible, thermal, both.

    python experiments/synthetic_complementarity.py

Networks of the recipe `synthetic`, but twice as wide and trained for longer, with full-resolution
thermal images and the same steps for all. (As narrow and short as in the demonstration, the network
of both learns from thermal alone.) Expected: both together beat either alone; at night thermal
finds persons that the visible image hides; only the visible image tells markings, cones and bumps.
About 10 minutes on two CPU cores.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from data_builders.synthetic import PrepareSynthetic
from mdjax.data.thermal_camera import ThermalCamera
from mdjax.io.json_file import write_json, write_text
from mdjax.models.config import ImageLevelConfig, ThermalOnlyConfig, VisibleOnlyConfig
from mdjax.presets import configure_synthetic
from mdjax.runs.config import TrainConfig
from mdjax.runs.results import RunResult
from mdjax.studies.comparison import format_comparison
from mdjax.studies.study import train_or_read_result

WIDTH = 0.25
NUM_STEPS = 400
RESULTS_DIR = Path(__file__).parent / "results"
NETWORKS = {
    "visible only": VisibleOnlyConfig,
    "thermal only": ThermalOnlyConfig,
    "both": ImageLevelConfig,
}
METRICS = {
    "mean_iou_9/day": "mIoU day",
    "mean_iou_9/night": "mIoU night",
    "mean_iou_9/all": "mIoU all",
    "iou/person/night": "person night",
    "iou/car/night": "car night",
    "iou/colour_cone/day": "cone day",
    "iou/bump/day": "bump day",
}


@dataclass(frozen=True)
class Arguments:
    """The size of the study.

    Attributes:
        out: Folder of scenes and runs.
        num_seeds: Trainings of each network.
    """

    out: Path = Path("runs/complementarity")
    num_seeds: int = 3


def main() -> None:
    """Train, then write JSON and table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    data_dir = arguments.out / "data"
    base = configure_synthetic(TrainConfig(data_dir=data_dir), VisibleOnlyConfig)
    data = PrepareSynthetic(data_dir, image_size_hw=base.pipeline.image_size_hw).prepare()
    results: dict[str, list[RunResult]] = {name: [] for name in NETWORKS}
    for seed in range(arguments.num_seeds):
        for name, network in NETWORKS.items():
            config = configure_synthetic(TrainConfig(data_dir=data_dir, seed=seed), network)
            pipeline = replace(config.pipeline, camera=ThermalCamera("full"))
            options = replace(config.network.options, width=WIDTH)
            config = replace(
                config,
                dataset=data.dataset,
                pipeline=pipeline,
                network=replace(config.network, options=options),
                loop=replace(config.loop, num_steps=NUM_STEPS),
            )
            run_dir = arguments.out / f"seed{seed}" / name.replace(" ", "_")
            results[name].append(train_or_read_result(config, run_dir))
    table = format_comparison(results, split="test", metrics=METRICS)
    print(table)
    RESULTS_DIR.mkdir(exist_ok=True)
    write_text(RESULTS_DIR / "synthetic_complementarity.md", table + "\n")
    write_json(
        RESULTS_DIR / "synthetic_complementarity.json",
        {name: [run.to_dict() for run in runs] for name, runs in results.items()},
    )


if __name__ == "__main__":
    main()
