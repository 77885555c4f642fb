"""Modality distillation (MD): attention and semantic transfer (Zhang et al., WACV 2022)."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float

from mdjax.losses.distillation import (
    attention_transfer_loss,
    compute_focal_mask,
    compute_mask_perplexity,
    focal_mse_loss,
    mse_loss,
)
from mdjax.train.step import Diagnostics, LossTerm
from mdjax.types import Array, MdjaxError, NetworkOutput


@dataclass(frozen=True)
class ModalityDistillation:
    """L = L_task + λ_att L_att + λ_sem L_sem.

    Attributes:
        attention_weight: λ_att; 0 leaves attention transfer out.
        semantic_weight: λ_sem; 0 leaves semantic transfer out.
        semantic_loss: F-MSE (MD eq. 4), or the plain MSE of the paper's ablation.
        mask_reduction: What enters the softmax of F-MSE: the squared difference summed over
            channels (the paper's literal formula), averaged over channels, or that over its mean
            over the image, which does not depend on the scale of the features.
        mask_gradient: Let the gradient of F-MSE through its mask too.
    """

    attention_weight: float = 1.0
    semantic_weight: float = 1.0
    semantic_loss: Literal["focal_mse", "mse"] = "focal_mse"
    mask_reduction: Literal["mean", "sum", "relative"] = "mean"
    mask_gradient: bool = False

    def __post_init__(self):
        if self.attention_weight < 0 or self.semantic_weight < 0:
            raise MdjaxError("attention_weight and semantic_weight must be 0 or more.")
        if self.attention_weight == self.semantic_weight == 0:
            raise MdjaxError(
                "Both transfer weights are 0, so nothing would be distilled; "
                "train the student natively instead."
            )

    def make_transfer_terms(self) -> tuple[LossTerm, ...]:
        """List the loss terms that compare student and teacher."""
        terms = (
            LossTerm("attention_transfer", self.attention_weight, compute_attention_transfer),
            LossTerm("semantic_transfer", self.semantic_weight, self._compute_semantic_transfer),
        )
        return tuple(term for term in terms if term.weight)

    def make_diagnostics(self) -> Diagnostics:
        """Name what is worth watching: how many positions F-MSE attends to."""
        return {"focal_mask_perplexity": self._compute_perplexity}

    def compute_mask(self, student: NetworkOutput, teacher: NetworkOutput) -> Array:
        """Return the mask of F-MSE (Fig. 4 of the paper), [b h w 1]."""
        return compute_focal_mask(*_pair_of("features", student, teacher), self.mask_reduction)

    def _compute_semantic_transfer(
        self, student: NetworkOutput, teacher: NetworkOutput
    ) -> Float[Array, ""]:
        features = _pair_of("features", student, teacher)
        if self.semantic_loss == "mse":
            return mse_loss(*features)
        return focal_mse_loss(
            *features, mask_reduction=self.mask_reduction, mask_gradient=self.mask_gradient
        )

    def _compute_perplexity(
        self, student: NetworkOutput, teacher: NetworkOutput
    ) -> Float[Array, ""]:
        return compute_mask_perplexity(self.compute_mask(student, teacher))


def compute_attention_transfer(student: NetworkOutput, teacher: NetworkOutput) -> Float[Array, ""]:
    """Compare the attention masks of two outputs (MD eq. 3).

    Raises:
        MdjaxError: One of the networks has no attention mask.
    """
    return attention_transfer_loss(*_pair_of("mask", student, teacher))


def _pair_of(
    name: Literal["features", "mask"], student: NetworkOutput, teacher: NetworkOutput
) -> tuple[Array, Array]:
    pair = getattr(student, name), getattr(teacher, name)
    for value, who in zip(pair, ("student", "teacher"), strict=True):
        if value is None:
            raise MdjaxError(
                f"This distillation compares what networks return as '{name}', but the {who} "
                "returns none; take another network or set the weight of this transfer to 0."
            )
    return pair
