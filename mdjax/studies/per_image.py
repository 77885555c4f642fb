"""What was scored of each test image, small enough to keep, and the pooled scores it gives."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mdjax.data.objects import ImageObjects
from mdjax.metrics.average_precision import (
    MAX_DETECTIONS,
    MIN_IOUS,
    pool_average_precision,
)
from mdjax.metrics.box_matching import ImageOutcome, compute_overlaps, judge_detections
from mdjax.metrics.confusion import SegmentationScores
from mdjax.metrics.miss_rate import MIN_IOU, Subset, find_ignored, pool_miss_rate
from mdjax.statistics.pooling import ImageScore
from mdjax.tasks.detection_scores import (
    DetectionEvaluation,
    ImageDetections,
    select_scored,
    select_true,
)
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


def make_label_score(
    compute: Callable[[SegmentationScores], float], *, is_night: bool | None = None
) -> ImageScore[ImageResult, np.ndarray]:
    """Build a score of label maps.

    Args:
        compute: From the scores of a set of images to the one that is asked for, in percent.
        is_night: Images that count; None: all.
    """

    def read(image: ImageResult) -> np.ndarray | None:
        if is_night not in (None, image["is_night"]):
            return None
        return np.asarray(image["confusion"], np.int64)

    def pool(confusions: Sequence[np.ndarray]) -> float:
        return compute(SegmentationScores(np.sum(confusions, axis=0)))

    return ImageScore(read, pool)


def make_miss_rate(subset: Subset, class_id: int = 0) -> ImageScore[ImageResult, ImageOutcome]:
    """Build the log-average miss rate of a subset of persons, in percent."""

    def read(image: ImageResult) -> ImageOutcome | None:
        if subset.is_night not in (None, image["is_night"]):
            return None
        true = select_true(_read_true(image["true"]), class_id)
        overlaps = compute_overlaps(select_scored(_read_found(image["found"]), class_id), true)
        sizes_hw = np.tile(image["image_size_hw"], (len(true.is_ignored), 1))
        return judge_detections(overlaps, find_ignored(true, subset, sizes_hw), MIN_IOU)

    return ImageScore(read, lambda images: pool_miss_rate(images).percent)


def make_ap50(
    *, is_night: bool | None = None, class_id: int = 0
) -> ImageScore[ImageResult, ImageOutcome]:
    """Build COCO's AP50, in percent, of all images or those of a time of day."""

    def read(image: ImageResult) -> ImageOutcome | None:
        if is_night not in (None, image["is_night"]):
            return None
        true = select_true(_read_true(image["true"]), class_id)
        found = select_scored(_read_found(image["found"]), class_id).keep_best(MAX_DETECTIONS)
        return judge_detections(compute_overlaps(found, true), true.is_ignored, MIN_IOUS[0])

    return ImageScore(read, lambda images: 100 * pool_average_precision(images))


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
