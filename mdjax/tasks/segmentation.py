"""Semantic segmentation: its loss terms and its evaluation."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from mdjax.data.source import SplitSource
from mdjax.data.truth import LabelMapReader
from mdjax.losses.guidance import guidance_inter_loss, guidance_intra_loss
from mdjax.losses.segmentation import cross_entropy_loss
from mdjax.metrics.confusion import SegmentationScores, count_confusions, predict_labels
from mdjax.models.backbones.resnet import ResNetOptions
from mdjax.models.heads.pspnet import DROPOUT_RATE, PspHead
from mdjax.ops.masks import compute_foreground_mask
from mdjax.ops.resize import get_size_hw
from mdjax.tasks.task import Evaluator
from mdjax.train.state import Network, SelectInputs
from mdjax.train.step import LossTerm, use_batch
from mdjax.types import Array, Batch, MdjaxError, NetworkOutput


@dataclass(frozen=True)
class SegmentationTask:
    """What the trainer has to know of segmentation.

    Attributes:
        guidance_weight: Weight of both guidance losses of GAFF; networks without GAFF ignore it.
            The paper's 1 swamps the segmentation loss when training from scratch on little data.
        dropout_rate: Of the PSPNet head.
    """

    guidance_weight: float = 0.1
    dropout_rate: float = DROPOUT_RATE

    def __post_init__(self):
        if self.guidance_weight < 0:
            raise MdjaxError(f"guidance_weight is {self.guidance_weight}; give 0 or more.")
        if not 0 <= self.dropout_rate < 1:
            raise MdjaxError(f"dropout_rate is {self.dropout_rate}; give 0 up to below 1.")

    def create_head(self, num_classes: int, options: ResNetOptions) -> PspHead:
        """Build the head that turns features into logits."""
        return PspHead(num_classes, options, self.dropout_rate)

    def compute_targets(self, output: NetworkOutput, batch: Batch) -> Batch:
        """Return the batch: label maps are targets as they are."""
        return use_batch(output, batch)

    def make_terms(self, *, has_guidance: bool) -> tuple[LossTerm, ...]:
        """List the loss terms, with those of GAFF for a network that has it."""
        terms = (LossTerm("segmentation", 1.0, compute_cross_entropy),)
        if not has_guidance or not self.guidance_weight:
            return terms
        return (
            *terms,
            LossTerm("guidance_intra", self.guidance_weight, _compute_intra),
            LossTerm("guidance_inter", self.guidance_weight, _compute_inter),
        )

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

    def make_evaluator(
        self, network: Network, class_names: tuple[str, ...], *, select_inputs: SelectInputs
    ) -> Evaluator:
        """Build the evaluator, see `make_segmentation_evaluator`."""
        evaluate = make_segmentation_evaluator(network, class_names, select_inputs=select_inputs)

        def evaluate_split(
            variables: Mapping[str, Any], batches: Iterable[Batch], split: SplitSource
        ) -> SegmentationEvaluation:
            del split  # the batches tell all
            return evaluate(variables, batches)

        return evaluate_split


def compute_cross_entropy(output: NetworkOutput, batch: Batch) -> Float[Array, ""]:
    """Compute the task loss of a batch."""
    return cross_entropy_loss(output.prediction, batch.label_maps)


def _compute_intra(output: NetworkOutput, batch: Batch) -> Array:
    return guidance_intra_loss(*_guidance_and_foreground(output, batch))


def _compute_inter(output: NetworkOutput, batch: Batch) -> Array:
    return guidance_inter_loss(*_guidance_and_foreground(output, batch))


def _guidance_and_foreground(output: NetworkOutput, batch: Batch) -> tuple[Any, Array]:
    if output.guidance is None:
        raise MdjaxError("The guidance losses need a network with GAFF (feature-level fusion).")
    size_hw = get_size_hw(output.guidance.inter)
    return output.guidance, compute_foreground_mask(batch.label_maps, size_hw)


@dataclass(frozen=True)
class SegmentationEvaluation:
    """Scores of a whole set by time of day.

    Attributes:
        subsets: "all", and "day" and "night" where such images occur.
        class_names: Names by class id.
    """

    subsets: Mapping[str, SegmentationScores]
    class_names: tuple[str, ...]

    def to_metrics(self) -> dict[str, float]:
        """Return all scores in percent, called `<score>/<subset>`: `mean_accuracy_9/night`."""
        return {
            f"{name}/{subset}": value
            for subset, scores in self.subsets.items()
            for name, value in scores.to_percent(self.class_names).items()
        }

    def format_table(self) -> str:
        """Lay the scores out: a row a score or class, a column a subset of the images.

        Says what was averaged: classes without a pixel in a subset have no score there (-).
        """
        return _format_scores(self)


def make_segmentation_evaluator(
    network: Network, class_names: Sequence[str], *, select_inputs: SelectInputs
) -> Callable[[Mapping[str, Any], Iterable[Batch]], SegmentationEvaluation]:
    """Build the evaluator that scores teacher, native and distilled student alike.

    Args:
        network: Network in question.
        class_names: Names by class id.
        select_inputs: Takes the network's inputs from a batch.

    Returns:
        A function (variables, batches) → evaluation over all valid images of the batches.
    """
    num_classes = len(class_names)

    @jax.jit
    def count(variables: Any, batch: Batch) -> tuple[Array, Array]:
        output = network.apply(variables, *select_inputs(batch), train=False)
        predictions = predict_labels(output.prediction)
        is_day, is_night = batch.is_valid & ~batch.is_night, batch.is_valid & batch.is_night
        return (
            count_confusions(predictions, batch.label_maps, is_day, num_classes),
            count_confusions(predictions, batch.label_maps, is_night, num_classes),
        )

    def evaluate(variables: Mapping[str, Any], batches: Iterable[Batch]) -> SegmentationEvaluation:
        day = np.zeros((num_classes, num_classes), np.int64)
        night = np.zeros_like(day)
        for batch in batches:
            batch_day, batch_night = jax.device_get(count(variables, batch))
            day += batch_day
            night += batch_night
        candidates = {"day": day, "night": night, "all": day + night}
        subsets = {
            name: SegmentationScores(confusion)
            for name, confusion in candidates.items()
            if confusion.any()
        }
        if "all" not in subsets:
            raise MdjaxError("There is no labelled pixel to evaluate on; check the split.")
        return SegmentationEvaluation(subsets, tuple(class_names))

    return evaluate


def _format_scores(evaluation: SegmentationEvaluation) -> str:
    names = evaluation.class_names
    k = len(names)
    percent = {name: scores.to_percent(names) for name, scores in evaluation.subsets.items()}
    columns = "".join(f"{subset:>9}" for subset in percent)
    lines = [f"{'percent':24}{columns}"]

    def add_row(title: str, metric: str) -> None:
        cells = (scores[metric] for scores in percent.values())
        lines.append(f"{title:24}" + "".join(_format_cell(cell) for cell in cells))

    add_row(f"mean accuracy, {k} classes", f"mean_accuracy_{k}")
    add_row(f"mean accuracy, {k - 1} classes", f"mean_accuracy_{k - 1}")
    add_row(f"mean IoU, {k} classes", f"mean_iou_{k}")
    add_row(f"mean IoU, {k - 1} classes", f"mean_iou_{k - 1}")
    counts = (scores.num_classes_present for scores in evaluation.subsets.values())
    lines.append(f"{'classes that occur':24}" + "".join(f"{count:9d}" for count in counts))
    for name in names:
        add_row(f"accuracy {name}", f"accuracy/{name}")
    for name in names:
        add_row(f"IoU {name}", f"iou/{name}")
    return "\n".join(lines)


def _format_cell(value: float) -> str:
    return f"{'-':>9}" if np.isnan(value) else f"{value:9.2f}"
