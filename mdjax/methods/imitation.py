"""Fine-grained feature imitation (Wang et al., CVPR 2019): the same features near objects."""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.losses.ratio import Ratio
from mdjax.methods.adapter import ChannelAdapter, get_adapted_pair
from mdjax.methods.features import get_feature_pair, require_same_shape
from mdjax.methods.method import Method, check_weight
from mdjax.ops.masks import compute_anchor_mask, compute_foreground_mask
from mdjax.ops.resize import get_size_hw
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import Array, MdjaxError, NetworkOutput, Objects


@dataclass(frozen=True)
class FeatureImitation(Method):
    """L = L_task + λ L_imitation.

    Attributes:
        weight: λ; 0.01 in the authors' code.
        best_iou_share: ψ, see `compute_anchor_mask`; 0.5 in the paper. Only boxes have a use for
            it: of label maps, the labelled pixels count.
        level: Features that are compared; their widths may differ, their height and width not.
    """

    weight: float = 0.01
    best_iou_share: float = 0.5
    level: Literal["c3", "c4", "c5"] = "c4"

    def __post_init__(self):
        check_weight("weight", self.weight)
        if not 0 <= self.best_iou_share < 1:
            raise MdjaxError(f"best_iou_share is {self.best_iou_share}; give 0 up to below 1.")

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the one loss term."""
        return (LossTerm("imitation", self.weight, self._compute),) if self.weight else ()

    def create_module(self) -> ChannelAdapter:
        """Build the adapter between the two widths."""
        return ChannelAdapter(self.level)

    def compute_mask(self, inputs: TermInputs) -> Array:
        """Return where the student imitates: near boxes, or on labelled pixels; [b h w 1].

        Raises:
            MdjaxError: The network has no such features, or its anchors are not those of C3 to C5.
        """
        truth, (student, _) = inputs.batch.truth, get_feature_pair(inputs, self.level)
        size_hw = get_size_hw(student)
        if not isinstance(truth, Objects):
            return compute_foreground_mask(truth, size_hw)
        return compute_anchor_mask(
            jnp.asarray(truth.boxes_xyxy_px),
            jnp.asarray(truth.is_valid & ~truth.is_ignored),
            select_anchors(inputs.output, self.level),
            size_hw,
            self.best_iou_share,
        )

    def _compute(self, inputs: TermInputs) -> Ratio:
        return imitation_loss(*get_adapted_pair(inputs, self.level), self.compute_mask(inputs))


def select_anchors(output: NetworkOutput, level: str) -> Float[Array, "a 4"]:
    """Return the anchors that lie on the grid of one level, (left, top, right, bottom) in pixels.

    Args:
        output: Of a detector with anchors on those of C3, C4 and C5 that are among its features,
            equally many on each cell, finest level first.
        level: "c3", "c4" or "c5".

    Raises:
        MdjaxError: The anchors are not laid out so.
    """
    anchors = output.prediction.anchors_xyxy_px
    num_cells = {
        name: output.features[name].shape[1] * output.features[name].shape[2]
        for name in ("c3", "c4", "c5")
        if name in output.features
    }
    num_per_cell, rest = divmod(anchors.shape[0], sum(num_cells.values()))
    if rest:
        raise MdjaxError(
            "Feature imitation needs the same number of anchors on each cell of "
            f"{', '.join(num_cells)}, but {anchors.shape[0]:,} anchors are not a multiple of "
            f"{sum(num_cells.values()):,} cells; take a network with mdjax's RetinaNetHead."
        )
    start = num_per_cell * sum(number for name, number in num_cells.items() if name < level)
    return anchors[start : start + num_per_cell * num_cells[level]]


def imitation_loss(
    student_features: Float[Array, "b h w c"],
    teacher_features: Float[Array, "b h w c"],
    mask: Float[Array, "b h w 1"],
) -> Ratio:
    """Compare features where there are objects (Wang et al. 2019, section 3.2).

    L_imitation = (1 / 2N) Σ_bhw I Σ_c (r(f_S) − f_T)², N = Σ_bhw I, with the adapter r.

    Args:
        student_features: r(f_S).
        teacher_features: f_T, of the same shape, a constant.
        mask: I in [0, 1].

    Returns:
        A ratio with a value ≥ 0; 0 where the mask is 0 everywhere.

    Raises:
        MdjaxError: The features have different shapes.

    Differs from the paper: N counts as 1 where it is less.
    """
    require_same_shape(student_features, teacher_features)
    teacher = jax.lax.stop_gradient(teacher_features.astype(jnp.float32))
    distance = jnp.square(student_features.astype(jnp.float32) - teacher)
    weights = jax.lax.stop_gradient(mask)
    return Ratio(jnp.sum(weights * distance) / 2, jnp.sum(weights, dtype=jnp.float32))
