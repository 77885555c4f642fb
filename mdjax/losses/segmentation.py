"""Task loss of semantic segmentation."""

import jax.numpy as jnp
import optax
from jaxtyping import Float, UInt8

from mdjax.types import IGNORED_LABEL, Array


def cross_entropy_loss(
    logits: Float[Array, "b h w k"], labels: UInt8[Array, "b h w"]
) -> Float[Array, ""]:
    """Average the softmax cross-entropy over all pixels that are not ignored.

    L = −(1 / max(1, N)) Σ log softmax(z)[y], over the N pixels whose label is not 255.

    Args:
        logits: Class scores before softmax.
        labels: Class ids below k, or `IGNORED_LABEL`.

    Returns:
        A float32 scalar ≥ 0; 0 where every pixel is ignored.
    """
    is_counted = labels != IGNORED_LABEL
    targets = jnp.where(is_counted, labels, 0).astype(jnp.int32)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), targets)
    return jnp.sum(jnp.where(is_counted, losses, 0.0)) / jnp.maximum(1, jnp.sum(is_counted))
