"""The homography of two cameras from points that a person has clicked in both images."""

import math
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64

from mdjax.align.homography import CameraHomography, Evidence, make_homography
from mdjax.align.units import map_points
from mdjax.io.csv_table import CsvRow, read_csv_table
from mdjax.io.text_lines import raise_problems
from mdjax.types import MdjaxError, format_count

COLUMNS = ("visible_x_px", "visible_y_px", "thermal_x_px", "thermal_y_px")

_REMEDY = f"Correct it; the file has the columns {','.join(COLUMNS)}, one point a line."
_SWAPPED = "Visible and thermal seem to be swapped: with each other's columns, all points fit."
_MIN_POINTS = 6
_MIN_SHARE_THAT_FITS = 0.6
# Of the width of the visible image: how far a click may be off.
_MAX_DISTANCE = 0.006
_MIN_DISTANCE_PX = 2.0
# Of the thermal image: what is outside of the points is guessed from them.
_MIN_SPREAD = 0.1


def read_points(
    path: Path, visible_size_wh_px: tuple[int, int], thermal_size_wh_px: tuple[int, int]
) -> Float64[np.ndarray, "n 4"]:
    """Read points from a CSV file with the columns `visible_x_px` to `thermal_y_px`.

    Args:
        path: The file. Pixels count as image viewers show them: 0, 0 is the upper left one.
        visible_size_wh_px: Columns and rows of visible images.
        thermal_size_wh_px: The same of thermal images.

    Returns:
        The four columns, one point a row.

    Raises:
        MdjaxError: The file cannot be read, or a line is wrong; the message names all of them.
    """
    rows = read_csv_table(path, COLUMNS, numbers=COLUMNS, remedy=_REMEDY)
    points, problems = _read_rows(rows, (*visible_size_wh_px, *thermal_size_wh_px))
    if problems:
        _, problems_swapped = _read_rows(rows, (*thermal_size_wh_px, *visible_size_wh_px))
        remedy = f"{_REMEDY} {_SWAPPED}" if not problems_swapped else _REMEDY
        raise_problems(path, problems, remedy)
    if len(points) < _MIN_POINTS:
        raise MdjaxError(
            f"{path}: has {format_count(len(points), 'point')}, at least {_MIN_POINTS} are needed; "
            "click more, all over what both cameras see."
        )
    return np.array(points, np.float64)


def estimate_from_points(
    points: Float64[np.ndarray, "n 4"],
    visible_size_wh_px: tuple[int, int],
    thermal_size_wh_px: tuple[int, int],
) -> CameraHomography:
    """Estimate the homography of two cameras from points, of which some may be wrong.

    Args:
        points: From `read_points`.
        visible_size_wh_px: Columns and rows of visible images.
        thermal_size_wh_px: The same of thermal images.

    Raises:
        MdjaxError: Too few points fit one homography, or they are too close together.
    """
    limit_px = max(_MIN_DISTANCE_PX, _MAX_DISTANCE * visible_size_wh_px[0])
    visible, thermal = points[:, :2], points[:, 2:]
    matrix, is_used = cv2.findHomography(thermal, visible, cv2.RANSAC, limit_px)
    if matrix is None:
        raise MdjaxError(
            "no homography fits the points: they lie on a line; click points all over what both "
            "cameras see."
        )
    fits = is_used.ravel() > 0
    num_fitting = int(fits.sum())
    if num_fitting < max(_MIN_POINTS - 1, _MIN_SHARE_THAT_FITS * len(points)):
        raise MdjaxError(
            f"no homography fits the points: {num_fitting} of {len(points)} are within "
            f"{limit_px:.1f} pixels of the best one; click distant things (near ones are seen from "
            "another angle), and check that each line is one thing in both images."
        )
    hull = cv2.convexHull(thermal[fits].astype(np.float32))
    spread = cv2.contourArea(hull) / (thermal_size_wh_px[0] * thermal_size_wh_px[1])
    if spread < _MIN_SPREAD:
        raise MdjaxError(
            f"the points that fit cover {spread:.0%} of the thermal image, {_MIN_SPREAD:.0%} would "
            "be the least; click points all over what both cameras see."
        )
    distances = np.linalg.norm(map_points(matrix, thermal[fits]) - visible[fits], axis=1)
    evidence = Evidence("points", num_fitting, float(np.sqrt(np.mean(distances**2))))
    try:
        return make_homography(matrix, visible_size_wh_px, thermal_size_wh_px, evidence)
    except MdjaxError as error:
        raise MdjaxError(f"no homography fits the points ({error})") from error


def _read_rows(
    rows: Sequence[CsvRow], sizes_px: tuple[int, ...]
) -> tuple[list[list[float]], list[str]]:
    """The points, and what is wrong with other lines."""
    points: list[list[float]] = []
    problems: list[str] = []
    for row in rows:
        try:
            if row.problem:
                raise MdjaxError(row.problem)
            points.append(_read_point(row.cells, sizes_px))
        except MdjaxError as error:
            problems.append(f"line {row.number}: {error}")
    return points, problems


def _read_point(cells: Sequence[str], sizes_px: tuple[int, ...]) -> list[float]:
    values: list[float] = []
    for name, cell, size_px in zip(COLUMNS, cells, sizes_px, strict=True):
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not -0.5 <= value <= size_px - 0.5:
            raise MdjaxError(f"{name} {cell!r} is no pixel of an image with {size_px} of them")
        values.append(value)
    return values
