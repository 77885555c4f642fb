"""Scores of a segmentation network on a whole split: one integer confusion matrix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mdjax.data.source import SplitSource
from mdjax.data.truth import LabelMapReader
from mdjax.metrics.confusion import SegmentationScores, count_confusions
from mdjax.types import Batch, format_count

ScoredSize = Literal["labels", "working"]
"""Size at which pixels are scored: that of the label files, or that of the network's images."""

_TITLE_WIDTH = 30


@dataclass(frozen=True)
class SegmentationEvaluation:
    """Scores of a whole set by time of day.

    Attributes:
        subsets: "all", and "day" and "night" where such images occur.
        class_names: Names by class id.
        label_sizes_hw: Rows and columns of the label maps that were scored.
        confusions: Of each image, true class by predicted class.
        is_night: Of each image.
    """

    subsets: Mapping[str, SegmentationScores]
    class_names: tuple[str, ...]
    label_sizes_hw: tuple[tuple[int, int], ...]
    confusions: Int[np.ndarray, "n k k"]
    is_night: Bool[np.ndarray, " n"]

    @property
    def num_images(self) -> int:
        """Number of images of the split."""
        return len(self.confusions)

    def to_metrics(self) -> dict[str, float]:
        """Return all scores in percent, called `<score>/<subset>`: `mean_accuracy_9/night`."""
        return {
            f"{name}/{subset}": value
            for subset, scores in self.subsets.items()
            for name, value in scores.to_percent(self.class_names).items()
        }

    def describe(self) -> str:
        """Say on how many images, and at which size, pixels were scored."""
        sizes = ", ".join(f"{width}x{height}" for height, width in self.label_sizes_hw[:3])
        more = ", ..." if len(self.label_sizes_hw) > 3 else ""
        k, num_present = len(self.class_names), self.subsets["all"].num_classes_present
        found = f"{num_present} of {k} classes occur" if num_present else "no pixel is labelled"
        return f"{format_count(self.num_images, 'image')}, pixels scored at {sizes}{more}, {found}"

    def explain_missing_value(self) -> str:
        """Say why there are no scores, and what to do about it."""
        return "none of its pixels is labelled. Check its label files."

    def format_table(self) -> str:
        """Lay the scores out: one row per score or class, one column per subset of the images.

        Says what was averaged: classes without a pixel in a subset have no score there (-).
        """
        return _format_scores(self)


@dataclass(frozen=True)
class CountedImage:
    """What was counted in one image: its confusions, true class by predicted class."""

    confusion: Int[np.ndarray, "k k"]
    is_night: bool
    label_size_hw: tuple[int, int]


class LabelTally:
    """Counts confusions while the batches of a split pass; a `Tally`."""

    def __init__(
        self,
        split: SplitSource,
        class_names: tuple[str, ...],
        *,
        scored_size: ScoredSize = "labels",
    ) -> None:
        """Begin with no image.

        Args:
            split: Whose images come.
            class_names: Names by class id.
            scored_size: See `ScoredSize`.
        """
        self._split = split
        self._class_names = class_names
        self._scored_size = scored_size
        self.counted: dict[int, CountedImage] = {}

    def add(
        self, interpreted: Float[np.ndarray, "b h w k"], batch: Batch, records: Sequence[int]
    ) -> None:
        """Count the images of a batch.

        Args:
            interpreted: Logits of all rows.
            batch: The rows; those that only fill up count nowhere.
            records: Index of each row's record in the split.
        """
        is_night = np.asarray(batch.is_night)
        for row in np.flatnonzero(np.asarray(batch.is_valid)).tolist():
            labels_u8 = self._get_labels(batch, row, records[row])
            size_hw = (labels_u8.shape[0], labels_u8.shape[1])
            predicted = resize_logits_to_labels(interpreted[row], size_hw)
            counts = count_confusions(predicted, labels_u8, len(self._class_names))
            self.counted[records[row]] = CountedImage(counts, bool(is_night[row]), size_hw)

    def compute(self) -> SegmentationEvaluation:
        """Return the scores of all images that were counted; NaN where no pixel is labelled."""
        num_classes = len(self._class_names)
        images = [self.counted[record] for record in sorted(self.counted)]
        confusions = np.array([image.confusion for image in images], np.int64)
        confusions = confusions.reshape(-1, num_classes, num_classes)
        is_night = np.array([image.is_night for image in images], bool)
        candidates = {"day": ~is_night, "night": is_night, "all": np.ones_like(is_night)}
        totals = {name: confusions[members].sum(axis=0) for name, members in candidates.items()}
        subsets = {
            name: SegmentationScores(total)
            for name, total in totals.items()
            if total.any() or name == "all"
        }
        return SegmentationEvaluation(
            subsets,
            self._class_names,
            tuple(sorted({image.label_size_hw for image in images})),
            confusions,
            is_night,
        )

    def _get_labels(self, batch: Batch, row: int, record: int) -> UInt8[np.ndarray, "h w"]:
        if self._scored_size == "working":
            return np.asarray(batch.label_maps[row])
        return LabelMapReader().read(self._split[record])


def resize_logits_to_labels(
    logits: Float[np.ndarray, "h w k"], size_hw: tuple[int, int]
) -> UInt8[np.ndarray, "hh ww"]:
    """Scale logits bilinearly to another size and take the class of the greatest.

    Borders between classes come out smooth, which scaled class ids would not.
    """
    # One class at a time: a large photograph times all classes would fill the memory.
    largest = np.full(size_hw, -np.inf, np.float32)
    labels_u8 = np.zeros(size_hw, np.uint8)
    for class_id in range(logits.shape[-1]):
        plane = np.ascontiguousarray(logits[..., class_id])
        scaled = cv2.resize(plane, size_hw[::-1], interpolation=cv2.INTER_LINEAR)
        labels_u8[scaled > largest] = class_id
        np.maximum(largest, scaled, out=largest)
    return labels_u8


def _format_scores(evaluation: SegmentationEvaluation) -> str:
    names = evaluation.class_names
    k = len(names)
    percent = {name: scores.to_percent(names) for name, scores in evaluation.subsets.items()}
    columns = "".join(f"{subset:>9}" for subset in percent)
    lines = [f"{'percent':{_TITLE_WIDTH}}{columns}"]

    def add_row(title: str, metric: str) -> None:
        cells = (scores[metric] for scores in percent.values())
        lines.append(f"{title:{_TITLE_WIDTH}}" + "".join(_format_cell(cell) for cell in cells))

    for title, metric in (("mean accuracy", "mean_accuracy"), ("mean IoU", "mean_iou")):
        add_row(f"{title}, {format_count(k, 'class', 'classes')}", f"{metric}_{k}")
        add_row(f"{title}, {k}, absent as 0", f"{metric}_{k}_absent_as_0")
        add_row(f"{title}, {format_count(k - 1, 'class', 'classes')}", f"{metric}_{k - 1}")
    counts = (scores.num_classes_present for scores in evaluation.subsets.values())
    cells = "".join(f"{count:9d}" for count in counts)
    lines.append(f"{f'classes that occur, of {k}':{_TITLE_WIDTH}}{cells}")
    for name in names:
        add_row(f"accuracy {name}", f"accuracy/{name}")
    for name in names:
        add_row(f"IoU {name}", f"iou/{name}")
    return "\n".join(lines)


def _format_cell(value: float) -> str:
    return f"{'-':>9}" if np.isnan(value) else f"{value:9.2f}"
