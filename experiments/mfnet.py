"""Teacher, visible-only, native and distilled student on MFNet: table and JSON, any seeds.

    mdjax prepare mfnet --raw DIR
    python experiments/mfnet.py --recipe small            # two CPU cores, hours
    python experiments/mfnet.py --recipe paper            # one accelerator: 640x480, full width

Finished runs are kept, an interrupted one is resumed: call it again. `--num-steps` sets the budget
of every network alike. Results go to `experiments/results/NAME.json` and `NAME.md`.
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from mdjax.presets import configure_mfnet, configure_mfnet_small
from mdjax.studies.report import write_report
from mdjax.studies.study import run_study

RESULTS_DIR = Path(__file__).parent / "results"
METRICS = {
    "mean_accuracy_9/day": "mAcc day",
    "mean_accuracy_9/night": "mAcc night",
    "mean_accuracy_9/all": "mAcc all",
    "mean_accuracy_8/all": "mAcc 8 all",
    "mean_iou_9/all": "mIoU all",
}
RECIPES = {"paper": configure_mfnet, "small": configure_mfnet_small}


@dataclass(frozen=True)
class Arguments:
    """The study to run.

    Attributes:
        recipe: Full size, or the reduced one.
        name: Name of the result files.
        data_dir: Folder of prepared data sets.
        study_dir: Folder of the runs.
        num_seeds: Trainings of each network.
        num_steps: Steps of each training; those of the recipe by default.
    """

    recipe: Literal["paper", "small"] = "small"
    name: str = "mfnet_small"
    data_dir: Path = Path("data")
    study_dir: Path = Path("runs/mfnet_small")
    num_seeds: int = 3
    num_steps: int | None = None


def main() -> None:
    """Run the study and write its table."""
    arguments = tyro.cli(Arguments, description=__doc__)

    def adjust(config: Any) -> Any:
        num_steps = arguments.num_steps or config.loop.num_steps
        loop = replace(config.loop, num_steps=num_steps)
        return replace(config, data_dir=arguments.data_dir, loop=loop)

    results = run_study(
        RECIPES[arguments.recipe],
        arguments.study_dir,
        seeds=range(arguments.num_seeds),
        adjust=adjust,
    )
    text = write_report(
        results,
        study_dir=arguments.study_dir,
        metrics=METRICS,
        report=RESULTS_DIR / arguments.name,
        command=" ".join(["python", "experiments/mfnet.py", *sys.argv[1:]]),
    )
    print(text)


if __name__ == "__main__":
    main()
