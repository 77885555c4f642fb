"""From which score on a network's detections are drawn."""

import numpy as np
import pytest

from mdjax.studies.pictures import find_score_threshold
from mdjax.types import Detections, Objects

THERE = (10.0, 10.0, 20.0, 30.0)
NOWHERE = (50.0, 50.0, 60.0, 70.0)


def make_objects(num_images: int) -> Objects:
    """One object in each image, and a row that only fills up."""
    boxes = np.array([[THERE, NOWHERE]] * num_images, np.float32)
    rows = np.zeros((num_images, 2))
    return Objects(boxes, rows.astype(int), rows > 0, np.array([[True, False]] * num_images))


def make_found(boxes: list[tuple[float, ...]], scores: list[float]) -> Detections:
    """One detection in each image."""
    return Detections(
        np.array(boxes, np.float32)[:, None],
        np.array(scores, np.float32)[:, None],
        np.zeros((len(boxes), 1), int),
        np.ones((len(boxes), 1), bool),
    )


def test_threshold_admits_one_false_detection_in_two_images() -> None:
    """False ones score 0.9, 0.6, 0.5: of four images two may be false, so 0.5 stays out."""
    found = make_found([NOWHERE, THERE, NOWHERE, NOWHERE], [0.9, 0.2, 0.6, 0.5])
    threshold = find_score_threshold(found, make_objects(4))
    assert 0.5 < threshold < 0.6
    assert threshold == pytest.approx(0.5, abs=1e-6)


def test_everything_is_shown_of_a_network_that_is_rarely_wrong() -> None:
    found = make_found([THERE, NOWHERE], [0.9, 0.8])
    assert find_score_threshold(found, make_objects(2)) == 0.0
