"""Modality distillation (MD): attention and semantic transfer (Zhang et al., WACV 2022)."""

from dataclasses import dataclass
from typing import Literal

from mdjax.losses.distillation import (
    attention_transfer_loss,
    compute_focal_mask,
    compute_perplexity_share,
    focal_mse_loss,
    mse_loss,
)
from mdjax.losses.ratio import Ratio
from mdjax.methods.features import get_feature_pair
from mdjax.methods.method import Method, check_weight
from mdjax.train.terms import Diagnostics, LossTerm, TermInputs
from mdjax.types import Array, MdjaxError


@dataclass(frozen=True)
class ModalityDistillation(Method):
    """L = L_task + λ_att L_att + λ_sem L_sem.

    With both weights 0 the student learns from its task alone.

    Attributes:
        attention_weight: λ_att; 0 leaves attention transfer out.
        semantic_weight: λ_sem; 0 leaves semantic transfer out.
        semantic_loss: F-MSE (MD eq. 4), or the plain MSE of the paper's ablation.
        mask_reduction: What enters the softmax of F-MSE: the squared difference summed over
            channels (the paper's literal formula), averaged over channels, that over its mean over
            the image, or the sum at a temperature that keeps the mask wide; see
            `compute_focal_mask`.
        mask_gradient: Let the gradient of F-MSE through its mask too.
        level: Features that semantic transfer compares: C4, on which GAFF fuses, or C5.

    Example:
        >>> import mdjax
        >>> method = mdjax.ModalityDistillation(attention_weight=0, semantic_loss="mse")
        >>> [(term.name, term.weight) for term in method.make_terms()]
        [('semantic_transfer', 1.0)]
    """

    attention_weight: float = 1.0
    semantic_weight: float = 1.0
    semantic_loss: Literal["focal_mse", "mse"] = "focal_mse"
    mask_reduction: Literal["mean", "sum", "relative", "bounded"] = "mean"
    mask_gradient: bool = False
    level: Literal["c4", "c5"] = "c4"

    def __post_init__(self):
        check_weight("attention_weight", self.attention_weight)
        check_weight("semantic_weight", self.semantic_weight)

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the loss terms that compare student and teacher."""
        terms = (
            LossTerm("attention_transfer", self.attention_weight, compute_attention_transfer),
            LossTerm("semantic_transfer", self.semantic_weight, self._compute_semantic_transfer),
        )
        return tuple(term for term in terms if term.weight)

    def make_diagnostics(self) -> Diagnostics:
        """Name what is worth watching: the share of the positions that F-MSE attends to."""
        if not self.semantic_weight:
            return {}
        return {"focal_mask_perplexity_share": self._compute_perplexity}

    def compute_mask(self, inputs: TermInputs) -> Array:
        """Return the mask of F-MSE (Fig. 4 of the paper), [b h w 1]."""
        return compute_focal_mask(*self._get_features(inputs), self.mask_reduction)

    def _compute_semantic_transfer(self, inputs: TermInputs) -> Ratio:
        features = self._get_features(inputs)
        if self.semantic_loss == "mse":
            return mse_loss(*features)
        return focal_mse_loss(
            *features, mask_reduction=self.mask_reduction, mask_gradient=self.mask_gradient
        )

    def _compute_perplexity(self, inputs: TermInputs) -> Ratio:
        return compute_perplexity_share(self.compute_mask(inputs))

    def _get_features(self, inputs: TermInputs) -> tuple[Array, Array]:
        return get_feature_pair(inputs, self.level)


def compute_attention_transfer(inputs: TermInputs) -> Ratio:
    """Compare the attention masks of student and teacher (MD eq. 3).

    Raises:
        MdjaxError: One of the networks has no attention mask.
    """
    masks = inputs.output.mask, inputs.get_teacher().mask
    for mask, who in zip(masks, ("student", "teacher"), strict=True):
        if mask is None:
            raise MdjaxError(
                f"Attention transfer compares attention masks, but the {who} has none; take "
                "another network, or set attention_weight to 0."
            )
    return attention_transfer_loss(*masks)
