"""All networks of modality distillation on MFNet: table and JSON, any seeds.

    mdjax prepare mfnet --raw DIR
    python experiments/mfnet.py                  # two CPU cores, hours
    python experiments/mfnet.py --recipe paper   # one accelerator: 640x480, full width

Finished runs are kept, an interrupted one is resumed: call it again. Results go to
`experiments/results/mfnet_small.json` and `.md`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from mdjax.presets import configure_mfnet, configure_mfnet_small
from mdjax.studies.experiment import Experiment, StudyBudget
from mdjax.studies.report import Columns
from mdjax.studies.rows import create_rows

RESULTS_DIR = Path(__file__).parent / "results"
RECIPES = {"paper": configure_mfnet, "small": configure_mfnet_small}
COLUMNS = Columns(
    titles={
        "mean_accuracy_9/day": "mAcc day",
        "mean_accuracy_9/night": "mAcc night",
        "mean_accuracy_9/all": "mAcc all",
        "mean_accuracy_8/all": "mAcc 8 all",
        "mean_iou_9/all": "mIoU all",
    },
    judged=("mean_accuracy_9/all", "mean_iou_9/all"),
)


@dataclass(frozen=True)
class Arguments(StudyBudget):
    """The study to run.

    Attributes:
        recipe: Full size, or the reduced one.
    """

    recipe: Literal["paper", "small"] = "small"


def main() -> None:
    """Run the study and write its table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    experiment = Experiment(f"mfnet_{arguments.recipe}", COLUMNS)
    rows = create_rows(RECIPES[arguments.recipe], arguments.adjust)
    experiment.run(rows, arguments, RESULTS_DIR)


if __name__ == "__main__":
    main()
