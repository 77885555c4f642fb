"""Masks that supervise attention."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, UInt8

from mdjax.ops.boxes import compute_iou
from mdjax.ops.resize import adaptive_average_pool
from mdjax.types import IGNORED_LABEL, Array

UNLABELLED = 0
# Lines on which the area of an ellipse inside a row of cells is measured: 8 of them measure the
# share of each cell to 0.01.
_NUM_LINES = 8


def compute_foreground_mask(
    labels: UInt8[Array, "b h w"], size_hw: tuple[int, int]
) -> Float[Array, "b hh ww 1"]:
    """Draw the guidance target of GAFF for segmentation: the share of labelled pixels.

    m_gt = area average of [label ∉ {unlabelled, ignored}] over each feature cell.

    Args:
        labels: Class ids at image resolution; 0 is unlabelled.
        size_hw: Height and width of the feature grid.

    Returns:
        Values in [0, 1], float32.
    """
    is_foreground = (labels != UNLABELLED) & (labels != IGNORED_LABEL)
    return adaptive_average_pool(jnp.asarray(is_foreground, jnp.float32)[..., None], size_hw)


def compute_ellipse_masks(
    boxes_xyxy_px: Float[Array, "b g 4"],
    is_valid: Bool[Array, "b g"],
    image_size_hw: tuple[int, int],
    mask_size_hw: tuple[int, int],
) -> Float[Array, "b h w 1"]:
    """Draw the guidance target of GAFF for detection: filled ellipses inscribed in the boxes.

    m_gt = the share of each feature cell that the ellipse covers, the largest one where ellipses
    meet. Measured on lines through the ellipse, not at the cells' centres: at stride 16 a distant
    pedestrian would fall between these, here it adds its area whatever its size.

    Args:
        boxes_xyxy_px: Boxes, continuous coordinates.
        is_valid: Boxes to draw.
        image_size_hw: Height and width of the image in pixels.
        mask_size_hw: Height and width of the feature grid.

    Returns:
        Values in [0, 1], float32.

    Source: Zhang et al., *Guided Attentive Feature Fusion*, WACV 2021.
    """
    (height, width), (rows, columns) = image_size_hw, mask_size_hw
    left, top, right, bottom = (
        boxes_xyxy_px[..., i].astype(jnp.float32)[..., None, None] for i in range(4)
    )
    # [b g rows lines]: lines at even distances over the part of each row that the box reaches.
    row_edges = np.linspace(0, height, rows + 1, dtype=np.float32)[:, None]
    start = jnp.clip(top, row_edges[:-1], row_edges[1:])
    length = jnp.maximum(jnp.clip(bottom, row_edges[:-1], row_edges[1:]) - start, 0.0)
    lines = start + length * (np.arange(_NUM_LINES) + 0.5) / _NUM_LINES
    heights = jnp.where(bottom > top, bottom - top, 1.0)
    from_center = (2 * lines - top - bottom) / heights
    half_widths = (right - left) / 2 * jnp.sqrt(jnp.maximum(1 - from_center**2, 0.0))
    center = (left + right) / 2
    # [b g rows columns]: how much of each line lies in each column, averaged over the lines.
    column_edges = np.linspace(0, width, columns + 1, dtype=np.float32)
    ends = (center + side * half_widths for side in (-1, 1))
    first, last = (jnp.clip(end[..., None], column_edges[:-1], column_edges[1:]) for end in ends)
    areas = length * jnp.mean(jnp.maximum(last - first, 0.0), axis=-2)
    shares = areas * (rows * columns / (height * width))
    drawn = jnp.where(is_valid[..., None, None], jnp.minimum(shares, 1.0), 0.0)
    return jnp.max(drawn, axis=1, initial=0.0)[..., None]


def compute_anchor_mask(
    boxes_xyxy_px: Float[Array, "b g 4"],
    is_valid: Bool[Array, "b g"],
    anchors_xyxy_px: Float[Array, "a 4"],
    mask_size_hw: tuple[int, int],
    best_iou_share: float = 0.5,
) -> Float[Array, "b h w 1"]:
    """Draw what lies near objects: cells with an anchor that overlaps one nearly as well as any.

    I = 1 where IoU(g, a) > ψ max_a IoU(g, a) for an object g and an anchor a of the cell.

    The threshold belongs to the object: a small one, which no anchor fits, has its cells too.

    Args:
        boxes_xyxy_px: Objects.
        is_valid: Objects to draw.
        anchors_xyxy_px: Anchors of one level, equally many on each cell, ordered by row and column.
        mask_size_hw: Height and width of its grid.
        best_iou_share: ψ in [0, 1).

    Returns:
        Values 0 and 1, float32.

    Source: Wang et al., *Distilling Object Detectors with Fine-grained Feature Imitation*, CVPR
    2019, section 3.1.
    """
    b, (rows, columns) = boxes_xyxy_px.shape[0], mask_size_hw
    ious = compute_iou(
        boxes_xyxy_px, jnp.broadcast_to(anchors_xyxy_px, (b, *anchors_xyxy_px.shape))
    )
    is_near = ious > best_iou_share * jnp.max(ious, axis=-1, keepdims=True)
    is_drawn = jnp.any(is_near & is_valid[..., None], axis=1).reshape(b, rows, columns, -1)
    return jnp.any(is_drawn, axis=-1, keepdims=True).astype(jnp.float32)
