"""Hints (FitNets; Romero et al., ICLR 2015): the same features everywhere, through an adapter."""

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


@dataclass(frozen=True)
class HintDistillation(Method):
    """L = L_task + λ L_hint.

    Differs from the paper: the hint is trained together with the task, in place of a stage before
    it, and the regressor is a 1×1 convolution, or nothing where both widths are equal.

    Attributes:
        weight: λ; 1, as the paper trains this loss alone (section 2.2).
        level: Features that are compared, a middle layer in the paper; their widths may differ,
            their height and width not.
    """

    weight: float = 1.0
    level: Literal["c2", "c3", "c4", "c5"] = "c4"

    def __post_init__(self):
        check_weight("weight", self.weight)

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the one loss term."""
        return (LossTerm("hint", self.weight, self._compute),) if self.weight else ()

    def create_module(self) -> ChannelAdapter:
        """Build the adapter between the two widths."""
        return ChannelAdapter(self.level)

    def _compute(self, inputs: TermInputs) -> Ratio:
        return hint_loss(*get_adapted_pair(inputs, self.level))


def hint_loss(
    student_features: Float[Array, "b h w c"], teacher_features: Float[Array, "b h w c"]
) -> Ratio:
    """Compare features everywhere alike (Romero et al. 2015, eq. 3).

    L_hint = ½ · mean over b, h, w, c of (r(f_S) − f_T)², with the adapter r.

    Args:
        student_features: r(f_S).
        teacher_features: f_T, of the same shape, a constant.

    Returns:
        A ratio with a value ≥ 0.

    Raises:
        MdjaxError: The features have different shapes.

    Differs from eq. 3: the mean in place of the sum, so that the loss does not grow with the image.
    """
    require_same_shape(student_features, teacher_features)
    teacher = jax.lax.stop_gradient(teacher_features.astype(jnp.float32))
    return mean_ratio(jnp.square(student_features.astype(jnp.float32) - teacher) / 2)
