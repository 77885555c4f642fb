"""The foreground share and the ellipses that guide the attention of the teacher."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.ops.masks import compute_anchor_mask, compute_ellipse_masks, compute_foreground_mask

LABELS_U8 = np.array(
    [
        [0, 0, 1, 2],
        [0, 3, 8, 5],
        [255, 0, 0, 255],
        [255, 7, 255, 255],
    ],
    np.uint8,
)


def test_foreground_is_the_share_of_labelled_pixels() -> None:
    """Cells of 2x2 pixels hold 1 of 4, 4 of 4, 1 of 4 and 0 of 4 labelled ones (255 is none)."""
    mask = compute_foreground_mask(LABELS_U8[None], (2, 2))
    assert mask.dtype == jnp.float32
    np.testing.assert_allclose(mask[0, ..., 0], [[0.25, 1.0], [0.25, 0.0]])


def test_foreground_at_image_size_is_binary() -> None:
    mask = compute_foreground_mask(LABELS_U8[None], (4, 4))
    expected = (LABELS_U8 > 0) & (LABELS_U8 < 255)
    np.testing.assert_array_equal(mask[0, ..., 0], expected)


def test_foreground_of_uneven_grid_uses_overlapping_windows() -> None:
    """4 columns in 3 windows: {0, 1}, {1, 2}, {2, 3}; the top 2 rows hold (0, 1, 2, 2) of 2.

    Shares (0 + 1)/4, (1 + 2)/4, (2 + 2)/4.
    """
    mask = compute_foreground_mask(LABELS_U8[None, :2], (1, 3))
    np.testing.assert_allclose(mask[0, 0, :, 0], [0.25, 0.75, 1.0])


@pytest.mark.parametrize(("label", "expected"), [(0, 0.0), (255, 0.0), (1, 1.0), (8, 1.0)])
def test_foreground_of_uniform_image_is_all_or_nothing(label: int, expected: float) -> None:
    labels = np.full((2, 6, 8), label, np.uint8)
    np.testing.assert_allclose(compute_foreground_mask(labels, (3, 4)), expected, rtol=1e-6)


def draw(*boxes_xyxy_px: tuple[float, ...], size_hw: tuple[int, int] = (2, 2)) -> np.ndarray:
    """The mask of an image of 32x32 px."""
    boxes = jnp.asarray([boxes_xyxy_px], jnp.float32)
    mask = compute_ellipse_masks(boxes, jnp.ones((1, len(boxes_xyxy_px)), bool), (32, 32), size_hw)
    return np.asarray(mask)[0, ..., 0]


def test_circle_fills_pi_quarters_of_its_cells() -> None:
    """Radius 16 px around the middle: each cell of 16 px holds a quarter of it, π/4 = .7854.

    On 8 lines of half width √(1 − u²), u = 1/16, 3/16, … 15/16: (.9980 + .9823 + .9499 + .8992 +
    .8268 + .7262 + .5830 + .3480)/8 = .7892.
    """
    mask = draw((0, 0, 32, 32))
    np.testing.assert_allclose(mask, 0.7892, atol=1e-4)
    np.testing.assert_allclose(mask, np.pi / 4, atol=0.01)


def test_small_ellipse_keeps_its_area() -> None:
    """3x4 px away from the cell's centre: π/4·12 = 9.42 of 256 px.

    The 8 lines lie within the ellipse, at u = ±1/8, ±3/8, ±5/8, ±7/8:
    (.9922 + .9270 + .7806 + .4841)/4 = .7960, times 12 = 9.552.
    """
    mask = draw((3, 5, 6, 9))
    np.testing.assert_allclose(mask * 256, [[9.552, 0], [0, 0]], atol=1e-3)


def test_ellipse_of_two_columns_is_split_where_they_meet() -> None:
    """A circle of 16 px, half of it in each cell of the lower row: .7960/2 of a cell."""
    mask = draw((8, 16, 24, 32))
    np.testing.assert_allclose(mask, [[0, 0], [0.398, 0.398]], atol=1e-3)


def test_ellipses_that_meet_count_once() -> None:
    """The same twice, and one inside another."""
    np.testing.assert_array_equal(draw((0, 0, 32, 32), (0, 0, 32, 32)), draw((0, 0, 32, 32)))
    np.testing.assert_array_equal(draw((3, 5, 6, 9), (0, 0, 32, 32)), draw((0, 0, 32, 32)))


def test_boxes_that_are_not_valid_and_empty_ones_draw_nothing() -> None:
    boxes = jnp.asarray([[[0.0, 0, 32, 32], [4, 4, 4, 9], [9, 9, 4, 4], [0, 0, 0, 0]]])
    is_valid = jnp.asarray([[False, True, True, True]])
    mask = compute_ellipse_masks(boxes, is_valid, (32, 32), (2, 2))
    assert mask.dtype == jnp.float32
    np.testing.assert_array_equal(mask, 0)


def test_images_of_a_batch_keep_their_own_ellipses() -> None:
    boxes = jnp.asarray([[[0.0, 0, 32, 32]], [[3, 5, 6, 9]]])
    mask = compute_ellipse_masks(boxes, jnp.ones((2, 1), bool), (32, 32), (2, 2))
    np.testing.assert_allclose(mask[0, ..., 0], draw((0, 0, 32, 32)), rtol=1e-6)
    np.testing.assert_allclose(mask[1, ..., 0], draw((3, 5, 6, 9)), rtol=1e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 9999))
def test_ellipse_agrees_with_fine_pixels(seed: int) -> None:
    """Boxes of 1 to 30 px, also beyond the image; reference on 32 x 32 points a pixel."""
    generator = np.random.default_rng(seed)
    left, top = generator.uniform(-8, 28, 2)
    width, height = generator.uniform(1, 30, 2)
    points = (np.arange(1024) + 0.5) / 32
    x = (points - left - width / 2) / (width / 2)
    y = (points - top - height / 2) / (height / 2)
    is_inside = x[None] ** 2 + y[:, None] ** 2 <= 1
    expected = is_inside.reshape(4, 256, 2, 512).mean((1, 3))
    mask = draw((left, top, left + width, top + height), size_hw=(4, 2))
    np.testing.assert_allclose(mask, expected, atol=0.015)


# -- Cells near objects ---------------------------------------------------------------------------

# One anchor of 16x16 px on each of three cells, 8 px apart.
ROW_OF_ANCHORS = jnp.array([[0.0, 0, 16, 16], [8, 0, 24, 16], [16, 0, 32, 16]])


def draw_near(*boxes: tuple[float, ...], share: float = 0.5) -> list[float]:
    array = jnp.asarray(boxes, jnp.float32)[None]
    mask = compute_anchor_mask(
        array, jnp.ones(array.shape[:2], bool), ROW_OF_ANCHORS, (1, 3), share
    )
    assert mask.shape == (1, 1, 3, 1)
    assert mask.dtype == jnp.float32
    return mask.ravel().tolist()


def test_cells_near_an_object_are_those_whose_overlap_is_above_a_share_of_the_best() -> None:
    """The first anchor is the object: IoUs 1, 128 / (256 + 256 - 128) = 1/3, 0."""
    assert draw_near((0, 0, 16, 16)) == [1, 0, 0]
    assert draw_near((0, 0, 16, 16), share=0.3) == [1, 1, 0]
    assert draw_near((0, 0, 16, 16), share=0.0) == [1, 1, 0]


def test_small_object_has_the_cells_of_its_best_anchors() -> None:
    """4x4 px inside the first two anchors: both have IoU 16/256, the third has 0."""
    assert draw_near((10, 4, 14, 8)) == [1, 1, 0]


def test_objects_share_a_mask_and_those_beyond_all_anchors_draw_nothing() -> None:
    assert draw_near((0, 0, 16, 16), (16, 0, 32, 16)) == [1, 0, 1]
    assert draw_near((40, 0, 50, 16), (0, 0, 0, 0)) == [0, 0, 0]


def test_several_anchors_of_a_cell_count_as_one_and_rows_that_fill_up_draw_nothing() -> None:
    """A low anchor after each of the row: only that of the second cell has the object's shape."""
    low = jnp.stack([ROW_OF_ANCHORS, ROW_OF_ANCHORS * jnp.array([1, 1, 1, 0.25])], 1).reshape(6, 4)
    boxes, is_valid = jnp.array([[[8.0, 0, 24, 4], [16, 0, 32, 16]]]), jnp.array([[True, False]])
    mask = compute_anchor_mask(boxes, is_valid, low, (1, 3))
    assert mask.ravel().tolist() == [0, 1, 0]
