"""Masks that supervise attention."""

import jax.numpy as jnp
from jaxtyping import Float, UInt8

from mdjax.ops.resize import adaptive_average_pool
from mdjax.types import IGNORED_LABEL, Array

UNLABELLED = 0


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
