"""The rows of a comparison of thermal cameras, under the names that tables know them by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mdjax.models.config import ImageLevelConfig
from mdjax.runs.config import TrainConfig
from mdjax.studies.experiment import Adjust
from mdjax.studies.jobs import Row
from mdjax.studies.rows import (
    DISTILLED,
    NATIVE,
    TEACHER,
    VISIBLE,
    Recipe,
    change_camera,
    create_rows,
)
from mdjax.tradeoff.sensors import FULL, NO_CAMERA, Sensor

KINDS = (NATIVE, DISTILLED)
"""Networks that see the camera's image."""


@dataclass(frozen=True)
class Tradeoff:
    """What is compared.

    Attributes:
        sensors: Cameras from coarse to fine; the last is the full one.
        noises: Standard deviations of the noise at the recipe's own camera, ascending from 0; empty
            if noise is not looked at.
        own_resolution: Of the recipe's camera.
    """

    sensors: tuple[Sensor, ...]
    noises: tuple[float, ...]
    own_resolution: str

    def name_row(self, kind: str, resolution: str) -> str:
        """Name the row of a network, `NATIVE` or `DISTILLED`, with a camera."""
        if (kind, resolution) == (NATIVE, NO_CAMERA):
            return VISIBLE
        return kind if resolution == self.own_resolution else f"{kind}-{resolution}"

    def name_noisy_row(self, kind: str, noise_std: float) -> str:
        """Name the row of a network with the recipe's camera and some noise."""
        return f"{kind}-noise-{noise_std:g}" if noise_std else kind

    @property
    def wanted_rows(self) -> list[str]:
        """All rows that are shown, each once."""
        names = [TEACHER]
        for kind in KINDS:
            names += [self.name_row(kind, sensor.resolution) for sensor in self.sensors]
            names += [self.name_noisy_row(kind, noise) for noise in self.noises]
        return list(dict.fromkeys(names))

    def create_rows(self, recipe: Recipe, adjust: Adjust) -> dict[str, Row]:
        """List the rows, each distilled one with the teacher of its seed, which sees all pixels.

        Args:
            recipe: What all networks share.
            adjust: Last changes to each configuration, such as another data folder.
        """
        rows = create_rows(recipe, adjust)
        for kind in KINDS:
            base = rows[kind]
            for sensor in self.sensors:
                name = self.name_row(kind, sensor.resolution)
                rows.setdefault(name, change_camera(base, resolution=sensor.resolution))
            for noise in self.noises:
                name = self.name_noisy_row(kind, noise)
                rows.setdefault(name, change_camera(base, noise_std=noise))
        return rows


def declare_tradeoff(
    recipe: Recipe, sensors: Sequence[Sensor], noises: Iterable[float]
) -> Tradeoff:
    """Declare a comparison of cameras, and of noise if there is any.

    Args:
        recipe: What all networks share.
        sensors: From coarse to fine.
        noises: Standard deviations, in units of the image's range.
    """
    ordered = sorted({0.0, *noises}) if noises else []
    own = recipe(TrainConfig(), ImageLevelConfig).pipeline.camera.resolution
    assert sensors[-1].resolution == FULL
    return Tradeoff(tuple(sensors), tuple(ordered), own)
