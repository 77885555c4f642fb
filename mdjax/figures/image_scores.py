"""One score for each test image, by which images are compared and chosen."""

import numpy as np
from jaxtyping import Float

from mdjax.data.objects import ImageObjects
from mdjax.metrics.box_matching import ImageOutcome, compute_overlaps, judge_detections
from mdjax.metrics.confusion import SegmentationScores
from mdjax.metrics.miss_rate import MIN_IOU
from mdjax.metrics.operating_point import compute_f1
from mdjax.ops.masks import UNLABELLED
from mdjax.tasks.detection_scores import (
    DetectionEvaluation,
    ImageDetections,
    select_scored,
    select_true,
)
from mdjax.tasks.segmentation_scores import SegmentationEvaluation


def compute_label_scores(evaluation: SegmentationEvaluation) -> Float[np.ndarray, " n"]:
    """Score the label map of each image.

    (1 / |K|) Σ_{c ∈ K} TP_c / (TP_c + FN_c) over the set K of the classes that occur in the image,
    unlabelled among them: the mean accuracy of the tables, of one image. Without unlabelled, a
    network that sees cars everywhere would be right.

    Returns:
        Values in [0, 1]; NaN where no pixel has another class than unlabelled.
    """
    scores = [SegmentationScores(confusion).mean_accuracy for confusion in evaluation.confusions]
    num_pixels = evaluation.confusions.sum(axis=2)
    is_labelled = np.delete(num_pixels, UNLABELLED, axis=1).any(axis=1)
    return np.where(is_labelled, np.array(scores, np.float64), np.nan)


def compute_box_scores(
    evaluation: DetectionEvaluation, min_score: float
) -> Float[np.ndarray, " n"]:
    """Score the boxes of each image at one score threshold, see `compute_f1`.

    Objects of all sizes and classes count, but those to be ignored; IoU at least 0.5.

    Args:
        evaluation: Of the whole split.
        min_score: Detections with less are left out.

    Returns:
        F1 in [0, 1]; NaN where there is no object to be found.
    """
    images = judge_images(evaluation)
    return np.array([compute_f1(image, min_score) for image in images], np.float64)


def judge_images(evaluation: DetectionEvaluation) -> list[ImageOutcome]:
    """Say of each image which detections are true, each class matched by itself."""
    num_classes = len(evaluation.class_names)
    return [
        _judge_image(found, truth, num_classes)
        for found, truth in zip(evaluation.detections, evaluation.truths, strict=True)
    ]


def _judge_image(found: ImageDetections, truth: ImageObjects, num_classes: int) -> ImageOutcome:
    outcomes = []
    for class_id in range(num_classes):
        true = select_true(truth, class_id)
        overlaps = compute_overlaps(select_scored(found, class_id), true)
        outcomes.append(judge_detections(overlaps, true.is_ignored, MIN_IOU))
    return ImageOutcome(
        np.concatenate([outcome.scores for outcome in outcomes]),
        np.concatenate([outcome.is_true for outcome in outcomes]),
        sum(outcome.num_boxes for outcome in outcomes),
    )
