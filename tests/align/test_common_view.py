"""What both cameras see is cut out, and nothing is made up."""

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mdjax.align.common_view import CommonView, find_common_part, make_common_view
from mdjax.align.homography import CameraHomography
from mdjax.align.units import map_points
from mdjax.types import MdjaxError
from tests.align.rigs import (
    PART,
    THERMAL_WH,
    TWICE,
    VISIBLE_WH,
    make_thermal_u8,
    make_visible_u8,
    write_values,
)


def _make(matrix: Any, visible_wh: Any = VISIBLE_WH, thermal_wh: Any = THERMAL_WH) -> Any:
    rows: Any = tuple(tuple(map(float, row)) for row in matrix)
    return CameraHomography(visible_wh, thermal_wh, rows)


def test_without_options_there_is_no_view() -> None:
    assert make_common_view(None, None) is None


def test_crop_alone_leaves_the_thermal_image() -> None:
    view = CommonView((8, 3, 40, 27))
    visible_u8, thermal_u8 = make_visible_u8(0), make_thermal_u8(0)
    np.testing.assert_array_equal(view.cut_visible(visible_u8, "a"), visible_u8[3:27, 8:40])
    assert view.warp_thermal(thermal_u8, "a") is thermal_u8


def test_part_is_what_the_thermal_image_covers() -> None:
    assert find_common_part(_make(TWICE)) == PART


def test_part_ends_at_the_visible_image() -> None:
    """From (-2, 3) to (30, 27)."""
    assert find_common_part(_make([[2, 0, -1.5], [0, 2, 3.5], [0, 0, 1]])) == (0, 3, 30, 27)


def test_whole_pixels_alone_belong_to_the_part() -> None:
    """From (8.3, 3.3) to (40.3, 27.3)."""
    assert find_common_part(_make([[2, 0, 8.8], [0, 2, 3.8], [0, 0, 1]])) == (9, 4, 40, 27)


def test_part_lies_in_the_crop() -> None:
    assert find_common_part(_make(TWICE), (0, 5, 30, 30)) == (8, 5, 30, 27)


def test_no_rectangle_in_a_turned_image_is_larger() -> None:
    """Compared with all rectangles of a grid, four pixels apart."""
    turn = np.vstack([cv2.getRotationMatrix2D((7.5, 5.5), 10, 2.0), [0, 0, 1]])
    turn[:2, 2] += (12, 9)
    homography = _make(turn, (60, 50))
    left, top, right, bottom = find_common_part(homography)
    inverse = np.linalg.inv(homography.matrix)

    def is_covered(part: tuple[int, int, int, int]) -> bool:
        corners = np.array([[part[0], part[1]], [part[2], part[1]], [part[2], part[3]]], float)
        corners = np.vstack([corners, [part[0], part[3]]]) - 0.5
        places = map_points(inverse, corners) + 0.5
        return bool((places > -1e-6).all() and (places < np.array(THERMAL_WH) + 1e-6).all())

    assert is_covered((left, top, right, bottom))
    largest = max(
        (x1 - x0) * (y1 - y0)
        for (x0, x1), (y0, y1) in itertools.product(
            itertools.combinations(range(0, 60, 4), 2), itertools.combinations(range(0, 50, 4), 2)
        )
        if is_covered((x0, y0, x1, y1))
    )
    # What is lost is the rounding to whole pixels.
    assert (right - left) * (bottom - top) >= 0.95 * largest


def test_thermal_image_that_fits_keeps_its_pixels() -> None:
    """It is half as fine as the visible image, and covers exactly its part."""
    view = CommonView(PART, _make(TWICE))
    for thermal in (make_thermal_u8(1), make_thermal_u8(1).astype(np.uint16) * 100):
        warped = view.warp_thermal(thermal, "a")
        assert warped.dtype == thermal.dtype
        np.testing.assert_array_equal(warped, thermal)


def test_thermal_image_is_warped_onto_the_part() -> None:
    """A thermal image that is shifted by 3 and 2 pixels, of the visible one's resolution."""
    scene_u8 = np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8)
    view = CommonView((3, 2, 40, 30), _make([[1, 0, 3], [0, 1, 2], [0, 0, 1]], (40, 30), (40, 30)))
    thermal_u8 = np.roll(scene_u8, (-2, -3), (0, 1))
    np.testing.assert_array_equal(view.warp_thermal(thermal_u8, "a"), scene_u8[2:, 3:])


def test_ramp_lies_where_the_homography_puts_it() -> None:
    """The grey level is the column in the visible image, which every smooth resampling keeps.

    At 1.6 visible pixels in one, 50x40 pixels become 31x25.
    """
    matrix = np.array([[1.6, 0.1, 5.0], [-0.05, 1.6, 8.0], [0.0, 0.0, 1.0]])
    rows, columns = np.mgrid[:60, :60]
    thermal = (100 * (matrix[0] @ [columns.ravel(), rows.ravel(), np.ones(3600)])).reshape(60, 60)
    view = CommonView((20, 30, 70, 70), _make(matrix, (120, 110), (60, 60)))
    warped = view.warp_thermal(thermal.astype(np.uint16), "a")
    assert warped.shape == (25, 31)
    centres = 20 + (np.arange(31) + 0.5) * 50 / 31 - 0.5
    np.testing.assert_allclose(warped / 100, np.broadcast_to(centres, (25, 31)), atol=0.06)


def test_thermal_image_that_is_finer_is_averaged() -> None:
    """Stripes one pixel wide, of which the visible camera sees two in one, become grey."""
    stripes_u8 = np.zeros((40, 60), np.uint8)
    stripes_u8[:, ::2] = 200
    homography = _make([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]], (30, 20), (60, 40))
    view = CommonView(find_common_part(homography), homography)
    warped = view.warp_thermal(stripes_u8, "a")
    np.testing.assert_array_equal(warped, np.full((20, 30), 100, np.uint8))


@pytest.mark.parametrize(
    ("crop", "expected"),
    [
        ((8, 3, 8, 27), "at least 16x16 pixels"),
        ((-1, 3, 40, 27), "counted from 0"),
        ((30, 3, 10, 27), "left, top, right and bottom"),
    ],
)
def test_impossible_crops_are_refused(crop: Any, expected: str) -> None:
    with pytest.raises(MdjaxError, match=expected):
        make_common_view(crop, None)


def test_images_of_another_size_are_refused() -> None:
    view = CommonView(PART, _make(TWICE))
    with pytest.raises(MdjaxError, match=r"a\.png: has 16x12 pixels.*visible images of 40x30"):
        view.cut_visible(make_thermal_u8(0), "a.png")
    with pytest.raises(MdjaxError, match=r"has 32x24 pixels.*thermal images of 16x12.*mdjax align"):
        view.warp_thermal(np.zeros((24, 32), np.uint8), "a.png")
    with pytest.raises(MdjaxError, match="has 16x12 pixels, but --visible-crop 8 3 40 27 ends at"):
        CommonView(PART).cut_visible(make_thermal_u8(0), "a.png")


def test_cameras_that_see_nothing_in_common_are_refused(tmp_path: Path) -> None:
    path = write_values(
        tmp_path / "rig.json", thermal_to_visible=[[2, 0, 60], [0, 2, 3], [0, 0, 1]]
    )
    with pytest.raises(MdjaxError, match=r"rig\.json: there is no part of 16x16 pixels"):
        make_common_view(None, path)
    path = write_values(tmp_path / "rig.json")
    with pytest.raises(MdjaxError, match="ends outside visible images of 40x30"):
        make_common_view((0, 0, 41, 30), path)
    view = make_common_view(None, path)
    assert view is not None
    assert view.part_xyxy_px == PART
