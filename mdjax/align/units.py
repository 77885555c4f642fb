"""Coordinates that do not depend on how many pixels an image has.

An image is 1 wide, from its left edge (0) to its right edge (1), and `rows / columns` high: both
axes have the same unit.
"""

import numpy as np
from jaxtyping import Float64

Matrix = Float64[np.ndarray, "3 3"]
"""A homography, of which only the ratios count: it maps (x, y, 1) to a multiple of (x', y', 1)."""

SizeHw = tuple[int, int]


def make_to_pixels(size_hw: SizeHw, aspect: float | None = None) -> Matrix:
    """Make the map to pixels, whose centres are whole numbers from 0.

    Args:
        size_hw: Rows and columns of the image.
        aspect: Rows over columns that it had before it was stretched to this size; its own if None.
    """
    height, width = size_hw
    down = width if aspect is None else height / aspect
    return np.array([[width, 0, -0.5], [0, down, -0.5], [0, 0, 1]], np.float64)


def map_points(matrix: Matrix, points_xy: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
    """Map points by a homography; points at infinity become very distant."""
    mapped = np.column_stack([points_xy, np.ones(len(points_xy))]) @ matrix.T
    divisor = mapped[:, 2:]
    return mapped[:, :2] / np.where(np.abs(divisor) < 1e-12, 1e-12, divisor)


def list_corners(size_hw: SizeHw) -> Float64[np.ndarray, "4 2"]:
    """Corners of an image: upper left, upper right, lower right, lower left."""
    aspect = size_hw[0] / size_hw[1]
    return np.array([[0, 0], [1, 0], [1, aspect], [0, aspect]], np.float64)
