"""Distillation by Pearson's correlation of features (PKD; Cao et al., NeurIPS 2022)."""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.losses.ratio import Ratio, mean_ratio
from mdjax.methods.adapter import ChannelAdapter, get_adapted_pair
from mdjax.methods.features import require_same_shape
from mdjax.methods.method import Method, check_weight
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import Array

# Of a variance, as in batch normalisation: a flat channel stays 0.
_EPSILON = 1e-5


@dataclass(frozen=True)
class PearsonDistillation(Method):
    """L = L_task + α L_pkd.

    Attributes:
        weight: α; 10, as the authors' settings for RetinaNet.
        level: Features that are compared, those of a feature pyramid in the paper; their widths may
            differ, their height and width not.
    """

    weight: float = 10.0
    level: Literal["c2", "c3", "c4", "c5"] = "c4"

    def __post_init__(self):
        check_weight("weight", self.weight)

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the one loss term."""
        return (LossTerm("pearson", self.weight, self._compute),) if self.weight else ()

    def create_module(self) -> ChannelAdapter:
        """Build the adapter between the two widths."""
        return ChannelAdapter(self.level)

    def _compute(self, inputs: TermInputs) -> Ratio:
        return pearson_loss(*get_adapted_pair(inputs, self.level))


def pearson_loss(
    student_features: Float[Array, "b h w c"], teacher_features: Float[Array, "b h w c"]
) -> Ratio:
    """Compare features whatever their scale and offset (Cao et al. 2022, section 3.2).

    With f̂ = (f − μ) / √(σ² + 10⁻⁵), mean and variance over the positions of a channel,

    L_pkd = ½ · mean over b, h, w, c of (f̂_S − f̂_T)²,

    which is the mean over b and c of 1 − r, with Pearson's correlation r of both channels.

    Args:
        student_features: f_S.
        teacher_features: f_T, of the same shape, a constant.

    Returns:
        A ratio with a value in [0, 2]. A channel that is flat in one of both networks counts ½ and
        has nothing to imitate.

    Raises:
        MdjaxError: The features have different shapes.

    Differs from the paper: there μ and σ are those of a channel over the whole mini-batch. Such a
    loss would depend on how a batch is split into parts; here they are those of one image, so that
    it does not. What is lost is the difference between the means of two images.
    """
    require_same_shape(student_features, teacher_features)
    student = _standardise(student_features)
    teacher = _standardise(jax.lax.stop_gradient(teacher_features))
    return mean_ratio(jnp.square(student - teacher) / 2)


def _standardise(features: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
    values = features.astype(jnp.float32)
    centred = values - jnp.mean(values, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=(1, 2), keepdims=True)
    return centred * jax.lax.rsqrt(variance + _EPSILON)
