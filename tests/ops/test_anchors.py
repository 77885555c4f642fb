"""The grid of anchors, by hand, and options that make none."""

import numpy as np
import pytest

from mdjax.ops.anchors import AnchorOptions, create_anchors
from mdjax.types import MdjaxError


def test_anchors_are_ordered_by_level_row_column_scale_and_shape() -> None:
    """An image of 8x16 px with cells of 8 px, then one cell of 8x16 px.

    Level 0, heights 4 and 8, widths ½ and 2 heights, around (4, 4) and (12, 4); level 1, heights
    16 and 32 around (8, 4).
    """
    options = AnchorOptions((4, 16), octave_scales=(1, 2), width_over_height=(0.5, 2))
    anchors_xyxy_px = create_anchors(options, [(1, 2), (1, 1)], (8, 16))
    expected = [
        [3, 2, 5, 6],
        [0, 2, 8, 6],
        [2, 0, 6, 8],
        [-4, 0, 12, 8],
        [11, 2, 13, 6],
        [8, 2, 16, 6],
        [10, 0, 14, 8],
        [4, 0, 20, 8],
        [4, -4, 12, 12],
        [-8, -4, 24, 12],
        [0, -12, 16, 20],
        [-24, -12, 40, 20],
    ]
    assert options.num_per_cell == 4
    assert anchors_xyxy_px.dtype == np.float32
    np.testing.assert_allclose(anchors_xyxy_px, expected)


def test_rows_come_before_columns() -> None:
    options = AnchorOptions((2,), octave_scales=(1,), width_over_height=(1,))
    anchors_xyxy_px = create_anchors(options, [(2, 3)], (20, 60))
    centers = (anchors_xyxy_px[:, :2] + anchors_xyxy_px[:, 2:]) / 2
    expected = [[10, 5], [30, 5], [50, 5], [10, 15], [30, 15], [50, 15]]
    np.testing.assert_allclose(centers, expected)


def test_pedestrian_anchors_at_full_size() -> None:
    """(64·80 + 32·40 + 16·20) · 3 = 20,160; heights 40 to 160·2^⅔ = 253.98, .41 times as wide."""
    feature_sizes_hw = [(64, 80), (32, 40), (16, 20)]
    anchors_xyxy_px = create_anchors(AnchorOptions(), feature_sizes_hw, (512, 640))
    widths, heights = (anchors_xyxy_px[:, 2:] - anchors_xyxy_px[:, :2]).T
    assert len(anchors_xyxy_px) == 20160
    np.testing.assert_allclose(heights[:3], [40, 50.397, 63.496], atol=1e-3)
    assert heights[-1] == pytest.approx(253.984, abs=1e-3)
    np.testing.assert_allclose(widths / heights, 0.41, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (AnchorOptions((40, -80, 160)), "base_heights_px"),
        (AnchorOptions(octave_scales=()), "octave_scales"),
        (AnchorOptions(width_over_height=(0.0,)), "width_over_height"),
        (AnchorOptions(width_over_height=(float("nan"),)), "width_over_height"),
    ],
)
def test_sizes_that_are_no_sizes_are_refused(options: AnchorOptions, named: str) -> None:
    with pytest.raises(MdjaxError, match=f"sizes > 0 in every option, not {named}"):
        create_anchors(options, [(4, 4), (2, 2), (1, 1)], (32, 32))


def test_all_wrong_options_are_named_at_once() -> None:
    with pytest.raises(MdjaxError, match=r"octave_scales = \(\), width_over_height = \(-1,\)"):
        create_anchors(AnchorOptions((4,), (), (-1,)), [(4, 4)], (32, 32))


def test_other_number_of_levels_is_refused() -> None:
    with pytest.raises(MdjaxError, match="names 3 pyramid levels, but the network has 2"):
        create_anchors(AnchorOptions(), [(4, 4), (2, 2)], (32, 32))


def test_image_without_cells_is_refused() -> None:
    with pytest.raises(MdjaxError, match="give a larger image"):
        create_anchors(AnchorOptions((4,)), [(0, 4)], (4, 32))
