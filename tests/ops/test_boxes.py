"""Overlaps, offsets and clipping of boxes, by hand and by property."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.ops.boxes import (
    BoxCoding,
    clip_boxes,
    compute_areas,
    compute_intersection_over_second,
    compute_iou,
    decode_boxes,
    encode_boxes,
)

EMPTY = [[3.0, 3, 3, 3], [0, 0, 4, 0], [5, 1, 2, 9]]
"""A point, a line, and a box with its right edge left of its left one."""


def create_boxes(seed: int, num: int) -> np.ndarray:
    """Boxes of 1 to 60 px at −20 to 80 px."""
    generator = np.random.default_rng(seed)
    corners = generator.uniform(-20, 80, (num, 2))
    sizes = generator.uniform(1, 60, (num, 2))
    return np.concatenate([corners, corners + sizes], axis=1).astype(np.float32)


def test_areas_of_continuous_boxes() -> None:
    """(5 − 1)(4.5 − 2) = 10; empty boxes have none."""
    boxes_xyxy_px = jnp.asarray([[1, 2, 5, 4.5], *EMPTY])
    np.testing.assert_array_equal(compute_areas(boxes_xyxy_px), [10, 0, 0, 0])


def test_iou_is_shared_over_joint_area() -> None:
    """2x2 boxes one step apart share 1 of 4 + 4 − 1; halves 2 of 4; neighbours nothing."""
    first = jnp.asarray([[0.0, 0, 2, 2]])
    others = jnp.asarray([[1.0, 1, 3, 3], [0, 0, 2, 2], [0, 0, 1, 2], [2, 0, 4, 2]])
    np.testing.assert_allclose(compute_iou(first, others), [[1 / 7, 1, 0.5, 0]], rtol=1e-6)


def test_intersection_over_second_is_the_share_of_the_second() -> None:
    """A quarter of the first box, half of the second one; the second one's size alone counts."""
    first = jnp.asarray([[0.0, 0, 4, 4]])
    others = jnp.asarray([[2.0, -2, 6, 2], [1, 1, 2, 2], [2, 0, 6, 4]])
    np.testing.assert_allclose(
        compute_intersection_over_second(first, others), [[0.25, 1, 0.5]], rtol=1e-6
    )


@pytest.mark.parametrize("overlap", [compute_iou, compute_intersection_over_second])
def test_overlap_of_empty_boxes_is_zero(overlap) -> None:
    boxes_xyxy_px = jnp.asarray([*EMPTY, [0.0, 0, 9, 9]])
    overlaps = np.array(overlap(boxes_xyxy_px, boxes_xyxy_px))
    assert overlaps[-1, -1] == 1
    overlaps[-1, -1] = 0
    np.testing.assert_array_equal(overlaps, 0)


@pytest.mark.parametrize("overlap", [compute_iou, compute_intersection_over_second])
def test_overlap_has_finite_gradients(overlap) -> None:
    """Empty, equal, touching, contained and distant boxes."""
    boxes_xyxy_px = jnp.asarray([*EMPTY, [0.0, 0, 9, 9], [9, 0, 12, 9], [1, 1, 2, 2], [70] * 4])
    gradients = jax.grad(lambda a, b: overlap(a, b).sum(), argnums=(0, 1))(
        boxes_xyxy_px, boxes_xyxy_px
    )
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_iou_is_symmetric_and_one_for_a_box_itself(seed: int) -> None:
    boxes_xyxy_px, others = create_boxes(seed, 5), create_boxes(seed + 1000, 5)
    overlaps = np.asarray(compute_iou(boxes_xyxy_px, others))
    np.testing.assert_array_equal(overlaps, compute_iou(others, boxes_xyxy_px).T)
    np.testing.assert_allclose(np.diag(compute_iou(others, others)), 1, rtol=1e-5)
    assert overlaps.min() >= 0
    assert overlaps.max() <= 1
    # Never more than either share.
    shares = np.asarray(compute_intersection_over_second(boxes_xyxy_px, others))
    assert (overlaps <= shares + 1e-6).all()


def test_iou_of_a_batch_is_that_of_its_images() -> None:
    boxes_xyxy_px = create_boxes(1, 6).reshape(2, 3, 4)
    others = create_boxes(2, 8).reshape(2, 4, 4)
    singles = [compute_iou(one, other) for one, other in zip(boxes_xyxy_px, others, strict=True)]
    np.testing.assert_allclose(compute_iou(boxes_xyxy_px, others), singles, rtol=1e-6)


def test_encode_measures_centre_and_size_against_the_anchor() -> None:
    """Anchor centre (10, 20), size 10 x 20; box centre (12, 16), size 10e x 20/e.

    (2/10/.1, −4/20/.1, ln(e)/.2, −ln(e)/.2) = (2, −2, 5, −5).
    """
    anchors_xyxy_px = jnp.asarray([[5.0, 10, 15, 30]])
    box = [12 - 5 * np.e, 16 - 10 / np.e, 12 + 5 * np.e, 16 + 10 / np.e]
    offsets = encode_boxes(jnp.asarray([box]), anchors_xyxy_px)
    np.testing.assert_allclose(offsets, [[2, -2, 5, -5]], atol=1e-5)
    np.testing.assert_allclose(decode_boxes(offsets, anchors_xyxy_px), [box], rtol=1e-5)


def test_encode_takes_other_variances() -> None:
    """As above, with variances 1 and .5."""
    anchors_xyxy_px = jnp.asarray([[5.0, 10, 15, 30]])
    box = [12 - 5 * np.e, 16 - 10 / np.e, 12 + 5 * np.e, 16 + 10 / np.e]
    coding = BoxCoding(center_variance=1.0, size_variance=0.5)
    offsets = encode_boxes(jnp.asarray([box]), anchors_xyxy_px, coding)
    np.testing.assert_allclose(offsets, [[0.2, -0.2, 2, -2]], atol=1e-6)
    np.testing.assert_allclose(decode_boxes(offsets, anchors_xyxy_px, coding), [box], rtol=1e-5)


@settings(max_examples=20)
@given(seed=st.integers(0, 999))
def test_decode_inverts_encode(seed: int) -> None:
    boxes_xyxy_px = create_boxes(seed, 12).reshape(2, 6, 4)
    anchors_xyxy_px = create_boxes(seed + 1000, 6)
    offsets = encode_boxes(boxes_xyxy_px, anchors_xyxy_px)
    np.testing.assert_allclose(decode_boxes(offsets, anchors_xyxy_px), boxes_xyxy_px, atol=1e-3)
    np.testing.assert_allclose(
        encode_boxes(decode_boxes(offsets, anchors_xyxy_px), anchors_xyxy_px), offsets, atol=1e-2
    )


def test_decode_of_zero_is_the_anchor() -> None:
    anchors_xyxy_px = create_boxes(0, 4)
    decoded_xyxy_px = decode_boxes(jnp.zeros((4, 4)), anchors_xyxy_px)
    np.testing.assert_allclose(decoded_xyxy_px, anchors_xyxy_px, rtol=1e-6)


@pytest.mark.parametrize("size_offset", [21.0, 1e4, 1e30])
def test_decode_bounds_the_size(size_offset: float) -> None:
    """At most exp(4.135) = 62.49 anchor widths and heights."""
    anchors_xyxy_px = jnp.asarray([[0.0, 0, 10, 20]])
    offsets = jnp.asarray([[0.0, 0, size_offset, size_offset]])
    left, top, right, bottom = decode_boxes(offsets, anchors_xyxy_px)[0]
    assert float(right - left) == pytest.approx(624.9, abs=0.1)
    assert float(bottom - top) == pytest.approx(1249.8, abs=0.2)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_decode_has_finite_gradients(scale: float) -> None:
    anchors_xyxy_px = create_boxes(3, 4)
    offsets = scale * np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    gradient = jax.grad(lambda t: compute_areas(decode_boxes(t, anchors_xyxy_px)).sum())(offsets)
    assert np.isfinite(gradient).all()


def test_encode_of_empty_boxes_is_finite() -> None:
    """Rows that only fill up are encoded too, before a mask drops them."""
    boxes_xyxy_px = jnp.asarray([[0.0, 0, 0, 0], *EMPTY])
    anchors_xyxy_px = create_boxes(4, 4)
    gradient = jax.grad(lambda x: encode_boxes(x, anchors_xyxy_px).sum())(boxes_xyxy_px)
    assert np.isfinite(encode_boxes(boxes_xyxy_px, anchors_xyxy_px)).all()
    assert np.isfinite(gradient).all()


def test_clip_cuts_at_the_image_and_empties_what_lies_outside() -> None:
    boxes_xyxy_px = jnp.asarray([[-3.0, -4, 5, 6], [8, 9, 50, 60], [1, 2, 3, 4], [30, 1, 40, 5]])
    clipped = clip_boxes(boxes_xyxy_px, (10, 20))
    expected = [[0, 0, 5, 6], [8, 9, 20, 10], [1, 2, 3, 4], [20, 1, 20, 5]]
    np.testing.assert_array_equal(clipped, expected)
    assert float(compute_areas(clipped)[-1]) == 0
