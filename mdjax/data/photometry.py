"""Photometric changes, drawn for each modality by itself.

A visible image changes with the light, a thermal one with the camera's automatic gain. The two
thermal images of a sample are one event seen by two cameras, so they get the same change.
"""

import dataclasses
import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mdjax.data.geometry import Augmentation

# Weights of R, G and B in the grey value, ITU-R BT.601.
_GREY_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)

_GREY_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


@dataclasses.dataclass(frozen=True)
class Photometry:
    """One drawn photometric change; the defaults change nothing."""

    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    gamma: float = 1.0
    thermal_offset: float = 0.0
    thermal_contrast: float = 1.0


def sample_photometry(augmentation: Augmentation, rng: np.random.Generator) -> Photometry:
    """Draw a photometric change for one sample, uniform in each factor (gamma: log-uniform)."""
    signs = rng.uniform(-1.0, 1.0, size=6)
    return Photometry(
        brightness=1.0 + augmentation.brightness * signs[0],
        contrast=1.0 + augmentation.contrast * signs[1],
        saturation=1.0 + augmentation.saturation * signs[2],
        gamma=math.exp(math.log1p(augmentation.gamma) * signs[3]),
        thermal_offset=augmentation.thermal_brightness * signs[4],
        thermal_contrast=1.0 + augmentation.thermal_contrast * signs[5],
    )


def apply_photometry_to_visible(
    visible_u8: UInt8[np.ndarray, "h w 3"], photometry: Photometry
) -> Float[np.ndarray, "h w 3"]:
    """Change gamma, brightness, contrast and saturation of an RGB image, in this order.

    With v = (x/255)^gamma, grey g = weights · v and mean grey m over the image, each pixel becomes
    contrast · (brightness · (saturation · v + (1 − saturation) · g) − brightness · m)
    + brightness · m, clipped to [0, 1] once at the end.

    Returns:
        float32 in [0, 1]; exactly x/255 where nothing changes.
    """
    levels = _GREY_LEVELS
    if photometry.gamma != 1.0:
        levels = levels ** np.float32(photometry.gamma)
    # A table of 256 values turns bytes to floats and applies gamma in one pass.
    visible = cv2.LUT(visible_u8, levels)
    if (photometry.brightness, photometry.contrast, photometry.saturation) == (1.0, 1.0, 1.0):
        return visible
    mean_grey = float(np.dot(cv2.mean(visible)[:3], _GREY_WEIGHTS))
    gain = photometry.brightness * photometry.contrast
    offset = photometry.brightness * mean_grey * (1.0 - photometry.contrast)
    matrix = np.empty((3, 4), np.float32)
    matrix[:, :3] = gain * (1.0 - photometry.saturation) * _GREY_WEIGHTS
    matrix[:, :3] += gain * photometry.saturation * np.eye(3, dtype=np.float32)
    matrix[:, 3] = offset
    visible = cv2.transform(visible, matrix)
    return np.clip(visible, 0.0, 1.0, out=visible)


def apply_photometry_to_thermal(
    thermal: Float[np.ndarray, "h w"], photometry: Photometry, *, mean: float
) -> Float[np.ndarray, "h w"]:
    """Change contrast and brightness of a thermal image: c · (x − mean) + mean + offset, clipped.

    Args:
        thermal: float32 in [0, 1].
        photometry: The change.
        mean: Of the full-resolution thermal image, for both thermals of a sample, so that one
            temperature keeps one value in both.

    Returns:
        float32 in [0, 1].
    """
    if photometry.thermal_contrast == 1.0 and photometry.thermal_offset == 0.0:
        return thermal
    offset = mean * (1.0 - photometry.thermal_contrast) + photometry.thermal_offset
    changed = thermal * np.float32(photometry.thermal_contrast) + np.float32(offset)
    return np.clip(changed, 0.0, 1.0, out=changed)
