import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.checks.annotations import clip_box, scale_box
from mdjax.types import MdjaxError

COORDINATES = st.floats(-50, 150, allow_nan=False)


def test_box_inside_stays_as_it_is():
    clipped = clip_box((1.5, 2.0, 8.0, 9.25), (10, 20), "a.txt, line 1")
    assert clipped.box_xyxy_px == (1.5, 2.0, 8.0, 9.25)
    assert clipped.overhang_px == 0


def test_box_that_sticks_out_is_clipped_and_measured():
    """Left by 2, bottom by 13 - 10 = 3: the farthest edge counts."""
    clipped = clip_box((-2.0, 1.0, 5.0, 13.0), (10, 20), "a.txt")
    assert clipped.box_xyxy_px == (0.0, 1.0, 5.0, 10.0)
    assert clipped.overhang_px == 3


@pytest.mark.parametrize(
    "box",
    [(20.0, 0, 25, 5), (-5.0, 0, 0, 5), (0.0, 10, 5, 12), (0.0, -3, 5, 0), (40.0, 40, 50, 50)],
)
def test_box_wholly_outside_is_refused(box):
    with pytest.raises(MdjaxError, match=r"a\.txt, line 3: box .* outside its image of 20x10"):
        clip_box(box, (10, 20), "a.txt, line 3")


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((-6.0, 0, 5, 5), "45.5%"),
        ((15.0, 5, 23, 13), "39.1%"),
        ((1.0, -1e9, 5, 5), "0.0%"),
        ((-1e200, -1e200, 1e200, 1e200), "0.0%"),
    ],
)
def test_box_mostly_outside_is_refused(box, share):
    """Inside: 5 of 11 columns; 5 of 8 columns and 5 of 8 rows, 25 / 64 = 0.391."""
    message = rf"a\.txt, line 3: box .* has {share} of its area inside its image of 20x10 pixels"
    with pytest.raises(MdjaxError, match=message):
        clip_box(box, (10, 20), "a.txt, line 3")


def test_box_half_inside_is_clipped():
    """5 of 10 columns; a thousandth of a pixel further is rounding."""
    assert clip_box((-5.0, 0, 5, 5), (10, 20), "") == ((0.0, 0.0, 5.0, 5.0), 5)
    assert clip_box((-5.001, 0, 5, 5), (10, 20), "").box_xyxy_px == (0.0, 0.0, 5.0, 5.0)


@pytest.mark.parametrize("box", [(3.0, 2, 3, 5), (3.0, 2, 2, 5), (3.0, 2, 5, 2), (3.0, 2, 5, 1)])
def test_box_without_area_is_refused(box):
    with pytest.raises(MdjaxError, match="both need to be positive"):
        clip_box(box, (10, 20), "a.txt")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("position", range(4))
def test_coordinate_that_is_no_number_is_refused(value, position):
    box = [1.0, 1.0, 5.0, 5.0]
    box[position] = value
    with pytest.raises(MdjaxError, match="not a finite number"):
        clip_box((box[0], box[1], box[2], box[3]), (10, 20), "a.txt")


@given(COORDINATES, COORDINATES, COORDINATES, COORDINATES)
def test_what_is_not_refused_lies_inside_with_an_area(left, top, right, bottom):
    try:
        clipped = clip_box((left, top, right, bottom), (80, 100), "")
    except MdjaxError:
        width, height = right - left, bottom - top
        width_inside = min(right, 100) - max(left, 0)
        height_inside = min(bottom, 80) - max(top, 0)
        is_small = width_inside * height_inside <= 0.5001 * width * height
        assert width <= 0 or height <= 0 or width_inside <= 0 or height_inside <= 0 or is_small
        return
    x1, y1, x2, y2 = clipped.box_xyxy_px
    assert 0 <= x1 < x2 <= 100
    assert 0 <= y1 < y2 <= 80
    assert clip_box(clipped.box_xyxy_px, (80, 100), "") == (clipped.box_xyxy_px, 0)


def test_shares_become_pixels_of_their_own_axis():
    """20 columns, 10 rows."""
    assert scale_box((0.25, 0.5, 0.5, 1.0), (10, 20)) == (5.0, 5.0, 10.0, 10.0)
