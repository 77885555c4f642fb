"""Which guidance and transfer weights suit training from scratch on MFNet? Chosen on validation.

    mdjax prepare mfnet --raw DIR
    python experiments/mfnet_options.py

One option differs at a time, everything else is the recipe `mfnet-small` with fewer steps. In the
logs stands what explains the scores: the gradient norm of each term, before its weight.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import tyro

from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig, MdStudentConfig
from mdjax.recipes import configure_mfnet_small
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.studies.experiment import Experiment, StudyBudget
from mdjax.studies.jobs import Row, Rows
from mdjax.studies.report import Columns
from mdjax.tasks.segmentation import SegmentationTask

RESULTS_DIR = Path(__file__).parent / "results"
EXPERIMENT = Experiment(
    "mfnet_options",
    Columns(
        titles={
            "mean_accuracy_9/all": "mAcc all",
            "mean_accuracy_9/day": "mAcc day",
            "mean_accuracy_9/night": "mAcc night",
            "mean_iou_9/all": "mIoU all",
        }
    ),
    differences=(),
    split="val",
)
GUIDANCE_WEIGHTS = (0.1, 0.0, 1.0)
METHODS = {
    "F-MSE sem 1 att 1 (paper)": ModalityDistillation(),
    "F-MSE sem 0.01 att 0.1": ModalityDistillation(0.1, 0.01),
    "F-MSE relative sem 0.03 att 0.1": ModalityDistillation(0.1, 0.03, mask_reduction="relative"),
    "MSE sem 0.3 att 0.1": ModalityDistillation(0.1, 0.3, "mse"),
    "MSE sem 0.03 att 0.1": ModalityDistillation(0.1, 0.03, "mse"),
    "att 0.3 alone": ModalityDistillation(0.3, 0.0),
    "no transfer": ModalityDistillation(0.0, 0.0),
}


@dataclass(frozen=True)
class Arguments(StudyBudget):
    """The budget of each option."""

    num_seeds: int = 1
    num_steps: int | None = 600


def create_rows(budget: StudyBudget) -> Rows:
    """List what is tried; all students have the teacher with the first guidance weight."""

    def guide(weight: float) -> Row:
        config = configure_mfnet_small(TrainConfig(), FeatureLevelConfig)
        task = SegmentationTask(guidance_weight=weight)
        return lambda runs: budget.adjust(replace(config, task=task))

    def distil(method: ModalityDistillation) -> Row:
        def configure(runs):
            base = DistillConfig(teacher=runs[f"teacher, guidance {GUIDANCE_WEIGHTS[0]:g}"])
            config = configure_mfnet_small(base, MdStudentConfig)
            return budget.adjust(replace(config, method=method))

        return configure

    native = configure_mfnet_small(TrainConfig(), ImageLevelConfig)
    return {
        **{f"teacher, guidance {weight:g}": guide(weight) for weight in GUIDANCE_WEIGHTS},
        "native": lambda runs: budget.adjust(native),
        **{f"distilled, {name}": distil(method) for name, method in METHODS.items()},
    }


def main() -> None:
    """Try every option."""
    budget = tyro.cli(Arguments, description=__doc__)
    EXPERIMENT.run(create_rows(budget), budget, RESULTS_DIR)


if __name__ == "__main__":
    main()
