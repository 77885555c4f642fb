"""Transfer losses of modality distillation (MD, Zhang et al., WACV 2022, section 3.3)."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from mdjax.losses.dice import dice_loss
from mdjax.losses.ratio import Ratio, mean_ratio
from mdjax.types import Array, MdjaxError

MaskReduction = Literal["bounded", "relative", "mean", "sum"]

MIN_ATTENDED_SHARE = 1 / 8
"""Share of the positions that a bounded mask attends to at least, by its perplexity: several
objects, as in Fig. 4 of the paper."""
_NUM_BISECTIONS = 30  # Of a range of 10^12, in logarithms: the temperature to eight digits.


def attention_transfer_loss(
    student_mask: Float[Array, "b h w 1"], teacher_mask: Float[Array, "b h w 1"]
) -> Ratio:
    """Pull the student's attention mask towards the teacher's (MD eq. 3).

    L_att = 1 − (2 Σ m_S·m_T + ε) / (Σ m_S + Σ m_T + ε).

    Args:
        student_mask: m_S in [0, 1].
        teacher_mask: m_T in [0, 1], a constant.

    Returns:
        A ratio with a value in [0, 1).

    Raises:
        MdjaxError: The two masks have different shapes.

    Differs from eq. 3: ε = 1, so that an image without objects still gives a gradient.
    """
    _check_same_shape("attention masks", student_mask, teacher_mask)
    return dice_loss(student_mask, jax.lax.stop_gradient(teacher_mask))


def compute_focal_mask(
    student_features: Float[Array, "b h w c"],
    teacher_features: Float[Array, "b h w c"],
    reduction: MaskReduction = "mean",
) -> Float[Array, "b h w 1"]:
    """Weigh each position by how badly the student mimics it (MD eq. 4, δ).

    With d = (f_S − f_T)², δ is the softmax over h, w of

    - "sum": Σ_n d, the paper's literal formula;
    - "mean": (1/n) Σ_n d;
    - "relative": (1/n) Σ_n d over its own mean over the image, so that the mask does not depend
      on the scale of the features;
    - "bounded": Σ_n d / τ with the smallest temperature τ ≥ 1 at which the perplexity of δ is an
      eighth of the positions: the literal formula where that attends to so many, and a mask of
      several objects at every scale of features. τ belongs to an image and has no gradient. (So
      does stochastic neighbour embedding choose its temperatures; Hinton and Roweis 2002.)

    Args:
        student_features: f_S.
        teacher_features: f_T, of the same shape.
        reduction: What enters the softmax. Trained from scratch, features have variances of 1
            and more: "sum" and "mean" then put nearly all the weight on one position.

    Returns:
        Weights that sum to 1 over each image, float32.
    """
    distance = _squared_distance(student_features, teacher_features)
    logits = distance.sum(-1) if reduction in ("sum", "bounded") else distance.mean(-1)
    if reduction == "relative":
        image_mean = jnp.mean(logits, axis=(1, 2), keepdims=True)
        # Not the smallest number there is: its square, in the gradient, would be 0.
        logits = logits / jnp.maximum(image_mean, 1e-12)
    b, h, w = logits.shape
    if reduction == "bounded":
        temperature = _find_temperature(jax.lax.stop_gradient(logits.reshape(b, h * w)))
        logits = logits / temperature[..., None]
    return jax.nn.softmax(logits.reshape(b, h * w)).reshape(b, h, w, 1)


def _find_temperature(logits: Float[Array, "b n"]) -> Float[Array, "b 1"]:
    """Find the temperature of a bounded mask by bisection of its logarithm.

    The perplexity rises with the temperature. Where the temperature is the range of the logits, no
    weight is more than e times another, so the perplexity is above 0.8 of the positions.
    """
    num_wanted = MIN_ATTENDED_SHARE * logits.shape[1]
    highest = jnp.log(jnp.maximum(jnp.ptp(logits, axis=1, keepdims=True), 1.0))

    def attends_to_few(log_temperature: Float[Array, "b 1"]) -> Bool[Array, "b 1"]:
        log_weights = jax.nn.log_softmax(logits / jnp.exp(log_temperature))
        entropy = -jnp.sum(jnp.exp(log_weights) * log_weights, axis=1, keepdims=True)
        return jnp.exp(entropy) < num_wanted

    def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        is_low = attends_to_few(middle)
        return jnp.where(is_low, middle, low), jnp.where(is_low, high, middle)

    lowest = jnp.zeros_like(highest)
    _, found = jax.lax.fori_loop(0, _NUM_BISECTIONS, halve, (lowest, highest))
    return jnp.exp(jnp.where(attends_to_few(lowest), found, lowest))


def focal_mse_loss(
    student_features: Float[Array, "b h w c"],
    teacher_features: Float[Array, "b h w c"],
    *,
    mask_reduction: MaskReduction = "mean",
    mask_gradient: bool = False,
) -> Ratio:
    """Compare features where they are hard to mimic: semantic transfer, F-MSE (MD eq. 4).

    L_sem = Σ_hw δ · (1/n) Σ_n (f_S − f_T)², averaged over the batch.

    Args:
        student_features: f_S.
        teacher_features: f_T, of the same shape, a constant.
        mask_reduction: What enters the softmax δ, see `compute_focal_mask`.
        mask_gradient: Let the gradient through δ too; by default δ is a weight, not a target.

    Returns:
        A ratio with a value ≥ 0.

    Raises:
        MdjaxError: The features have different shapes.
    """
    mask = compute_focal_mask(student_features, teacher_features, mask_reduction)
    if not mask_gradient:
        mask = jax.lax.stop_gradient(mask)
    distance = _squared_distance(student_features, teacher_features)
    return mean_ratio(jnp.sum(mask[..., 0] * distance.mean(-1), axis=(1, 2)))


def mse_loss(
    student_features: Float[Array, "b h w c"], teacher_features: Float[Array, "b h w c"]
) -> Ratio:
    """Compare features everywhere alike: the baseline S(M) of MD, tables 7 and 8.

    L = mean over b, h, w, n of (f_S − f_T)².

    Args:
        student_features: f_S.
        teacher_features: f_T, of the same shape, a constant.

    Returns:
        A ratio with a value ≥ 0.

    Raises:
        MdjaxError: The features have different shapes.
    """
    return mean_ratio(_squared_distance(student_features, teacher_features))


def compute_perplexity_share(mask: Float[Array, "b h w 1"]) -> Ratio:
    """Measure the share of the positions that a normalised mask effectively attends to.

    exp(−Σ δ log δ) / (h·w), averaged over the batch: 1 / (h·w) when one position holds all the
    weight, 1 when the weight is even.

    Args:
        mask: Weights that sum to 1 over each image.

    Returns:
        A ratio with a value in (0, 1].
    """
    weights = mask.astype(jnp.float32)
    entropy = -jnp.sum(jax.scipy.special.xlogy(weights, weights), axis=(1, 2, 3))
    _, h, w, _ = mask.shape
    return mean_ratio(jnp.exp(entropy) / (h * w))


def _squared_distance(
    student_features: Float[Array, "b h w c"], teacher_features: Float[Array, "b h w c"]
) -> Float[Array, "b h w c"]:
    _check_same_shape("features", student_features, teacher_features)
    teacher = jax.lax.stop_gradient(teacher_features.astype(jnp.float32))
    return jnp.square(student_features.astype(jnp.float32) - teacher)


def _check_same_shape(what: str, student: Array, teacher: Array) -> None:
    if student.shape != teacher.shape:
        raise MdjaxError(
            f"The teacher does not fit the student: their {what} have shapes "
            f"{tuple(teacher.shape)} (teacher) and {tuple(student.shape)} (student). Give both the "
            "same width, stem stride, output stride and transfer level."
        )
