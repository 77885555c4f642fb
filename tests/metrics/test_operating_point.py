"""From which score on detections are drawn, and how good an image then is, by hand."""

import numpy as np
import pytest

from mdjax.metrics.box_matching import ImageOutcome
from mdjax.metrics.operating_point import compute_f1, find_score_threshold


def make_outcome(scores: list[float], is_true: list[bool], num_boxes: int) -> ImageOutcome:
    return ImageOutcome(np.array(scores, np.float64), np.array(is_true, bool), num_boxes)


def test_threshold_admits_one_false_detection_in_two_images() -> None:
    """False ones score 0.9, 0.6, 0.5: of four images two may be false, so 0.5 stays out."""
    images = [
        make_outcome([0.9], [False], 1),
        make_outcome([0.2], [True], 1),
        make_outcome([0.6], [False], 1),
        make_outcome([0.5], [False], 1),
    ]
    threshold = find_score_threshold(images)
    assert 0.5 < threshold < 0.6
    assert threshold == pytest.approx(0.5, abs=1e-6)


def test_everything_is_shown_of_a_network_that_is_rarely_wrong() -> None:
    images = [make_outcome([0.9], [True], 1), make_outcome([0.8], [False], 1)]
    assert find_score_threshold(images) == 0.0


def test_f1_by_hand() -> None:
    """From 0.5 on: two true, one false; three objects, so one is missed. 2 * 2 / (4 + 1 + 1)."""
    image = make_outcome([0.9, 0.8, 0.5, 0.4], [True, False, True, True], 3)
    assert compute_f1(image, 0.5) == pytest.approx(4 / 6)
    assert compute_f1(image, 0.95) == 0.0  # all three are missed


def test_image_without_objects_has_no_f1() -> None:
    assert np.isnan(compute_f1(make_outcome([0.9], [False], 0), 0.5))
