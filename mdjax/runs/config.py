"""Configuration of a run; written to its directory as `config.json`."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from mdjax.data.folds import Folds
from mdjax.data.pipeline import PipelineConfig
from mdjax.methods.activation_attention import ActivationAttention
from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.methods.combined import CombinedDistillation
from mdjax.methods.csk import CskDistillation
from mdjax.methods.hint import HintDistillation
from mdjax.methods.imitation import FeatureImitation
from mdjax.methods.logits import LogitDistillation
from mdjax.methods.masked_generation import MaskedGeneration
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.methods.pearson import PearsonDistillation
from mdjax.models.config import CskNetConfig, ImageLevelConfig, MdStudentConfig, NetworkConfig
from mdjax.models.modalities import Missing
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.loop import LoopConfig
from mdjax.train.optimiser import OptimiserConfig, SgdConfig, fit_warmup
from mdjax.types import MdjaxError

TaskConfig = SegmentationTask | DetectionTask
MethodConfig = (
    ModalityDistillation
    | ChannelWiseDistillation
    | LogitDistillation
    | HintDistillation
    | ActivationAttention
    | PearsonDistillation
    | MaskedGeneration
    | FeatureImitation
    | CskDistillation
    | CombinedDistillation
)
"""Any method that a configuration can name; a new one joins this union."""

MAIN_TEACHER = "teacher"
"""Name of the teacher that every method reads."""


@dataclass(frozen=True)
class TrainConfig:
    """A network trained on its task.

    Attributes:
        dataset: Name of a prepared data set, see `mdjax prepare`.
        data_dir: Folder of prepared data sets.
        folds: Cross-validation: train on all pairs of the data set except one fold, regardless of
            its splits, and test on that fold.
        pipeline: Image size, thermal camera and augmentation.
        network: Network, its width and its resolution.
        task: Loss terms and head.
        optimiser: Learning rate and its schedule.
        loop: Number of steps, and how often to log, score and save.
        batch_size: Image pairs per step, over all devices.
        num_microbatches: Number of parts into which a batch is split to save memory.
        seed: Seed of initial weights, order, augmentation and dropout.
        pretrained: Weights of ResNet-18 to start from: "imagenet" downloads torchvision's once; or
            a file (.pth or .safetensors), which may lack whole stages.
        wandb: Also log to Weights & Biases (needs the extra `wandb`).
    """

    dataset: str = "mfnet"
    data_dir: Path = Path("data")
    folds: Folds = field(default_factory=Folds)
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    network: NetworkConfig = field(default_factory=ImageLevelConfig)
    task: TaskConfig = field(default_factory=SegmentationTask)
    optimiser: OptimiserConfig = field(default_factory=SgdConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)
    batch_size: int = 16
    num_microbatches: int = 1
    seed: int = 0
    pretrained: Literal["imagenet"] | Path | None = None
    wandb: bool = False

    def __post_init__(self):
        if self.batch_size < 1:
            raise MdjaxError(f"batch_size is {self.batch_size}; give 1 or more.")
        if self.num_microbatches < 1 or self.batch_size % self.num_microbatches:
            raise MdjaxError(
                f"num_microbatches is {self.num_microbatches}; give a divisor of the batch_size, "
                f"{self.batch_size}."
            )
        if self.optimiser.warmup_steps >= self.loop.num_steps:
            raise MdjaxError(
                f"optimiser.warmup_steps is {self.optimiser.warmup_steps}; give fewer than "
                f"loop.num_steps, {self.loop.num_steps}."
            )

    @property
    def sources(self) -> dict[str, Path]:
        """The run directories that this run needs, by name."""
        return {}


@dataclass(frozen=True)
class DistillConfig(TrainConfig):
    """A student trained on its task and on the outputs of frozen teachers.

    Attributes:
        teacher: Run directory of the trained teacher.
        other_teachers: Run directories of further teachers, by the names that the method uses.
        method: What is compared, and with which weights.
        teacher_score_tolerance: Greatest difference, in percentage points, between the score that
            a teacher reaches before step 0 and the one recorded in its checkpoint.
    """

    teacher: Path = Path("runs/teacher")
    other_teachers: dict[str, Path] = field(default_factory=dict)
    method: MethodConfig = field(default_factory=ModalityDistillation)
    teacher_score_tolerance: float = 0.1

    def __post_init__(self):
        super().__post_init__()
        if MAIN_TEACHER in self.other_teachers:
            raise MdjaxError(
                f"other_teachers has one named {MAIN_TEACHER!r}; give it as `teacher`."
            )
        if isinstance(self.method, CskDistillation) and not isinstance(self.network, CskNetConfig):
            raise MdjaxError(
                "method CskDistillation teaches the branches of CSK-Net; give the network csknet, "
                "or another method."
            )
        if isinstance(self.method, ModalityDistillation):
            _check_level(self.network, self.method, "method.level")
        elif isinstance(self.method, CombinedDistillation):
            _check_level(self.network, self.method.terms.md, "method.terms.md.level")

    @property
    def sources(self) -> dict[str, Path]:
        """The run directories of all teachers by name."""
        return {MAIN_TEACHER: self.teacher, **self.other_teachers}


def _check_level(network: NetworkConfig, method: ModalityDistillation, option: str) -> None:
    if not isinstance(network, MdStudentConfig) or not method.semantic_weight:
        return
    if method.level != f"c{network.transfer_level}":
        raise MdjaxError(
            f"network.transfer_level is {network.transfer_level} and {option} is {method.level!r}: "
            "the student's block would not be at the level whose features are compared. Give both "
            "the same level."
        )


Config = TypeVar("Config", bound=TrainConfig)


def change_num_steps(config: Config, num_steps: int) -> Config:
    """Return a training with another number of steps, with the warm-up limited to a quarter."""
    return replace(
        config,
        loop=replace(config.loop, num_steps=num_steps),
        optimiser=fit_warmup(config.optimiser, num_steps),
    )


@dataclass(frozen=True)
class FuseConfig:
    """Two trained networks whose predictions are averaged: decision-level fusion.

    Attributes:
        visible: Run directory of the network that sees the visible image.
        thermal: Run directory of the network that sees the thermal image.
    """

    visible: Path = Path("runs/visible")
    thermal: Path = Path("runs/thermal")

    @property
    def sources(self) -> dict[str, Path]:
        """Both run directories by name."""
        return {"visible": self.visible, "thermal": self.thermal}


@dataclass(frozen=True)
class MissingConfig:
    """A trained network that is tested without one of the images.

    Attributes:
        run: Its run directory.
        missing: The image that it has to do without.
    """

    run: Path = Path("runs/csknet")
    missing: Missing = "visible"

    @property
    def sources(self) -> dict[str, Path]:
        """The run directory by name."""
        return {"run": self.run}


RunConfig = TrainConfig | DistillConfig | FuseConfig | MissingConfig
