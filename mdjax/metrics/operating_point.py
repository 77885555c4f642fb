"""A detector at one score threshold: where to set it, and how good each image then is. No JAX."""

from collections.abc import Sequence

import numpy as np

from mdjax.metrics.box_matching import ImageOutcome


def find_score_threshold(images: Sequence[ImageOutcome]) -> float:
    """Return the score from which on there is at most one false detection in two images.

    Detectors can be compared there, however high their scores are.

    Args:
        images: All images of a split.
    """
    false_scores = [image.scores[~image.is_true] for image in images]
    descending = np.sort(np.concatenate([np.zeros(0), *false_scores]))[::-1]
    num_allowed = len(images) // 2
    if len(descending) <= num_allowed:
        return 0.0
    return float(np.nextafter(np.float32(descending[num_allowed]), np.float32(2)))


def compute_f1(image: ImageOutcome, min_score: float) -> float:
    """Score one image at a score threshold.

    F1 = 2 TP / (2 TP + FP + FN) of the detections with a score of `min_score` and above, FN being
    the objects that none of these found.

    Args:
        image: What counts of the image.
        min_score: The threshold.

    Returns:
        A value in [0, 1]; NaN where there is no object to be found.
    """
    if not image.num_boxes:
        return float("nan")
    is_true = image.is_true[image.scores >= min_score]
    # 2 TP + FP + FN is the number of detections and of objects together.
    return 2 * int(is_true.sum()) / (len(is_true) + image.num_boxes)
