"""Task loss of semantic segmentation."""

import jax.numpy as jnp
import optax
from jaxtyping import Float, UInt8

from mdjax.losses.ratio import Ratio, count
from mdjax.types import IGNORED_LABEL, Array


def cross_entropy_loss(logits: Float[Array, "b h w k"], labels: UInt8[Array, "b h w"]) -> Ratio:
    """Average the softmax cross-entropy over all pixels that are not ignored.

    L = −(1 / max(1, N)) Σ log softmax(z)[y], over the N pixels whose label is not 255.

    Args:
        logits: Class scores before softmax.
        labels: Class ids below k, or `IGNORED_LABEL`.

    Returns:
        A ratio with a value ≥ 0; 0 where every pixel is ignored.
    """
    is_counted = labels != IGNORED_LABEL
    targets = jnp.where(is_counted, labels, 0).astype(jnp.int32)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), targets)
    return Ratio(jnp.sum(jnp.where(is_counted, losses, 0.0)), count(is_counted))
