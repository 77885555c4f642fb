"""The rows that most studies of modality distillation have, and what they are compared for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from mdjax.models.config import (
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    NetworkConfig,
    ThermalOnlyConfig,
    VisibleOnlyConfig,
)
from mdjax.runs.config import DistillConfig, FuseConfig, TrainConfig
from mdjax.studies.comparison import Difference
from mdjax.studies.jobs import Row, SeedRuns

Config = TypeVar("Config", bound=TrainConfig)

TEACHER, VISIBLE, THERMAL, DECISION = "teacher", "visible-only", "thermal-only", "decision-level"
NATIVE, STUDENT, DISTILLED = "native", "student", "distilled"

DIFFERENCES = (
    Difference(DISTILLED, STUDENT, "what distillation gives"),
    Difference(DISTILLED, NATIVE, "what a user gets"),
)
"""The student has an attention mask and a residual block that the native one lacks: only the same
network without a teacher tells what the teacher is worth."""


class Recipe(Protocol):
    """Configures data, schedule and size for a network, such as `presets.configure_mfnet`."""

    def __call__(self, base: Config, network: type[NetworkConfig]) -> Config:
        """Return `base` with everything that the recipe decides replaced."""
        ...


def create_rows(
    recipe: Recipe, adjust: Callable[[Any], Any] = lambda config: config
) -> dict[str, Row]:
    """List the rows of a study: every network gets the same data, schedule and number of steps.

    Each seed has a teacher of its own, so that the error bars include the teacher's. Fewer rows:
    take some of these, a teacher before its student.

    Args:
        recipe: What all networks share.
        adjust: Last changes to each configuration, such as another data folder.
    """

    def train(network: type[NetworkConfig]) -> Row:
        return lambda runs: adjust(recipe(TrainConfig(), network))

    return {
        TEACHER: train(FeatureLevelConfig),
        VISIBLE: train(VisibleOnlyConfig),
        THERMAL: train(ThermalOnlyConfig),
        DECISION: lambda runs: FuseConfig(visible=runs[VISIBLE], thermal=runs[THERMAL]),
        NATIVE: train(ImageLevelConfig),
        STUDENT: train(MdStudentConfig),
        DISTILLED: lambda runs: adjust(
            recipe(DistillConfig(teacher=runs[TEACHER]), MdStudentConfig)
        ),
    }


def change_camera(row: Row, **options: Any) -> Row:
    """Give the network of a row another thermal camera.

    Args:
        row: The row.
        options: Fields of `ThermalCamera` with their new values.
    """

    def configure(runs: SeedRuns) -> Any:
        config: Any = row(runs)
        camera = replace(config.pipeline.camera, **options)
        return replace(config, pipeline=replace(config.pipeline, camera=camera))

    return configure


def change_network(row: Row, **options: Any) -> Row:
    """Train a network with other options."""
    return _change_part(row, "network", options)


def change_method(row: Row, **options: Any) -> Row:
    """Distil with other options."""
    return _change_part(row, "method", options)


def _change_part(row: Row, part: str, options: Mapping[str, Any]) -> Row:
    def configure(runs: SeedRuns) -> Any:
        config: Any = row(runs)
        return replace(config, **{part: replace(getattr(config, part), **options)})

    return configure
