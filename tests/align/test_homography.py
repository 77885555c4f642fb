"""The file of two cameras is read as it was written, and nonsense in it is refused."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.align.homography import (
    CameraHomography,
    Evidence,
    make_homography,
    read_homography,
    write_homography,
)
from mdjax.types import MdjaxError
from tests.align.rigs import THERMAL_WH, TWICE, VISIBLE_WH, write_values


def test_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    homography = CameraHomography(
        VISIBLE_WH,
        THERMAL_WH,
        ((2.0, 0.1, 8.5), (0.0, 2.0, 3.5), (1e-4, 0.0, 1.0)),
        evidence=Evidence("edges", 12, 0.75),
    )
    path = tmp_path / "rig.json"
    write_homography(homography, path)
    assert read_homography(path) == homography


def test_file_of_another_program_needs_sizes_and_matrix_alone(tmp_path: Path) -> None:
    homography = read_homography(write_values(tmp_path / "rig.json"))
    np.testing.assert_array_equal(homography.matrix, TWICE)
    assert homography.evidence is None


def test_edges_of_the_thermal_image_are_mapped_as_boxes_count() -> None:
    """16x12 pixels of 2x2 visible ones, from (8, 3): to (40, 27)."""
    corners = CameraHomography(VISIBLE_WH, THERMAL_WH, _to_rows(TWICE)).map_edges()
    np.testing.assert_allclose(corners, [[8, 3], [40, 3], [40, 27], [8, 27]])


def test_of_a_matrix_only_the_ratios_count() -> None:
    evidence = Evidence("points", 6, 0.0)
    homography = make_homography(-3 * np.array(TWICE), VISIBLE_WH, THERMAL_WH, evidence)
    np.testing.assert_allclose(homography.matrix, TWICE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"thermal_to_visible": [[2, 0, 40], [0, 0, 1], [0, 0, 1]]}, "cannot be inverted"),
        ({"thermal_to_visible": [[-2, 0, 40], [0, 2, 3], [0, 0, 1]]}, "mirrors the thermal image"),
        ({"thermal_to_visible": [[2, 0, 8], [0, -2, 27], [0, 0, 1]]}, "mirrors the thermal image"),
        ({"thermal_to_visible": [[2, 0, 8], [0, 2, 3], [-0.1, 0, 1]]}, "behind the visible camera"),
        ({"thermal_to_visible": [[2, 0, 8], [0, 2, 3], [-0.05, 0, 1]]}, "times as large"),
        ({"thermal_to_visible": [[2, 0, 8], [0, 2, 3]]}, "thermal_to_visible"),
        ({"thermal_size_wh_px": [0, 12]}, "at least one column"),
        ({"pixel_convention": "corners"}, "pixel_convention"),
        ({"matrix": 1}, "unknown key 'matrix'"),
    ],
)
def test_nonsense_is_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    path = write_values(tmp_path / "rig.json", **changes)
    with pytest.raises(MdjaxError, match=expected) as error:
        read_homography(path)
    assert str(error.value).startswith(f"{path} does not fit a homography:\n")
    assert "Give the JSON file that `mdjax align` writes" in str(error.value)


def test_matrix_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rig.json"
    path.write_text("[[1, 0, 0], [0, 1, 0], [0, 0, 1]]")
    with pytest.raises(MdjaxError, match=r"\[0, 0, 1\]\], expected keys and values\n"):
        read_homography(path)


def test_numbers_have_to_be_finite(tmp_path: Path) -> None:
    """A file cannot even say so: JSON has no such numbers."""
    rows = _to_rows([[2, 0, math.nan], [0, 2, 3], [0, 0, 1]])
    with pytest.raises(MdjaxError, match="not finite"):
        CameraHomography(VISIBLE_WH, THERMAL_WH, rows)
    path = tmp_path / "rig.json"
    path.write_text('{"thermal_to_visible": [[NaN, 0, 0], [0, 1, 0], [0, 0, 1]]}')
    with pytest.raises(MdjaxError, match="NaN is not a number"):
        read_homography(path)


def test_half_turn_is_no_mirror_image() -> None:
    """A camera that hangs upside down: (15, 11) becomes (8.5, 3.5)."""
    rows = _to_rows([[-2, 0, 38.5], [0, -2, 25.5], [0, 0, 1]])
    corners = CameraHomography(VISIBLE_WH, THERMAL_WH, rows).map_edges()
    np.testing.assert_allclose(corners[2], [8, 3])


def test_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"absent\.json: cannot be read.*mdjax align"):
        read_homography(tmp_path / "absent.json")


def _to_rows(matrix: list[list[float]]) -> Any:
    return tuple(tuple(map(float, row)) for row in matrix)
