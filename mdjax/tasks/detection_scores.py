"""Scores of a detector on a whole split: log-average miss rate and average precision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from mdjax.data.objects import ImageObjects, ObjectReader
from mdjax.data.source import SplitSource
from mdjax.metrics.average_precision import AveragePrecision, compute_average_precision
from mdjax.metrics.box_matching import ScoredBoxes, TrueBoxes
from mdjax.metrics.miss_rate import MissRate, compute_miss_rates
from mdjax.ops.resize import get_size_hw
from mdjax.types import Batch, Detections, format_count


@dataclass(frozen=True)
class ImageDetections:
    """What was found in one image, in pixels of its visible image file, best score first."""

    boxes_xyxy_px: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, " n"]
    class_ids: Int[np.ndarray, " n"]


@dataclass(frozen=True)
class DetectionEvaluation:
    """Scores of a whole split.

    Attributes:
        class_names: Names by class id.
        miss_rates: By class and by name of the subset of persons, see `metrics.miss_rate`; by the
            rule of KAIST's Matlab code.
        python_miss_rates: The same by the rule of the Python script.
        average_precisions: By class and by time of day, "all" among them.
        detections: Of each image, in the order of the split.
        truths: Of each image.
        image_sizes_hw: Rows and columns of each image.
        is_night: Of each image.
    """

    class_names: tuple[str, ...]
    miss_rates: Mapping[str, Mapping[str, MissRate]]
    python_miss_rates: Mapping[str, Mapping[str, MissRate]]
    average_precisions: Mapping[str, Mapping[str, AveragePrecision]]
    detections: Sequence[ImageDetections]
    truths: Sequence[ImageObjects]
    image_sizes_hw: Sequence[tuple[int, int]]
    is_night: Bool[np.ndarray, " n"]

    def to_metrics(self) -> dict[str, float]:
        """Return all scores in percent, called `<score>/<subset>`: `miss_rate/night`, `ap50/all`.

        `miss_rate` follows the Matlab code, `miss_rate_python` the Python script. Means over the
        classes that occur; of several classes also `miss_rate_person/night`.
        """
        aps = self.average_precisions
        scores: dict[str, dict[str, dict[str, float]]] = {
            "miss_rate": _get_percents(self.miss_rates, "percent"),
            "miss_rate_python": _get_percents(self.python_miss_rates, "percent"),
            "ap50": _get_percents(aps, "ap50_percent"),
            "ap75": _get_percents(aps, "ap75_percent"),
            "ap": _get_percents(aps, "ap_percent"),
        }
        metrics: dict[str, float] = {}
        for score, by_class in scores.items():
            for subset in next(iter(by_class.values())):
                values = np.array([by_class[name][subset] for name in self.class_names])
                is_present = ~np.isnan(values)
                mean = float(values[is_present].mean()) if is_present.any() else float("nan")
                metrics[f"{score}/{subset}"] = mean
                if len(self.class_names) > 1:
                    metrics |= {
                        f"{score}_{name}/{subset}": by_class[name][subset]
                        for name in self.class_names
                    }
        return metrics

    def describe(self) -> str:
        """Say on how many images boxes were scored, and in which pixels."""
        images = format_count(len(self.detections), "image")
        found = "" if self._has_objects else f", no {self._kinds} to be found"
        return f"{images}, boxes scored in pixels of the image files{found}"

    def explain_missing_value(self) -> str:
        """Say why the main score has no value, and what to do about it."""
        if not self._has_objects:
            return (
                f"it holds no {self._kinds} to be found. Check its annotations and task.classes; a "
                "data set without such a split is trained and scored on what it has."
            )
        return (
            f"each {self._kinds} there is below the height, or above the occlusion, from which one "
            "counts for the miss rate. AP counts them all: start a run with task.main_metric ap50."
        )

    @property
    def _has_objects(self) -> bool:
        return any((~truth.is_ignored).any() for truth in self.truths)

    @property
    def _kinds(self) -> str:
        return " or ".join(self.class_names)

    def format_table(self) -> str:
        """Lay the scores out: one row per subset; a score of - has no object to be measured on.

        MR is the log-average miss rate by the Matlab code, MR python that by the Python script.
        """
        titles = {"MR %": 8, "MR python %": 13, "AP50 %": 9, "AP75 %": 9, "AP %": 9}
        lines = []
        for name in self.class_names:
            titled = "".join(f"{title:>{width}}" for title, width in titles.items())
            lines.append(f"{name:20}{titled}{'images':>9}{'objects':>9}")
            aps = self.average_precisions[name]
            for subset, rate in self.miss_rates[name].items():
                ap = aps.get(subset)
                python_rate = self.python_miss_rates[name][subset]
                precisions = [ap.ap50_percent, ap.ap75_percent, ap.ap_percent] if ap else []
                cells = [_format_cell(x) for x in (rate.percent, python_rate.percent, *precisions)]
                cells += [""] * (len(titles) - len(cells))
                row = "".join(
                    f"{cell:>{width}}" for cell, width in zip(cells, titles.values(), strict=True)
                )
                lines.append(f"{subset:20}{row}{rate.num_images:9d}{rate.num_boxes:9d}")
        lines.append(
            "MR: a row counts the objects of its subset and ignores all others; all, day and night "
            "count KAIST's Reasonable ones, 55 px and higher. AP: all objects count."
        )
        return "\n".join(lines)


def _get_percents(
    scores: Mapping[str, Mapping[str, MissRate | AveragePrecision]], name: str
) -> dict[str, dict[str, float]]:
    """One number of each score, by class and subset."""
    return {
        class_name: {subset: getattr(score, name) for subset, score in by_subset.items()}
        for class_name, by_subset in scores.items()
    }


@dataclass(frozen=True)
class ScoredImage:
    """What was found in one image and what is there, in pixels of its file."""

    detections: ImageDetections
    truth: ImageObjects
    image_size_hw: tuple[int, int]
    is_night: bool


class DetectionTally:
    """Gathers detections while the batches of a split pass; a `Tally`."""

    def __init__(
        self, split: SplitSource, class_names: tuple[str, ...], reader: ObjectReader
    ) -> None:
        """Begin with no image.

        Args:
            split: Whose images come.
            class_names: Names by class id.
            reader: Gives the objects as they were annotated: which persons count is decided in
                pixels of the image file.
        """
        self._split = split
        self._class_names = class_names
        self._reader = reader
        self.counted: dict[int, ScoredImage] = {}

    def add(self, interpreted: Detections, batch: Batch, records: Sequence[int]) -> None:
        """Take the detections of a batch.

        Args:
            interpreted: What was found in all rows.
            batch: The rows; those that only fill up count nowhere.
            records: Index of each row's record in the split.
        """
        rows = np.flatnonzero(np.asarray(batch.is_valid)).tolist()
        sizes_hw = np.asarray(batch.image_size_hw)
        for row, found in zip(rows, collect_detections(interpreted, batch), strict=True):
            # One record at a time: each holds the bytes of two images.
            record = self._split[records[row]]
            self.counted[records[row]] = ScoredImage(
                found,
                self._reader.read(record),
                (int(sizes_hw[row, 0]), int(sizes_hw[row, 1])),
                bool(record["is_night"]),
            )

    def compute(self) -> DetectionEvaluation:
        """Return all scores; NaN where there is no object to be found."""
        images = [self.counted[record] for record in sorted(self.counted)]
        return score_detections(
            [image.detections for image in images],
            [image.truth for image in images],
            self._class_names,
            image_sizes_hw=[image.image_size_hw for image in images],
            is_night=np.array([image.is_night for image in images], bool),
        )


def collect_detections(found: Detections, batch: Batch) -> list[ImageDetections]:
    """Bring the detections of a batch back to the size of the image files."""
    sizes_hw = np.asarray(batch.image_size_hw)
    return [
        scale_detections(
            jax.tree.map(lambda rows, i=i: np.asarray(rows)[i], found),
            get_size_hw(batch.visible),
            (int(sizes_hw[i, 0]), int(sizes_hw[i, 1])),
        )
        for i in np.flatnonzero(np.asarray(batch.is_valid))
    ]


def scale_detections(
    found: Detections, working_size_hw: tuple[int, int], image_size_hw: tuple[int, int]
) -> ImageDetections:
    """Bring the detections of one image [n] to the size of its file, without the filled-up rows."""
    (working_h, working_w), (height, width) = working_size_hw, image_size_hw
    scale = np.array([width / working_w, height / working_h] * 2, np.float32)
    is_valid = np.asarray(found.is_valid)
    return ImageDetections(
        np.asarray(found.boxes_xyxy_px)[is_valid] * scale,
        np.asarray(found.scores)[is_valid],
        np.asarray(found.class_ids)[is_valid],
    )


def score_detections(
    detections: Sequence[ImageDetections],
    truths: Sequence[ImageObjects],
    class_names: tuple[str, ...],
    *,
    image_sizes_hw: Sequence[tuple[int, int]],
    is_night: np.ndarray,
) -> DetectionEvaluation:
    """Compute all scores of all classes, NaN where there is no object to be found.

    Args:
        detections: Of each image.
        truths: Of each image, in pixels of the same file.
        class_names: Names by class id.
        image_sizes_hw: Rows and columns of each image, for the rule about its edges.
        is_night: Of each image.
    """
    times = {"all": np.full(len(truths), True), "day": ~is_night, "night": is_night}
    miss_rates, python_miss_rates, average_precisions = {}, {}, {}
    for k, name in enumerate(class_names):
        scored = [select_scored(found, k) for found in detections]
        true = [select_true(truth, k) for truth in truths]
        images: Any = {"image_sizes_hw": image_sizes_hw, "is_night": is_night}
        miss_rates[name] = compute_miss_rates(scored, true, **images, rule="matlab")
        python_miss_rates[name] = compute_miss_rates(scored, true, **images, rule="python")
        average_precisions[name] = {
            time: compute_average_precision(
                [scored[i] for i in np.flatnonzero(members)],
                [true[i] for i in np.flatnonzero(members)],
            )
            for time, members in times.items()
        }
    return DetectionEvaluation(
        class_names,
        miss_rates,
        python_miss_rates,
        average_precisions,
        detections,
        truths,
        image_sizes_hw,
        is_night,
    )


# KAIST's rule about edges reads coordinates that count pixels from 1.
_FIRST_PIXEL = 1


def select_scored(found: ImageDetections, class_id: int) -> ScoredBoxes:
    """Return what was found of a class, as scores take it."""
    is_class = found.class_ids == class_id
    return ScoredBoxes.from_xyxy(
        found.boxes_xyxy_px[is_class].astype(np.float64) + _FIRST_PIXEL, found.scores[is_class]
    )


def select_true(truth: ImageObjects, class_id: int) -> TrueBoxes:
    """Return what is there of a class, as scores take it."""
    is_class = truth.class_ids == class_id
    return TrueBoxes.from_xyxy(
        truth.boxes_xyxy_px[is_class].astype(np.float64) + _FIRST_PIXEL,
        truth.is_ignored[is_class],
        truth.occlusion[is_class].astype(np.int64),
    )


def _format_cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
