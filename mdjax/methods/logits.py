"""Logit distillation (Hinton, Vinyals and Dean, 2015), per pixel or per anchor."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int, UInt8

from mdjax.losses.detection import FOCAL_GAMMA
from mdjax.losses.ratio import Ratio, count
from mdjax.methods.method import Method, check_weight
from mdjax.ops.assignment import IGNORED
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import IGNORED_LABEL, AnchorPrediction, Array, MdjaxError


@dataclass(frozen=True)
class LogitDistillation(Method):
    """L = L_task + λ L_logits.

    Attributes:
        weight: λ; 1: soft and hard targets alike, as with the paper's share of 0.5 for each
            (section 4).
        temperature: T of both softmaxes or sigmoids; 2, the paper's best of 1, 2, 5 and 10
            (section 4). The presets of detectors use 1, see `anchor_logit_loss`.
    """

    weight: float = 1.0
    temperature: float = 2.0

    def __post_init__(self):
        check_weight("weight", self.weight)
        if self.temperature <= 0:
            raise MdjaxError(f"temperature is {self.temperature}; give a number above 0.")

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the one loss term."""
        return (LossTerm("logits", self.weight, self._compute),) if self.weight else ()

    def _compute(self, inputs: TermInputs) -> Ratio:
        return compute_logit_loss(inputs.output.prediction, inputs, self.temperature)


def compute_logit_loss(prediction: Any, inputs: TermInputs, temperature: float) -> Ratio:
    """Compare a prediction with the teacher's, pixel by pixel or anchor by anchor.

    Args:
        prediction: Of the student, or of one of its branches.
        inputs: The rest of the step.
        temperature: T, above 0.
    """
    teacher = inputs.get_teacher().prediction
    if isinstance(prediction, AnchorPrediction):
        class_targets = inputs.targets.assignment.class_targets
        return anchor_logit_loss(
            prediction.class_logits, teacher.class_logits, class_targets, temperature
        )
    return pixel_logit_loss(prediction, teacher, inputs.batch.label_maps, temperature)


def pixel_logit_loss(
    student_logits: Float[Array, "b h w k"],
    teacher_logits: Float[Array, "b h w k"],
    labels: UInt8[Array, "b h w"],
    temperature: float = 2.0,
) -> Ratio:
    """Compare the class probabilities of pixels (Hinton et al. 2015, section 2, eq. 1).

    With p = softmax(z / T) over the classes and the N pixels whose label is not 255,

    L = (T² / max(1, N)) Σ Σ_k p_T log(p_T / p_S).

    T² keeps the size of the gradient when T changes (section 2).

    Args:
        student_logits: z_S.
        teacher_logits: z_T, of the same shape, a constant.
        labels: Class ids or `IGNORED_LABEL`; only the latter matters.
        temperature: T, above 0; the higher, the more the unlikely classes count.

    Returns:
        A ratio with a value ≥ 0; 0 where every pixel is ignored.

    Raises:
        MdjaxError: The logits have different shapes.

    Differs from the paper: the cross-entropy with soft targets less the teacher's own entropy, a
    constant, so that the value is 0 at equality.
    """
    _require_same_classes(student_logits, teacher_logits)
    student = jax.nn.log_softmax(student_logits.astype(jnp.float32) / temperature)
    teacher = jax.nn.log_softmax(_freeze(teacher_logits) / temperature)
    divergence = jnp.sum(jnp.exp(teacher) * (teacher - student), axis=-1)
    is_counted = labels != IGNORED_LABEL
    total = jnp.sum(jnp.where(is_counted, divergence, 0.0))
    return Ratio(temperature**2 * total, count(is_counted))


def anchor_logit_loss(
    student_logits: Float[Array, "b a k"],
    teacher_logits: Float[Array, "b a k"],
    class_targets: Int[Array, "b a"],
    temperature: float = 2.0,
    gamma: float = FOCAL_GAMMA,
) -> Ratio:
    """Compare the class probabilities of anchors, each class with its own sigmoid.

    With p = σ(z / T) and N positive anchors in the batch, over the classes of all anchors that are
    not ignored,

    L = (T² / max(1, N)) Σ |p_T − p_S|^γ (p_T log(p_T / p_S)
    + (1 − p_T) log((1 − p_T) / (1 − p_S))).

    This is the task's own focal loss (`focal_loss`) with soft targets: the same anchors, divisor
    and γ, so that a soft target weighs about as much as a hard one. Without the weight |p_T − p_S|
    the thousands of easy background anchors pull together, at the start hundreds of times as hard
    as the task. The mean over all anchors would be near 0; the teacher's own number of positives
    would depend on a threshold, and is 0 for a teacher that is unsure.

    Args:
        student_logits: z_S.
        teacher_logits: z_T, of the same shape, a constant.
        class_targets: Class ids, `NEGATIVE` or `IGNORED`.
        temperature: T, above 0.
        gamma: γ, ≥ 1 or 0: how fast the weight falls as the networks agree.

    Returns:
        A ratio with a value ≥ 0.

    Raises:
        MdjaxError: The logits have different shapes.

    Source: Hinton et al. 2015, section 2, where there is one softmax over all classes; the weight
    and one sigmoid per class are those of Yang et al., Bridging Cross-task Protocol Inconsistency
    for Distillation in Dense Object Detection, ICCV 2023, where T and γ are 1.
    """
    _require_same_classes(student_logits, teacher_logits)
    student = student_logits.astype(jnp.float32) / temperature
    teacher = _freeze(teacher_logits) / temperature
    divergence = sum(
        jax.nn.sigmoid(sign * teacher)
        * (jax.nn.log_sigmoid(sign * teacher) - jax.nn.log_sigmoid(sign * student))
        for sign in (1, -1)
    )
    weights = jnp.abs(jax.nn.sigmoid(teacher) - jax.nn.sigmoid(student)) ** gamma
    counted = jnp.where(class_targets[..., None] == IGNORED, 0.0, weights * divergence)
    return Ratio(temperature**2 * jnp.sum(counted), count(class_targets >= 0))


def _freeze(logits: Array) -> jax.Array:
    return jax.lax.stop_gradient(jnp.asarray(logits, jnp.float32))


def _require_same_classes(student_logits: Array, teacher_logits: Array) -> None:
    if student_logits.shape != teacher_logits.shape:
        raise MdjaxError(
            "Logit distillation compares predictions one by one, but the logits of the teacher "
            f"have shape {tuple(teacher_logits.shape)} and those of the student "
            f"{tuple(student_logits.shape)}. Give both the same classes, anchors, image size, stem "
            "stride and output stride."
        )
