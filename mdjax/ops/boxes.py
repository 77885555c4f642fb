"""Boxes: overlaps, and the offsets by which a detector moves its anchors.

Coordinates are continuous: a box (left, top, right, bottom) is right − left wide.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Float

from mdjax.types import Array

# exp(4.135) = 62.5: a decoded box is at most so many times as wide or high as its anchor, also
# before the first training step has tamed the head.
MAX_LOG_SIZE_RATIO = 4.135
# Stands for the width of an empty box, such as a row that only fills up, under a logarithm.
_MIN_SIZE_PX = 1e-3


@dataclass(frozen=True)
class BoxCoding:
    """How boxes become offsets; the variances bring offsets to a range that trains well.

    Attributes:
        center_variance: Offset 1 is this share of the anchor's width or height.
        size_variance: Offset 1 is this much in the logarithm of the size.
    """

    # From the code of SSD (Liu et al., ECCV 2016), kept in that of Mutual Guidance.
    center_variance: float = 0.1
    size_variance: float = 0.2


def compute_areas(boxes_xyxy_px: Float[Array, "*b n 4"]) -> Float[Array, "*b n"]:
    """Compute areas; a box with right < left or bottom < top is empty.

    Args:
        boxes_xyxy_px: Boxes.

    Returns:
        Areas ≥ 0 in square pixels.
    """
    left, top, right, bottom = _split(boxes_xyxy_px)
    return jnp.maximum(right - left, 0.0) * jnp.maximum(bottom - top, 0.0)


def compute_iou(
    boxes_xyxy_px: Float[Array, "*b g 4"], other_boxes_xyxy_px: Float[Array, "*b a 4"]
) -> Float[Array, "*b g a"]:
    """Compute the intersection over union of every pair of boxes.

    Args:
        boxes_xyxy_px: First set.
        other_boxes_xyxy_px: Second set.

    Returns:
        Values in [0, 1]; 0 where a box is empty, also where both are.
    """
    intersections = _compute_intersections(boxes_xyxy_px, other_boxes_xyxy_px)
    areas = compute_areas(boxes_xyxy_px)[..., :, None]
    unions = areas + compute_areas(other_boxes_xyxy_px)[..., None, :] - intersections
    return intersections / _replace_zero(unions)


def compute_intersection_over_second(
    boxes_xyxy_px: Float[Array, "*b g 4"], other_boxes_xyxy_px: Float[Array, "*b a 4"]
) -> Float[Array, "*b g a"]:
    """Compute which share of each second box lies inside each first box.

    Tells what lies inside a region to ignore, which is often much larger than a box.

    Args:
        boxes_xyxy_px: First set, such as regions to ignore.
        other_boxes_xyxy_px: Second set, such as anchors.

    Returns:
        Values in [0, 1]; 0 where a box is empty.
    """
    intersections = _compute_intersections(boxes_xyxy_px, other_boxes_xyxy_px)
    return intersections / _replace_zero(compute_areas(other_boxes_xyxy_px)[..., None, :])


def clip_boxes(
    boxes_xyxy_px: Float[Array, "*b n 4"], image_size_hw: tuple[int, int]
) -> Float[Array, "*b n 4"]:
    """Cut boxes at the edges of the image; what lies outside becomes empty.

    Args:
        boxes_xyxy_px: Boxes.
        image_size_hw: Height and width of the image in pixels.

    Returns:
        Boxes inside [0, width] × [0, height].
    """
    height, width = image_size_hw
    return jnp.clip(
        boxes_xyxy_px, 0.0, jnp.asarray((width, height, width, height), boxes_xyxy_px.dtype)
    )


def encode_boxes(
    boxes_xyxy_px: Float[Array, "*b a 4"],
    anchors_xyxy_px: Float[Array, "a 4"],
    coding: BoxCoding | None = None,
) -> Float[Array, "*b a 4"]:
    """Express each box as offsets from its anchor.

    t = ((x − x_a)/w_a/v_c, (y − y_a)/h_a/v_c, ln(w/w_a)/v_s, ln(h/h_a)/v_s), with centres x, y,
    widths w, heights h and the two variances v_c, v_s.

    Args:
        boxes_xyxy_px: One box an anchor; empty ones give large finite offsets.
        anchors_xyxy_px: Anchors, none of them empty.
        coding: Variances; .1 and .2 by default.

    Returns:
        Offsets (centre x, centre y, width, height).
    """
    coding = coding or BoxCoding()
    centers, sizes = _to_centers_and_sizes(boxes_xyxy_px)
    anchor_centers, anchor_sizes = _to_centers_and_sizes(anchors_xyxy_px)
    center_offsets = (centers - anchor_centers) / anchor_sizes / coding.center_variance
    ratios = jnp.maximum(sizes, _MIN_SIZE_PX) / anchor_sizes
    return jnp.concatenate([center_offsets, jnp.log(ratios) / coding.size_variance], axis=-1)


def decode_boxes(
    box_offsets: Float[Array, "*b a 4"],
    anchors_xyxy_px: Float[Array, "a 4"],
    coding: BoxCoding | None = None,
) -> Float[Array, "*b a 4"]:
    """Move anchors by their offsets: the inverse of `encode_boxes`.

    The logarithm of a size ratio is cut at `MAX_LOG_SIZE_RATIO`, so no size overflows.

    Args:
        box_offsets: Offsets (centre x, centre y, width, height).
        anchors_xyxy_px: Anchors.
        coding: Variances; .1 and .2 by default.

    Returns:
        Boxes in pixels, not clipped to the image.
    """
    coding = coding or BoxCoding()
    anchor_centers, anchor_sizes = _to_centers_and_sizes(anchors_xyxy_px)
    centers = anchor_centers + box_offsets[..., :2] * coding.center_variance * anchor_sizes
    log_ratios = jnp.minimum(box_offsets[..., 2:] * coding.size_variance, MAX_LOG_SIZE_RATIO)
    half_sizes = jnp.exp(log_ratios) * anchor_sizes / 2
    return jnp.concatenate([centers - half_sizes, centers + half_sizes], axis=-1)


def _split(boxes: Float[Array, "*b n 4"]) -> tuple[Array, Array, Array, Array]:
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def _to_centers_and_sizes(boxes: Float[Array, "*b n 4"]) -> tuple[Array, Array]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def _compute_intersections(
    boxes: Float[Array, "*b g 4"], other_boxes: Float[Array, "*b a 4"]
) -> Float[Array, "*b g a"]:
    # One edge at a time: a [g, a, 2] array would put the pairs into XLA's innermost, shortest axis.
    left, top, right, bottom = (edge[..., :, None] for edge in _split(boxes))
    others = (edge[..., None, :] for edge in _split(other_boxes))
    other_left, other_top, other_right, other_bottom = others
    widths = jnp.minimum(right, other_right) - jnp.maximum(left, other_left)
    heights = jnp.minimum(bottom, other_bottom) - jnp.maximum(top, other_top)
    return jnp.maximum(widths, 0.0) * jnp.maximum(heights, 0.0)


def _replace_zero(areas: Array) -> Array:
    return jnp.where(areas > 0, areas, 1.0)
