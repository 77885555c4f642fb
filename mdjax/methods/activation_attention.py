"""Activation-based attention transfer (AT; Zagoruyko and Komodakis, ICLR 2017)."""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.losses.ratio import Ratio, mean_ratio
from mdjax.methods.features import get_feature_pair
from mdjax.methods.method import Method, check_weight
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import Array, MdjaxError

# Of a map's squared norm, under its root; maps of features that are not 0 lie far above it.
_MIN_SQUARED_NORM = 1e-24


@dataclass(frozen=True)
class ActivationAttention(Method):
    """L = L_task + β Σ_j L_att,j over levels j.

    Attributes:
        weight: β; 1000 for means over the map, as in the paper (section 4.1, where it is divided by
            the number of positions).
        levels: Features whose maps are compared; their widths may differ, their height and width
            not. The paper takes the end of each group; here those from the level on at which the
            teacher fuses its two streams.
    """

    weight: float = 1000.0
    levels: tuple[Literal["c2", "c3", "c4", "c5"], ...] = ("c4", "c5")

    def __post_init__(self):
        check_weight("weight", self.weight)
        if not self.levels or len(set(self.levels)) < len(self.levels):
            raise MdjaxError(f"levels are {self.levels}; give one or more, each once.")

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the one loss term, a sum over levels."""
        return (LossTerm("activation_attention", self.weight, self._compute),) * bool(self.weight)

    def compute_mask(self, inputs: TermInputs) -> Array:
        """Return the teacher's map of the first level, its norm over an image 1."""
        return compute_attention_map(get_feature_pair(inputs, self.levels[0])[1])

    def _compute(self, inputs: TermInputs) -> Ratio:
        ratios = [
            activation_attention_loss(*get_feature_pair(inputs, level)) for level in self.levels
        ]
        return jax.tree.map(lambda *sums: jnp.stack(sums), *ratios)


def compute_attention_map(features: Float[Array, "b h w c"]) -> Float[Array, "b h w 1"]:
    """Draw where a layer is active (Zagoruyko and Komodakis 2017, section 3.1, F²_sum).

    q = Q / ‖Q‖₂ with Q = Σ_c f², and the norm over the positions of an image.

    Args:
        features: f.

    Returns:
        Values in [0, 1], float32; 0 everywhere where all features are 0.
    """
    energy = jnp.sum(jnp.square(features.astype(jnp.float32)), axis=-1, keepdims=True)
    squared_norm = jnp.sum(jnp.square(energy), axis=(1, 2), keepdims=True)
    return energy / jnp.sqrt(jnp.maximum(squared_norm, _MIN_SQUARED_NORM))


def activation_attention_loss(
    student_features: Float[Array, "b h w c_student"],
    teacher_features: Float[Array, "b h w c_teacher"],
) -> Ratio:
    """Compare where student and teacher are active (Zagoruyko and Komodakis 2017, eq. 2, p = 2).

    L_att = ½ · mean over b, h, w of (q_S − q_T)², with the maps q of `compute_attention_map`.

    Args:
        student_features: Of any width.
        teacher_features: Of the same height and width, a constant.

    Returns:
        A ratio with a value in [0, 1 / (h w)].

    Raises:
        MdjaxError: The features have different grids.

    Differs from eq. 2: the norm is squared, as in the authors' code: the gradient ends at 0.
    """
    if student_features.shape[:-1] != teacher_features.shape[:-1]:
        raise MdjaxError(
            "Attention transfer compares maps position by position, but the features of the "
            f"teacher have shape {tuple(teacher_features.shape)} and those of the student "
            f"{tuple(student_features.shape)}. Give both the same stem stride and output stride."
        )
    teacher_map = compute_attention_map(jax.lax.stop_gradient(teacher_features))
    return mean_ratio(jnp.square(compute_attention_map(student_features) - teacher_map) / 2)
