"""Smooth random fields and light pools that look the same at every image size."""

import cv2
import numpy as np
from jaxtyping import Float32

from mdjax.scenes.scene import LightPool

_CELLS = 80
"""Cells of the finest texture per image height."""
_ASPECT = 3
_COARSE_ROWS = 48


def sample_texture(
    rng: np.random.Generator, image_size_hw: tuple[int, int]
) -> Float32[np.ndarray, "h w"]:
    """A texture of mean 0 and variance about 1 in two octaves; centred at the image's centre."""
    fine = rng.standard_normal((_CELLS, _ASPECT * _CELLS), np.float32)
    coarse = rng.standard_normal((_CELLS // 5, _ASPECT * _CELLS // 5), np.float32)
    return 0.9 * _stretch(fine, image_size_hw) + 0.7 * _stretch(coarse, image_size_hw)


def _stretch(
    grid: Float32[np.ndarray, "r s"], image_size_hw: tuple[int, int]
) -> Float32[np.ndarray, "h w"]:
    height, width = image_size_hw
    step = grid.shape[0] / height
    offset_x = 0.5 * (grid.shape[1] - width * step)
    matrix = np.array([[step, 0, offset_x + 0.5 * step - 0.5], [0, step, 0.5 * step - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grid, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)


def sum_light_pools(
    pools: tuple[LightPool, ...], image_size_hw: tuple[int, int]
) -> Float32[np.ndarray, "h w 3"]:
    """Light of all street lamps at every pixel."""
    height, width = image_size_hw
    light = np.zeros((height, width, 3), np.float32)
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    x = (np.arange(width, dtype=np.float32)[None, :] + 0.5 - 0.5 * width) / height
    for pool in pools:
        falloff_y = np.exp(-(((y - pool.y) / pool.radius_y) ** 2))
        falloff_x = np.exp(-(((x - pool.x) / pool.radius_x) ** 2))
        light += (falloff_y * falloff_x)[..., None] * np.array(pool.colour, np.float32)
    return light


def spread_glare(glow: Float32[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """The halo that lamps leave in the lens: two Gaussians, 3% and 10% of the height wide."""
    height, width = glow.shape[:2]
    coarse_width = max(1, round(_COARSE_ROWS * width / height))
    small = cv2.resize(glow, (coarse_width, _COARSE_ROWS), interpolation=cv2.INTER_AREA)
    narrow = cv2.GaussianBlur(small, (0, 0), 0.03 * _COARSE_ROWS)
    broad = cv2.GaussianBlur(small, (0, 0), 0.1 * _COARSE_ROWS)
    return cv2.resize(0.25 * narrow + 0.12 * broad, (width, height), interpolation=cv2.INTER_LINEAR)
