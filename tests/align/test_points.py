"""Points that were clicked, some of them wrongly."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mdjax.align.points import COLUMNS, estimate_from_points, read_points
from mdjax.align.units import map_points
from mdjax.types import MdjaxError

VISIBLE_WH, THERMAL_WH = (640, 480), (160, 120)
KNOWN = np.array([[3.0, 0.1, 60.0], [-0.08, 3.1, 40.0], [1e-4, -1e-4, 1.0]])
THERMAL = np.array(
    [[10, 12], [150, 8], [145, 110], [12, 108], [80, 60], [40, 90], [120, 30], [70, 20]], float
)


def _make_points(thermal: np.ndarray = THERMAL) -> np.ndarray:
    return np.hstack([map_points(KNOWN, thermal), thermal])


def _estimate(points: np.ndarray) -> np.ndarray:
    return estimate_from_points(points, VISIBLE_WH, THERMAL_WH).matrix


def write_points(path: Path, points: Sequence[Sequence[float]]) -> Path:
    lines = [",".join(COLUMNS), *(", ".join(map(str, row)) for row in points)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_homography_goes_through_the_points() -> None:
    homography = estimate_from_points(_make_points(), VISIBLE_WH, THERMAL_WH)
    np.testing.assert_allclose(homography.matrix, KNOWN, rtol=1e-4, atol=1e-6)
    assert homography.evidence is not None
    assert (homography.evidence.method, homography.evidence.num_pairs) == ("points", 8)
    assert homography.evidence.residual_px < 0.01


def test_wrong_points_are_left_out() -> None:
    points = _make_points()
    points[4, :2] += (60, -30)
    points[6, :2] -= (25, 40)
    homography = estimate_from_points(points, VISIBLE_WH, THERMAL_WH)
    np.testing.assert_allclose(homography.matrix, KNOWN, rtol=1e-4, atol=1e-6)
    assert homography.evidence is not None
    assert homography.evidence.num_pairs == 6


def test_points_without_common_homography_are_refused() -> None:
    points = _make_points()
    points[:, :2] = np.random.default_rng(0).uniform(0, 480, (8, 2))
    with pytest.raises(MdjaxError, match=r"of 8 are within 3\.8 pixels of the best one"):
        _estimate(points)


def test_points_on_a_line_are_refused() -> None:
    thermal = np.stack([np.linspace(5, 150, 8), np.linspace(5, 110, 8)], axis=1)
    with pytest.raises(MdjaxError, match="click points all over what both cameras see"):
        _estimate(_make_points(thermal))


def test_points_that_are_close_together_are_refused() -> None:
    """The points lie within 28x20 of 160x120 pixels."""
    with pytest.raises(MdjaxError, match="of the thermal image, 10% would be the least"):
        _estimate(_make_points(THERMAL * 0.2 + 30))


def test_mirrored_points_are_refused() -> None:
    points = _make_points()
    points[:, 0] = 600 - points[:, 0]
    with pytest.raises(MdjaxError, match="mirrors the thermal image"):
        _estimate(points)


def test_file_is_read(tmp_path: Path) -> None:
    points = _make_points().round(1)
    path = write_points(tmp_path / "points.csv", points.tolist())
    np.testing.assert_array_equal(read_points(path, VISIBLE_WH, THERMAL_WH), points)


def test_swapped_cameras_are_told(tmp_path: Path) -> None:
    points = _make_points()
    path = write_points(tmp_path / "points.csv", points[:, [2, 3, 0, 1]].tolist())
    with pytest.raises(MdjaxError, match="Visible and thermal seem to be swapped"):
        read_points(path, VISIBLE_WH, THERMAL_WH)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1,2,3", "line 3: has 3 columns, the header 4"),
        ("1,2,3,x", "line 3: thermal_y_px 'x' is no pixel of an image with 120 of them"),
        ("640,2,3,4", "line 3: visible_x_px '640' is no pixel of an image with 640"),
        ("1,2,-1,4", "line 3: thermal_x_px '-1' is no pixel"),
        ("1,nan,3,4", "line 3: visible_y_px 'nan' is no pixel"),
    ],
)
def test_wrong_lines_are_told(tmp_path: Path, row: str, expected: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(f"{','.join(COLUMNS)}\n1,2,3,4\n{row}\n")
    with pytest.raises(MdjaxError, match=expected):
        read_points(path, VISIBLE_WH, THERMAL_WH)


def test_header_and_number_of_points_are_checked(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("x,y\n1,2\n")
    with pytest.raises(MdjaxError, match="line 1: the header 'x,y' has no visible_x_px, visible_y"):
        read_points(path, VISIBLE_WH, THERMAL_WH)
    write_points(path, _make_points()[:5].tolist())
    with pytest.raises(MdjaxError, match="has 5 points, at least 6 are needed"):
        read_points(path, VISIBLE_WH, THERMAL_WH)
