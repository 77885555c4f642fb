"""Thermal cameras that are compared: their numbers of pixels, and what they cost."""

from collections.abc import Iterable
from dataclasses import dataclass

from mdjax.data.thermal_camera import ThermalCamera, compute_camera_size_hw

FULL, NO_CAMERA = "full", "none"
_NAMED = (FULL, "4x", "16x", "64x")
"""Resolutions that rows are called by; a camera of the same size is the same row."""


@dataclass(frozen=True)
class Sensor:
    """A thermal camera as a network sees it.

    Attributes:
        name: As it was typed, or as in a price list.
        resolution: Of `ThermalCamera`; equal for cameras of equal size.
        size_hw: Rows and columns; 0 without a camera.
        price: In the unit of the price list; None where it is not known.
    """

    name: str
    resolution: str
    size_hw: tuple[int, int]
    price: float | None = None

    @property
    def num_pixels(self) -> int:
        """Number of thermal pixels."""
        return self.size_hw[0] * self.size_hw[1]

    @property
    def size(self) -> str:
        """Width and height, such as "32x24"; "" without a camera."""
        height, width = self.size_hw
        return f"{width}x{height}" if self.num_pixels else ""

    @property
    def label(self) -> str:
        """Name and size, for tables and sentences."""
        if not self.num_pixels:
            return "no thermal camera"
        return self.name if self.name == self.size else f"{self.name} ({self.size})"


def make_sensor(
    resolution: str,
    image_size_hw: tuple[int, int],
    *,
    name: str | None = None,
    price: float | None = None,
) -> Sensor:
    """Describe a camera for images of some size.

    Args:
        resolution: As of `ThermalCamera`.
        image_size_hw: Rows and columns of the images.
        name: The resolution by default.
        price: If known.

    Raises:
        MdjaxError: The resolution is unknown, or the camera has more pixels than the images.
    """
    name = resolution if name is None else name
    camera = ThermalCamera(resolution)
    if resolution == NO_CAMERA:
        return Sensor(name, NO_CAMERA, (0, 0), price)
    size_hw = compute_camera_size_hw(camera, image_size_hw)
    for known in _NAMED:
        if compute_camera_size_hw(ThermalCamera(known), image_size_hw) == size_hw:
            return Sensor(name, known, size_hw, price)
    return Sensor(name, f"{size_hw[1]}x{size_hw[0]}", size_hw, price)


def list_sensors(resolutions: Iterable[str], image_size_hw: tuple[int, int]) -> tuple[Sensor, ...]:
    """List cameras by their resolutions, each size once; see `order_sensors`."""
    return order_sensors([make_sensor(x, image_size_hw) for x in resolutions], image_size_hw)


def order_sensors(sensors: Iterable[Sensor], image_size_hw: tuple[int, int]) -> tuple[Sensor, ...]:
    """Sort cameras by pixels, the coarsest first, and add the full one, with which all compare.

    Args:
        sensors: Cameras; of several of one size the first is kept.
        image_size_hw: Rows and columns of the images, which a full camera has.
    """
    found: dict[str, Sensor] = {}
    for sensor in (*sensors, make_sensor(FULL, image_size_hw)):
        found.setdefault(sensor.resolution, sensor)
    return tuple(sorted(found.values(), key=lambda sensor: sensor.num_pixels))
