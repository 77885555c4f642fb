"""Which transfer weights suit training detectors from scratch on MSRS? Chosen on validation.

    mdjax prepare msrs --raw DIR
    python experiments/msrs_options.py

Only the method's options differ, everything else is the recipe `msrs-small`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig, MdStudentConfig
from mdjax.recipes import DETECTOR_FROM_SCRATCH, FROM_SCRATCH, configure_msrs_small
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.studies.experiment import Experiment, StudyBudget
from mdjax.studies.jobs import Row, Rows
from mdjax.studies.report import Columns
from mdjax.studies.rows import NATIVE, TEACHER

RESULTS_DIR = Path(__file__).parent / "results"
EXPERIMENT = Experiment(
    "msrs_options",
    Columns(
        titles={
            "miss_rate/all": "MR all",
            "miss_rate/day": "MR day",
            "miss_rate/night": "MR night",
            "ap50/all": "AP50 all",
        }
    ),
    differences=(),
    split="val",
)
METHODS = {
    "MSE sem 0.3 att 0.1": FROM_SCRATCH,
    "MSE sem 2 att 1": DETECTOR_FROM_SCRATCH,
    "MSE sem 6 att 1": replace(DETECTOR_FROM_SCRATCH, semantic_weight=6.0),
    "F-MSE sem 1 att 1 (paper)": ModalityDistillation(),
    "no transfer": ModalityDistillation(0.0, 0.0),
}


@dataclass(frozen=True)
class Arguments(StudyBudget):
    """The budget of each option."""

    num_seeds: int = 1


def create_rows(budget: StudyBudget) -> Rows:
    """List what is tried; all students have one teacher."""

    def distil(method: ModalityDistillation) -> Row:
        def configure(runs):
            base = DistillConfig(teacher=runs[TEACHER])
            config = configure_msrs_small(base, MdStudentConfig)
            return budget.adjust(replace(config, method=method))

        return configure

    teacher = configure_msrs_small(TrainConfig(), FeatureLevelConfig)
    native = configure_msrs_small(TrainConfig(), ImageLevelConfig)
    return {
        TEACHER: lambda runs: budget.adjust(teacher),
        NATIVE: lambda runs: budget.adjust(native),
        **{f"distilled, {name}": distil(method) for name, method in METHODS.items()},
    }


def main() -> None:
    """Try every method."""
    budget = tyro.cli(Arguments, description=__doc__)
    EXPERIMENT.run(create_rows(budget), budget, RESULTS_DIR)


if __name__ == "__main__":
    main()
