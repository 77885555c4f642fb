"""The Dice loss, which both the guidance of GAFF and attention transfer use."""

import jax.numpy as jnp
from jaxtyping import Float

from mdjax.losses.ratio import Ratio
from mdjax.types import Array

DICE_EPSILON = 1.0
"""Keeps a gradient and a finite value where both masks are empty."""


def dice_loss(mask: Float[Array, "b h w 1"], target: Float[Array, "b h w 1"]) -> Ratio:
    """Measure how far two soft masks are from overlapping.

    L = 1 − (2 Σ m·t + ε) / (Σ m + Σ t + ε) = (Σ m + Σ t − 2 Σ m·t) / (Σ m + Σ t + ε), sums over
    batch, height and width together, ε = 1.

    Args:
        mask: Values in [0, 1].
        target: Values in [0, 1].

    Returns:
        A ratio with a value in [0, 1).

    Source: Dice 1945; MD eq. 3 (there without ε).
    """
    mask, target = mask.astype(jnp.float32), target.astype(jnp.float32)
    both = jnp.sum(mask) + jnp.sum(target)
    return Ratio(both - 2.0 * jnp.sum(mask * target), both, DICE_EPSILON)
