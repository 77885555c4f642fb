"""Task loss of semantic segmentation."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Float, UInt8

from mdjax.losses.ratio import Ratio, count
from mdjax.types import IGNORED_LABEL, Array


def cross_entropy_loss(
    logits: Float[Array, "b h w k"], labels: UInt8[Array, "b h w"], *, class_balance: float = 0.0
) -> Ratio:
    """Average the softmax cross-entropy over all pixels that are not ignored.

    With l = −log softmax(z)[y] of each of the N pixels whose label is not 255, N_c of class c,

    L = (1 − β) / max(1, N) Σ l + (β / k) Σ_c (1 / max(1, N_c)) Σ_{y = c} l.

    Args:
        logits: Class scores before softmax.
        labels: Class ids below k, or `IGNORED_LABEL`.
        class_balance: β in [0, 1], the share of the loss in which all classes weigh alike, however
            few pixels of the batch they have. 0 is the cross-entropy of the paper.

    Returns:
        A ratio with a value ≥ 0; 0 where every pixel is ignored.
    """
    is_counted = labels != IGNORED_LABEL
    targets = jnp.where(is_counted, labels, 0).astype(jnp.int32)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), targets)
    losses = jnp.where(is_counted, losses, 0.0)
    of_pixels = Ratio(jnp.sum(losses), count(is_counted))
    if not class_balance:
        return of_pixels
    k = logits.shape[-1]
    is_of_class = jax.nn.one_hot(labels, k, dtype=jnp.float32)  # Ignored pixels are of none.
    totals = jnp.einsum("bhw,bhwk->k", losses, is_of_class)
    return Ratio(
        jnp.append(class_balance / k * totals, (1 - class_balance) * of_pixels.total),
        jnp.append(is_of_class.sum((0, 1, 2)), of_pixels.normaliser),
    )
