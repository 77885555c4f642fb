"""Generated scenes that a thermal camera with another lens sees from another angle."""

from collections.abc import Sequence

import cv2
import numpy as np

from mdjax.align.estimate import GreyPairs, reduce_image
from mdjax.align.homography import CameraHomography
from mdjax.align.units import Matrix, list_corners, map_points
from mdjax.scenes import render_scene

SIZE_HW = (96, 128)
THERMAL_HW = (60, 80)

# Thermal pixel to visible pixel: a narrower lens, turned by 2 degrees, with some perspective.
KNOWN: Matrix = np.array([[1.25, -0.045, 18.0], [0.045, 1.25, 8.0], [1e-4, -2e-4, 1.0]])


def make_pairs(numbers: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Visible images, and what that camera sees of the same scenes."""
    scenes = [render_scene(0, number, SIZE_HW) for number in numbers]
    size_wh = THERMAL_HW[::-1]
    return [
        (
            scene.visible_u8,
            cv2.warpPerspective(scene.thermal_u8, np.linalg.inv(KNOWN), size_wh),
        )
        for scene in scenes
    ]


def make_grey_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> GreyPairs:
    visible, thermal = zip(*pairs, strict=True)
    return GreyPairs(
        [reduce_image(image) for image in visible],
        [reduce_image(image) for image in thermal],
        (visible[0].shape[1], visible[0].shape[0]),
        (thermal[0].shape[1], thermal[0].shape[0]),
    )


def measure_error_px(homography: CameraHomography) -> float:
    """Largest distance, over the corners of the thermal image, from where they belong."""
    corners = list_corners(THERMAL_HW) * THERMAL_HW[1] - 0.5
    found, known = (map_points(matrix, corners) for matrix in (homography.matrix, KNOWN))
    return float(np.linalg.norm(found - known, axis=1).max())
