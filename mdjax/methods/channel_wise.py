"""Channel-wise distillation (CWD) of features (Shu et al., ICCV 2021)."""

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
from mdjax.types import Array, MdjaxError


@dataclass(frozen=True)
class ChannelWiseDistillation(Method):
    """L = L_task + λ L_cwd.

    Attributes:
        weight: λ; 50 for features in the paper (section 4.1).
        temperature: T of the softmax over positions; 4 in the paper.
        level: Features that are compared; their widths may differ, their height and width not.
    """

    weight: float = 50.0
    temperature: float = 4.0
    level: Literal["c2", "c3", "c4", "c5"] = "c5"

    def __post_init__(self):
        check_weight("weight", self.weight)
        if self.temperature <= 0:
            raise MdjaxError(f"temperature is {self.temperature}; give a number above 0.")

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the one loss term."""
        return (LossTerm("channel_wise", self.weight, self._compute),) if self.weight else ()

    def create_module(self) -> ChannelAdapter:
        """Build the adapter between the two widths."""
        return ChannelAdapter(self.level)

    def _compute(self, inputs: TermInputs) -> Ratio:
        return channel_wise_loss(*get_adapted_pair(inputs, self.level), self.temperature)


def channel_wise_loss(
    student_features: Float[Array, "b h w c"],
    teacher_features: Float[Array, "b h w c"],
    temperature: float = 4.0,
) -> Ratio:
    """Compare where each channel is active (Shu et al. 2021, eq. 2 to 4).

    With φ(y) the softmax of y / T over the h·w positions of a channel,

    L_cwd = T² · mean over b, c of Σ_hw φ(y_T) log(φ(y_T) / φ(y_S)).

    Args:
        student_features: y_S.
        teacher_features: y_T, of the same shape, a constant.
        temperature: T, above 0; the higher, the wider the area that counts.

    Returns:
        A ratio with a value ≥ 0.

    Raises:
        MdjaxError: The features have different shapes.
    """
    require_same_shape(student_features, teacher_features)
    student = _compute_log_shares(student_features, temperature)
    teacher = _compute_log_shares(jax.lax.stop_gradient(teacher_features), temperature)
    divergence = jnp.sum(jnp.exp(teacher) * (teacher - student), axis=1)
    return mean_ratio(temperature**2 * divergence)


def _compute_log_shares(
    features: Float[Array, "b h w c"], temperature: float
) -> Float[Array, "b hw c"]:
    """Return log φ over the positions of each channel, float32."""
    b, h, w, c = features.shape
    scaled = features.reshape(b, h * w, c).astype(jnp.float32) / temperature
    return jax.nn.log_softmax(scaled, axis=1)
