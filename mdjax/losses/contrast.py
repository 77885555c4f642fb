"""Contrast between pixels of an image: equal classes near each other, others apart."""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int, UInt8

from mdjax.losses.ratio import Ratio, count
from mdjax.types import IGNORED_LABEL, Array

# A tenth of 30 pixels is 3, even if 0.1 · 30 is a little more in floating point.
_ROUNDING = 1e-4


def pixel_contrast_loss(
    vectors: Float[Array, "b n d"],
    labels: UInt8[Array, "b n"],
    temperature: float = 0.1,
    hard_share: float = 1.0,
) -> Ratio:
    """Compare each pixel with others of its image, all or the hardest, by InfoNCE.

    With u = v / |v|, s_ij = u_i · u_j / T, P_i the ⌈ρ · number⌉ farthest pixels of the class of i
    and Q_i the ⌈ρ · number⌉ nearest ones of other classes,

    L = mean over i of mean over p in P_i of −log(e^s_ip / (e^s_ip + Σ_{q in Q_i} e^s_iq)).

    Args:
        vectors: v, projections of pixels of each image.
        labels: Their class ids; a pixel with `IGNORED_LABEL` takes no part.
        temperature: T, above 0.
        hard_share: ρ, above 0 and up to 1: 1 takes all pixels. Less suits projections that are
            apart already: a pixel is pulled by the farthest of its class and pushed by the nearest
            of others, and on the sphere the pull of the former is the larger one. From random
            weights all projections then end as one, where the gradient is 0.

    Returns:
        A ratio with a value ≥ 0. A pixel alone in its class, or in an image of one class, does not
        count; the value is 0 where no pixel does.

    Differs from CSK-Net: pixels are compared within their image, so that the loss does not depend
    on how a batch is split; its share is said to be 0.1.
    """
    similarities = _compute_cosines(vectors) / temperature
    positives, negatives = _pair_by_class(labels)
    farthest, are_far = _take_smallest(similarities, positives, hard_share)
    nearest, are_near = _take_smallest(-similarities, negatives, hard_share)
    is_anchor = jnp.any(are_far, axis=-1) & jnp.any(are_near, axis=-1)
    # Rows without negatives are left out below; a finite value keeps their gradient finite.
    are_near = are_near | ~is_anchor[..., None]
    log_negatives = jax.nn.logsumexp(-nearest, axis=-1, where=are_near)
    losses = jax.nn.softplus(log_negatives[..., None] - farthest)
    num_far = jnp.maximum(jnp.sum(are_far, axis=-1), 1)
    of_anchor = jnp.sum(jnp.where(are_far, losses, 0.0), axis=-1) / num_far
    return Ratio(jnp.sum(jnp.where(is_anchor, of_anchor, 0.0)), count(is_anchor))


def mean_cosines(
    vectors: Float[Array, "b n d"], labels: UInt8[Array, "b n"]
) -> tuple[Ratio, Ratio]:
    """Tell how similar the pixels of an image are: the mean cosine within classes, and between.

    If both are near 1, all projections are one: the contrast has nothing left to say.

    Args:
        vectors: v, as in `pixel_contrast_loss`.
        labels: Their class ids, likewise.

    Returns:
        Of the pairs of one class and of those of two, each in [-1, 1]; 0 where there is no pair.
    """
    cosines = _compute_cosines(vectors)
    within, between = (
        Ratio(jnp.sum(jnp.where(pairs, cosines, 0.0)), count(pairs))
        for pairs in _pair_by_class(labels)
    )
    return within, between


def _compute_cosines(vectors: Float[Array, "b n d"]) -> Float[Array, "b n n"]:
    unit = vectors.astype(jnp.float32)
    unit = unit * jax.lax.rsqrt(jnp.maximum(jnp.sum(unit**2, axis=-1, keepdims=True), 1e-12))
    return jnp.einsum("bnd,bmd->bnm", unit, unit)


def _pair_by_class(
    labels: UInt8[Array, "b n"],
) -> tuple[Bool[Array, "b n n"], Bool[Array, "b n n"]]:
    """Tell which pairs are two pixels of one class, and which are of two classes."""
    is_counted = labels != IGNORED_LABEL
    are_counted = is_counted[:, :, None] & is_counted[:, None, :]
    are_equal = labels[:, :, None] == labels[:, None, :]
    is_other_pixel = ~jnp.eye(labels.shape[1], dtype=bool)
    return are_counted & are_equal & is_other_pixel, are_counted & ~are_equal


def _take_smallest(
    values: Float[Array, "b n m"], are_candidates: Bool[Array, "b n m"], share: float
) -> tuple[Float[Array, "b n m"], Bool[Array, "b n m"]]:
    """Sort the candidates of each row; return them first, 0 after them, and which are taken."""
    num_candidates: Int[Array, "b n"] = jnp.sum(are_candidates, axis=-1)
    num_taken = jnp.ceil(share * num_candidates - _ROUNDING)
    ordered = jnp.sort(jnp.where(are_candidates, values, jnp.inf), axis=-1)
    ranks = jnp.arange(values.shape[-1])
    is_candidate = ranks < num_candidates[..., None]
    return jnp.where(is_candidate, ordered, 0.0), ranks < num_taken[..., None]
