"""Geometry that all images of one sample share: visible, both thermals and the labels.

The parameters are drawn once a sample and kept in a small record, so that whatever belongs to the
sample (boxes too) can follow the same mirror and the same crop.
"""

import dataclasses
import math

import cv2
import numpy as np
from jaxtyping import UInt8

from mdjax.types import IGNORED_LABEL, MdjaxError


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Random variation of training samples; the defaults suit training from scratch on little data.

    `Augmentation.off()` leaves every sample unchanged.
    """

    mirror_probability: float = 0.5
    """Share of samples mirrored left to right."""
    scale_min: float = 1.0
    """Smallest magnification. Below 1 the image shrinks and labels outside it are ignored."""
    scale_max: float = 2.0
    """Largest magnification: a random crop of 1/scale of each side is resized back."""
    brightness: float = 0.2
    """Visible: factor drawn from [1 - x, 1 + x]."""
    contrast: float = 0.2
    """Visible: contrast about the image's mean, factor from [1 - x, 1 + x]."""
    saturation: float = 0.2
    """Visible: distance from grey, factor from [1 - x, 1 + x]."""
    gamma: float = 0.0
    """Visible: exponent drawn from [1 / (1 + x), 1 + x], log-uniform; above 1 darkens."""
    thermal_brightness: float = 0.1
    """Thermal: offset drawn from [-x, x], in units of the image's range."""
    thermal_contrast: float = 0.2
    """Thermal: contrast about the image's mean, factor from [1 - x, 1 + x]."""

    def __post_init__(self) -> None:
        """Refuse impossible values where they are written, not in the middle of a run."""
        if not 0.0 <= self.mirror_probability <= 1.0:
            raise MdjaxError(
                f"augmentation mirror_probability = {self.mirror_probability}: give a share "
                "between 0 and 1."
            )
        if not 0.1 <= self.scale_min <= self.scale_max <= 10.0:
            raise MdjaxError(
                f"augmentation scales [{self.scale_min}, {self.scale_max}]: give "
                "0.1 <= scale_min <= scale_max <= 10."
            )
        for field in (
            "brightness", "contrast", "saturation", "thermal_brightness", "thermal_contrast"
        ):  # fmt: skip
            if not 0.0 <= getattr(self, field) <= 1.0:
                raise MdjaxError(
                    f"augmentation {field} = {getattr(self, field)}: give a strength between 0 "
                    "(off) and 1."
                )
        if not 0.0 <= self.gamma <= 10.0:
            raise MdjaxError(f"augmentation gamma = {self.gamma}: give 0 (off) to 10.")

    @classmethod
    def off(cls) -> "Augmentation":
        """Return no augmentation: every sample stays unchanged."""
        return cls(
            mirror_probability=0.0,
            scale_min=1.0,
            scale_max=1.0,
            brightness=0.0,
            contrast=0.0,
            saturation=0.0,
            gamma=0.0,
            thermal_brightness=0.0,
            thermal_contrast=0.0,
        )


@dataclasses.dataclass(frozen=True)
class Geometry:
    """One drawn mirror and crop. First the crop is resized to the whole image, then mirrored."""

    is_mirrored: bool
    crop_yxhw_px: tuple[int, int, int, int]
    """Top, left, height and width of the crop; it may reach beyond the image."""


def sample_geometry(
    augmentation: Augmentation, image_size_hw: tuple[int, int], rng: np.random.Generator
) -> Geometry:
    """Draw a mirror and a crop for one sample.

    The scale is log-uniform in [scale_min, scale_max]; the crop measures 1/scale of each side and
    lies anywhere inside the image (or, below scale 1, anywhere around it).
    """
    is_mirrored = bool(rng.random() < augmentation.mirror_probability)
    log_scale = rng.uniform(math.log(augmentation.scale_min), math.log(augmentation.scale_max))
    position_y, position_x = rng.random(2)
    height, width = image_size_hw
    crop_height = max(1, round(height / math.exp(log_scale)))
    crop_width = max(1, round(width / math.exp(log_scale)))
    top = round(position_y * (height - crop_height))
    left = round(position_x * (width - crop_width))
    return Geometry(is_mirrored, (top, left, crop_height, crop_width))


def resize_image(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Resize an image of any channels to the working size, averaging where it shrinks."""
    if image.shape[:2] == size_hw:
        return image
    is_smaller = size_hw[0] <= image.shape[0] and size_hw[1] <= image.shape[1]
    interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return cv2.resize(image, size_hw[::-1], interpolation=interpolation)


def resize_labels(
    labels: UInt8[np.ndarray, "h w"], size_hw: tuple[int, int]
) -> UInt8[np.ndarray, "new_h new_w"]:
    """Resize class ids to the working size by the nearest pixel centre."""
    if labels.shape == size_hw:
        return labels
    # INTER_NEAREST rounds pixel corners, not centres: half a pixel off from the images.
    return cv2.resize(labels, size_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)


def apply_geometry_to_image(image: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Crop, resize back (bilinear) and mirror an image of any channels and type.

    What lies outside the image gets the image's mean, the value that disturbs the statistics of a
    batch least.
    """
    size_hw = image.shape[:2]
    fill = cv2.mean(image)[:4] if _reaches_outside(geometry, size_hw) else (0.0,)
    crop = _crop(image, geometry, fill)
    if crop.shape[:2] != size_hw:
        crop = cv2.resize(crop, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.flip(crop, 1) if geometry.is_mirrored else crop


def apply_geometry_to_labels(
    labels: UInt8[np.ndarray, "h w"], geometry: Geometry
) -> UInt8[np.ndarray, "h w"]:
    """Crop, resize back (nearest) and mirror class ids; outside lies `IGNORED_LABEL`."""
    crop = resize_labels(_crop(labels, geometry, (IGNORED_LABEL,)), labels.shape)
    return cv2.flip(crop, 1) if geometry.is_mirrored else crop


def _reaches_outside(geometry: Geometry, size_hw: tuple[int, ...]) -> bool:
    top, left, height, width = geometry.crop_yxhw_px
    return min(top, left) < 0 or top + height > size_hw[0] or left + width > size_hw[1]


def _crop(image: np.ndarray, geometry: Geometry, fill: tuple[float, ...]) -> np.ndarray:
    """Cut the crop out; pixels outside the image take the fill value."""
    top, left, height, width = geometry.crop_yxhw_px
    inside = image[max(0, top) : top + height, max(0, left) : left + width]
    if not _reaches_outside(geometry, image.shape[:2]):
        return inside
    above, before = max(0, -top), max(0, -left)
    below = height - inside.shape[0] - above
    behind = width - inside.shape[1] - before
    return cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_CONSTANT, value=fill)
