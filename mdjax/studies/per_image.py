"""What was scored of each test image, small enough to keep, for pooled scores and intervals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mdjax.data.objects import ImageObjects
from mdjax.metrics.confusion import SegmentationScores
from mdjax.tasks.detection_scores import DetectionEvaluation, ImageDetections, score_detections
from mdjax.tasks.segmentation_scores import SegmentationEvaluation
from mdjax.tasks.task import Evaluation

ImageResult = Mapping[str, Any]
"""Of one image, as JSON can hold it."""

# What is found with less makes the files ten times as large. Leaving it out can only lower AP50 and
# raise the miss rate, alike for all rows: pooled scores are a little below those of `evaluate`.
_MIN_KEPT_SCORE = 0.02


def describe_images(evaluation: Evaluation) -> list[ImageResult]:
    """Return what a pooled score needs of each image of an evaluated split."""
    if isinstance(evaluation, SegmentationEvaluation):
        return [
            {"is_night": bool(night), "confusion": confusion.tolist()}
            for night, confusion in zip(evaluation.is_night, evaluation.confusions, strict=True)
        ]
    assert isinstance(evaluation, DetectionEvaluation)
    return [
        {
            "is_night": bool(evaluation.is_night[i]),
            "image_size_hw": list(evaluation.image_sizes_hw[i]),
            "found": _list_found(evaluation.detections[i]),
            "true": _list_true(evaluation.truths[i]),
        }
        for i in range(len(evaluation.detections))
    ]


def make_label_score(metric: str, class_names: Sequence[str]) -> Callable[..., float]:
    """Build the score of a set of label maps, such as `mean_accuracy_9/night`.

    Args:
        metric: Name as `SegmentationEvaluation.to_metrics` gives it.
        class_names: Names by class id.
    """
    name, _, subset = metric.rpartition("/")

    def score(images: Sequence[ImageResult]) -> float:
        chosen = [image["confusion"] for image in images if _is_member(image, subset)]
        if not chosen:
            return float("nan")
        total = np.sum(np.asarray(chosen, np.int64), axis=0)
        return SegmentationScores(total).to_percent(class_names)[name]

    return score


def make_box_score(metric: str, class_names: Sequence[str]) -> Callable[..., float]:
    """Build the score of a set of images with boxes, such as `miss_rate/all`.

    Args:
        metric: Name as `DetectionEvaluation.to_metrics` gives it.
        class_names: Names by class id.
    """

    def score(images: Sequence[ImageResult]) -> float:
        truths = [_read_true(image["true"]) for image in images]
        if not any((~true.is_ignored).any() for true in truths):
            return float("nan")
        evaluation = score_detections(
            [_read_found(image["found"]) for image in images],
            truths,
            tuple(class_names),
            image_sizes_hw=[tuple(image["image_size_hw"]) for image in images],
            is_night=np.array([image["is_night"] for image in images]),
        )
        return evaluation.to_metrics()[metric]

    return score


def _is_member(image: ImageResult, subset: str) -> bool:
    return subset == "all" or image["is_night"] == (subset == "night")


def _list_found(found: ImageDetections) -> list[list[float]]:
    """x1, y1, x2, y2, score, class id."""
    return [
        [*(round(float(x), 1) for x in box), round(float(score), 4), int(class_id)]
        for box, score, class_id in zip(
            found.boxes_xyxy_px, found.scores, found.class_ids, strict=True
        )
        if score >= _MIN_KEPT_SCORE
    ]


def _list_true(true: ImageObjects) -> list[list[float]]:
    """x1, y1, x2, y2, class id, ignored, occlusion."""
    return [
        [*(float(x) for x in box), int(class_id), int(ignored), int(occlusion)]
        for box, class_id, ignored, occlusion in zip(*true, strict=True)
    ]


def _read_found(rows: Sequence[Sequence[float]]) -> ImageDetections:
    table = np.asarray(rows, np.float64).reshape(-1, 6)
    return ImageDetections(
        table[:, :4].astype(np.float32), table[:, 4].astype(np.float32), table[:, 5].astype(int)
    )


def _read_true(rows: Sequence[Sequence[float]]) -> ImageObjects:
    table = np.asarray(rows, np.float64).reshape(-1, 7)
    return ImageObjects(
        table[:, :4].astype(np.float32),
        table[:, 4].astype(np.int32),
        table[:, 5].astype(bool),
        table[:, 6].astype(np.uint8),
    )
