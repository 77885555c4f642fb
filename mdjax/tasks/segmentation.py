"""Semantic segmentation: its loss terms and its evaluation."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, UInt8

from mdjax.data.source import SplitSource
from mdjax.data.truth import LabelMapReader
from mdjax.losses.ratio import Ratio
from mdjax.losses.segmentation import cross_entropy_loss
from mdjax.models.backbones.backbone import Backbone
from mdjax.models.heads.pspnet import (
    BIN_CHANNELS,
    DROPOUT_RATE,
    JOINT_CHANNELS,
    AuxiliaryHead,
    PspHead,
)
from mdjax.models.layers import scale_channels
from mdjax.ops.masks import compute_foreground_mask
from mdjax.ops.resize import get_size_hw
from mdjax.tasks.branches import repeat_for_branches
from mdjax.tasks.guidance import make_guidance_terms
from mdjax.tasks.segmentation_scores import LabelTally, ScoredSize, resize_logits_to_labels
from mdjax.train.terms import LossTerm, TermInputs, use_batch
from mdjax.types import Array, Batch, MdjaxError, NetworkOutput


@dataclass(frozen=True)
class SegmentationTask:
    """Settings of segmentation.

    Attributes:
        guidance_weight: Weight of both guidance losses of GAFF; networks without GAFF ignore it.
            The paper's 1 swamps the segmentation loss when training from scratch on little data.
        class_balance: Share of the cross-entropy in which all classes have equal weight, 0 to 1:
            for short trainings on data with nearly all pixels in one class, see
            `cross_entropy_loss`.
        dropout_rate: Dropout rate of the PSPNet head.
        head_width: Channels of the head, as a share of those that the backbone's width gives it;
            less is faster, see `mdjax benchmark`.
        auxiliary_weight: Weight of a second cross-entropy, of a small auxiliary head on C4, in
            training only; 0.4 in PSPNet (Zhao et al. 2017, section 5.2).
        scored_size: Size at which pixels are scored: that of the label files, to which logits are
            resized, as `predict` does and as papers do; or the working size, to which label maps
            are reduced: faster, and favourable to networks with small images.
    """

    guidance_weight: float = 0.1
    class_balance: float = 0.0
    dropout_rate: float = DROPOUT_RATE
    head_width: float = 1.0
    auxiliary_weight: float = 0.0
    scored_size: ScoredSize = "labels"

    def __post_init__(self):
        if self.guidance_weight < 0:
            raise MdjaxError(f"guidance_weight is {self.guidance_weight}; give 0 or more.")
        if self.auxiliary_weight < 0:
            raise MdjaxError(f"auxiliary_weight is {self.auxiliary_weight}; give 0 or more.")
        if not 0 <= self.class_balance <= 1:
            raise MdjaxError(f"class_balance is {self.class_balance}; give 0 up to 1.")
        if not 0 <= self.dropout_rate < 1:
            raise MdjaxError(f"dropout_rate is {self.dropout_rate}; give 0 up to below 1.")
        if not 0 < self.head_width <= 1:
            raise MdjaxError(f"head_width is {self.head_width}; give more than 0, up to 1.")

    def create_head(self, num_classes: int, backbone: Backbone) -> PspHead:
        """Build the head that turns features into logits."""
        width = self.head_width * backbone.width
        return PspHead(
            num_classes,
            bin_channels=scale_channels(BIN_CHANNELS, width),
            joint_channels=scale_channels(JOINT_CHANNELS, width),
            dropout_rate=self.dropout_rate,
            dtype=backbone.dtype,
        )

    def create_module(self, num_classes: int, backbone: Backbone) -> AuxiliaryHead | None:
        """Build the auxiliary head, where its loss has a weight."""
        if not self.auxiliary_weight:
            return None
        return AuxiliaryHead(num_classes, dropout_rate=self.dropout_rate, dtype=backbone.dtype)

    def compute_targets(self, output: NetworkOutput, batch: Batch) -> Batch:
        """Return the batch: label maps are targets as they are."""
        return use_batch(output, batch)

    def make_terms(
        self, *, has_guidance: bool, branches: tuple[str, ...] = ()
    ) -> tuple[LossTerm, ...]:
        """List the loss terms, see `Task.make_terms`."""
        cross_entropy = partial(compute_cross_entropy, class_balance=self.class_balance)
        terms = (LossTerm("segmentation", 1.0, cross_entropy),)
        terms = repeat_for_branches(terms, branches, self.compute_targets)
        if self.auxiliary_weight:
            auxiliary = partial(compute_auxiliary_loss, class_balance=self.class_balance)
            terms = (*terms, LossTerm("auxiliary", self.auxiliary_weight, auxiliary))
        if not has_guidance:
            return terms
        return (*terms, *make_guidance_terms(self.guidance_weight, compute_foreground))

    @property
    def is_lower_better(self) -> bool:
        """Whether the main metric counts mistakes: it does not."""
        return False

    def get_class_names(self, split: SplitSource) -> tuple[str, ...]:
        """Name the classes of the label maps.

        Raises:
            MdjaxError: The data set has no label maps.
        """
        return split.get_class_names("labels")

    def get_main_metric(self, class_names: tuple[str, ...]) -> str:
        """Name the score that the paper reports: mean accuracy over all classes and images."""
        return f"mean_accuracy_{len(class_names)}/all"

    def create_truth_reader(self, split: SplitSource) -> LabelMapReader:
        """Read label maps."""
        del split
        return LabelMapReader()

    def interpret(self, prediction: Any, working_size_hw: tuple[int, int]) -> jax.Array:
        """Return the logits [b h w k] in float32."""
        del working_size_hw  # they have it
        return jnp.asarray(prediction, jnp.float32)

    def fit_to_image(
        self,
        interpreted: Float[np.ndarray, "h w k"],
        working_size_hw: tuple[int, int],
        image_size_hw: tuple[int, int],
    ) -> UInt8[np.ndarray, "hh ww"]:
        """Scale the logits of one image to the size of its file and take the greatest."""
        del working_size_hw
        return resize_logits_to_labels(interpreted, image_size_hw)

    def create_tally(self, split: SplitSource, class_names: tuple[str, ...]) -> LabelTally:
        """Begin to count the confusions of a split."""
        return LabelTally(split, class_names, scored_size=self.scored_size)


def compute_cross_entropy(inputs: TermInputs, *, class_balance: float = 0.0) -> Ratio:
    """Compute the task loss of a batch."""
    return cross_entropy_loss(
        inputs.output.prediction, inputs.targets.label_maps, class_balance=class_balance
    )


def compute_auxiliary_loss(inputs: TermInputs, *, class_balance: float = 0.0) -> Ratio:
    """Compute the same loss of what the auxiliary head says."""
    return cross_entropy_loss(inputs.method, inputs.targets.label_maps, class_balance=class_balance)


def compute_foreground(inputs: TermInputs) -> Array:
    """Draw what guidance supervises, on the grid of the guidance logits."""
    size_hw = get_size_hw(inputs.output.guidance.inter)
    return compute_foreground_mask(inputs.targets.label_maps, size_hw)
