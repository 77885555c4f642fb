"""The thermal camera: temperatures, reflections, blur and noise."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from mdjax.scenes.fields import sample_texture
from mdjax.scenes.raster import PartMap, average_samples
from mdjax.scenes.scene import Scene

_BLUR = 0.003
"""Standard deviation of the lens blur in image heights."""
_NOISE_U8 = 2.0
_COLUMN_NOISE_U8 = 1.0


def expose_thermal(
    rng: np.random.Generator,
    scene: Scene,
    part_map: PartMap,
    ghost_map: PartMap | None,
    misalignment: float = 0.0,
) -> UInt8[np.ndarray, "h w"]:
    """Draw the thermal image.

    heat = surface + grain + mirror · (reflected − air), mapped linearly from the scene's range to
    [0, 255], with noise per pixel and per column.

    Args:
        rng: Source of texture and noise.
        scene: Gives the temperature range and the air's temperature.
        part_map: What the camera sees.
        ghost_map: What wet roads and glass reflect.
        misalignment: Shifts the image by up to this share of its height, at random.
    """
    climate = scene.climate
    heat = average_samples(part_map, _heat_grain_mirror(part_map))
    height, width = heat.shape[:2]
    celsius = heat[..., 0] + heat[..., 1] * sample_texture(rng, (height, width))
    if ghost_map is not None:
        rise = _heat_grain_mirror(ghost_map)[:, :1] - np.float32(climate.air_c)
        rise[0] = 0
        celsius += 0.6 * heat[..., 2] * average_samples(ghost_map, rise)[..., 0]
    span_c = climate.thermal_high_c - climate.thermal_low_c
    shown = (celsius - np.float32(climate.thermal_low_c)) * np.float32(255 / span_c)
    shown = cv2.GaussianBlur(shown, (0, 0), _BLUR * height)
    shift = rng.uniform(-1, 1, 2) * misalignment * height
    if misalignment:
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
        shown = cv2.warpAffine(shown, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    shown += _NOISE_U8 * rng.standard_normal((height, width), np.float32)
    shown += _COLUMN_NOISE_U8 * rng.standard_normal((1, width), np.float32)
    return np.clip(shown + 0.5, 0, 255).astype(np.uint8)


def _heat_grain_mirror(part_map: PartMap) -> Float32[np.ndarray, "p 3"]:
    return np.array([(s.heat_c, s.heat_grain, s.mirror) for s in part_map.surfaces], np.float32)
