"""Task losses of anchor-based detection."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Int

from mdjax.losses.ratio import Ratio, count
from mdjax.ops.assignment import IGNORED
from mdjax.types import Array

# Lin et al., RetinaNet, ICCV 2017, found α = .25 with γ = 2; γ = 1 is what the authors of Mutual
# Guidance and MD use.
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 1.0
# Pang et al., Libra R-CNN, CVPR 2019: α and γ; β from the code of Mutual Guidance.
BALANCED_ALPHA, BALANCED_GAMMA, BALANCED_BETA = 0.5, 1.5, 0.11


def focal_loss(
    class_logits: Float[Array, "b a k"],
    class_targets: Int[Array, "b a"],
    *,
    alpha: float = FOCAL_ALPHA,
    gamma: float = FOCAL_GAMMA,
) -> Ratio:
    """Classify anchors, with less weight on those that are easy (Lin et al. 2017, eq. 5).

    L = (1 / max(1, N)) Σ −α_t (1 − p_t)^γ log p_t over the classes of all anchors that are not
    ignored; p_t = σ(z), α_t = α for the class of a positive anchor, p_t = 1 − σ(z), α_t = 1 − α
    otherwise; N positive anchors in the batch.

    Args:
        class_logits: z, one per class, each with its own sigmoid.
        class_targets: Class ids below k, `NEGATIVE` or `IGNORED`.
        alpha: Weight of the positive class, in [0, 1].
        gamma: How fast the weight falls as p_t grows, ≥ 0.

    Returns:
        A ratio with a value ≥ 0.

    Differs from eq. 5: N is at least 1, so that a batch without objects still gives a gradient.
    """
    logits = class_logits.astype(jnp.float32)
    is_class = class_targets[..., None] == jnp.arange(logits.shape[-1])
    signed = jnp.where(is_class, logits, -logits)
    # (1 − p_t)^γ as an exponential: its gradient stays finite where 1 − p_t is 0.
    weights = jnp.exp(gamma * jax.nn.log_sigmoid(-signed)) * jnp.where(is_class, alpha, 1 - alpha)
    losses = -weights * jax.nn.log_sigmoid(signed)
    counted = jnp.where(class_targets[..., None] == IGNORED, 0.0, losses)
    return Ratio(jnp.sum(counted), count(class_targets >= 0))


def balanced_l1_loss(
    box_offsets: Float[Array, "b a 4"],
    target_offsets: Float[Array, "b a 4"],
    is_positive: Bool[Array, "b a"],
    *,
    alpha: float = BALANCED_ALPHA,
    gamma: float = BALANCED_GAMMA,
    beta: float = BALANCED_BETA,
) -> Ratio:
    """Regress boxes, with errors that are small and errors that are large in balance.

    With x = |t − t*| and b = e^(γ/α) − 1, the mean over 4 max(1, N) offsets, N positive anchors
    in the batch, of

    - (α/b)(b x + 1) ln(b x/β + 1) − α x where x < β (Pang et al. 2019, eq. 9),
    - γ x + γ/b − α β elsewhere.

    Args:
        box_offsets: t, see `mdjax.ops.boxes`.
        target_offsets: t*, a constant; not read where an anchor is not positive.
        is_positive: Anchors with a box to regress.
        alpha: Gain of small errors.
        gamma: Gradient of large errors.
        beta: Where small errors end.

    Returns:
        A ratio with a value ≥ 0; 0 without positive anchors.

    Differs from eq. 9: β = 1 there, and the gradient begins at 0. This is the form that the code of
    Libra R-CNN and of Mutual Guidance gives it for other β, whose gradient begins at α/β − α.
    """
    targets = jax.lax.stop_gradient(target_offsets.astype(jnp.float32))
    # Chosen before the arithmetic: an infinite target of an anchor that does not count stays out.
    errors = jnp.where(is_positive[..., None], box_offsets.astype(jnp.float32) - targets, 0.0)
    x = jnp.abs(errors)
    b = math.expm1(gamma / alpha)
    # Each branch sees its own range only.
    small = jnp.minimum(x, beta)
    small_losses = alpha / b * (b * small + 1) * jnp.log1p(b * small / beta) - alpha * small
    large_losses = gamma * x + gamma / b - alpha * beta
    losses = jnp.where(x < beta, small_losses, large_losses)
    return Ratio(jnp.sum(losses), 4 * count(is_positive))
