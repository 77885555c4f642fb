"""The homography between the thermal and the visible camera of one rig, and its JSON file."""

import dataclasses
import math
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64

from mdjax.align.units import Matrix, list_corners, map_points
from mdjax.config import config_from_dict, config_to_dict
from mdjax.io.json_file import read_json, write_json
from mdjax.types import MdjaxError

PixelConvention = Literal["centres of pixels are whole numbers; 0, 0 is the upper left pixel"]

_MatrixRow = tuple[float, float, float]
_REMEDY = (
    "Give the JSON file that `mdjax align` writes; points that you have clicked become one with "
    "`mdjax align --points`."
)
# Of the area that a pixel has in the middle: a camera that looks so obliquely is a mistake.
_MAX_AREA_RATIO = 20.0


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What an alignment was estimated from, and how sure it is.

    Attributes:
        method: "edges" of image pairs, or "points" that a person has clicked.
        num_pairs: Image pairs, or points that fit.
        residual_px: In pixels of the visible image. Of edges: the largest distance, over the
            corners of what both cameras see, between the alignments of two halves of the pairs. Of
            points: the root of the mean squared distance.
    """

    method: Literal["edges", "points"]
    num_pairs: int
    residual_px: float


@dataclasses.dataclass(frozen=True)
class CameraHomography:
    """Where each point of a thermal image lies in the visible image of the pair.

    Attributes:
        visible_size_wh_px: Columns and rows of every visible image.
        thermal_size_wh_px: Columns and rows of every thermal image.
        thermal_to_visible: Three rows; (x, y, 1) in pixels of the thermal image becomes a multiple
            of (x', y', 1) in pixels of the visible one.
        pixel_convention: How pixels are counted.
        evidence: What it was estimated from; None if it comes from elsewhere.
    """

    visible_size_wh_px: tuple[int, int]
    thermal_size_wh_px: tuple[int, int]
    thermal_to_visible: tuple[_MatrixRow, _MatrixRow, _MatrixRow]
    pixel_convention: PixelConvention = (
        "centres of pixels are whole numbers; 0, 0 is the upper left pixel"
    )
    evidence: Evidence | None = None

    def __post_init__(self):
        for name in ("visible_size_wh_px", "thermal_size_wh_px"):
            if min(getattr(self, name)) < 1:
                raise MdjaxError(f"{name}: a camera has at least one column and one row.")
        if not all(math.isfinite(value) for row in self.thermal_to_visible for value in row):
            raise MdjaxError("thermal_to_visible: holds a number that is not finite.")
        _check_geometry(self.matrix, self.thermal_size_wh_px)

    @property
    def matrix(self) -> Matrix:
        """The three rows as an array."""
        return np.array(self.thermal_to_visible, np.float64)

    def map_edges(self) -> Float64[np.ndarray, "4 2"]:
        """Corners of the thermal image, by its outer edges, in the visible image.

        Upper left, upper right, lower right, lower left; in pixels of the visible image, which
        begins at 0, as boxes count.
        """
        width, height = self.thermal_size_wh_px
        corners = list_corners((height, width)) * width - 0.5
        return map_points(self.matrix, corners) + 0.5


def make_homography(
    matrix: Matrix,
    visible_size_wh_px: tuple[int, int],
    thermal_size_wh_px: tuple[int, int],
    evidence: Evidence,
) -> CameraHomography:
    """Make a homography from its matrix, of which only the ratios count.

    Raises:
        MdjaxError: As `read_homography`.
    """
    scaled = matrix / matrix[2, 2] if matrix[2, 2] else matrix
    first, second, third = (tuple(row) for row in scaled.tolist())
    return CameraHomography(
        visible_size_wh_px, thermal_size_wh_px, (first, second, third), evidence=evidence
    )


def read_homography(path: Path) -> CameraHomography:
    """Read the homography of two cameras.

    Raises:
        MdjaxError: The file is missing or damaged; or the matrix is not finite, not invertible,
            mirrors the image, or has its horizon in it.
    """
    values = read_json(path, remedy=_REMEDY)
    try:
        return config_from_dict(CameraHomography, values, source=path, kind="a homography")
    except MdjaxError as error:
        raise MdjaxError(f"{error}\n{_REMEDY}") from error


def write_homography(homography: CameraHomography, path: Path) -> None:
    """Write the homography of two cameras, for `read_homography`.

    Raises:
        MdjaxError: The file cannot be written.
    """
    write_json(path, config_to_dict(homography))


def _check_geometry(matrix: Matrix, thermal_size_wh_px: tuple[int, int]) -> None:
    """Refuse what no two cameras that look the same way can have."""
    name = "thermal_to_visible"
    width, height = thermal_size_wh_px
    corners = list_corners((height, width)) * width - 0.5
    points = np.vstack([corners, corners.mean(axis=0)])
    depths = np.column_stack([points, np.ones(5)]) @ matrix[2]
    determinant = float(np.linalg.det(matrix))
    if determinant == 0 or np.linalg.cond(matrix) > 1e12:
        raise MdjaxError(f"{name}: cannot be inverted, so it maps an image to a line or a point.")
    if depths.min() <= 0 <= depths.max():
        raise MdjaxError(f"{name}: puts a part of the thermal image behind the visible camera.")
    # A small area changes by det(H) / w³ where w = (x, y, 1) · third row.
    areas = determinant / depths**3
    if areas.min() < 0:
        raise MdjaxError(
            f"{name}: mirrors the thermal image; both images of a pair must show left on the left."
        )
    if areas.max() > _MAX_AREA_RATIO * areas.min():
        raise MdjaxError(
            f"{name}: a pixel at one corner becomes {areas.max() / areas.min():.3g} times as large "
            "as one elsewhere; two cameras that look the same way do not differ so."
        )
