"""One score an image, by hand."""

import numpy as np
import pytest

from mdjax.data.objects import ImageObjects
from mdjax.figures.image_scores import compute_box_scores, compute_label_scores, judge_images
from mdjax.metrics.confusion import SegmentationScores
from mdjax.tasks.detection_scores import ImageDetections, score_detections
from mdjax.tasks.segmentation_scores import SegmentationEvaluation

THERE = (10.0, 10.0, 30.0, 70.0)
BESIDE = (110.0, 10.0, 130.0, 70.0)
NOWHERE = (200.0, 10.0, 220.0, 70.0)
PERSON, CAR = 0, 1


def test_label_scores_by_hand() -> None:
    """Unlabelled 6 of 8 right, class 1 1 of 4, class 2 absent: (3/4 + 1/4) / 2 = 1/2.

    The second image is all right; the third shows nothing but unlabelled, the last nothing at all.
    """
    confusions = np.array(
        [
            [[6, 2, 0], [0, 1, 3], [0, 0, 0]],
            [[5, 0, 0], [0, 0, 0], [0, 0, 7]],
            [[9, 1, 0], [0, 0, 0], [0, 0, 0]],
            np.zeros((3, 3)),
        ]
    ).astype(np.int64)
    evaluation = SegmentationEvaluation(
        {"all": SegmentationScores(confusions.sum(axis=0))},
        ("unlabelled", "car", "person"),
        ((4, 4),),
        confusions,
        np.zeros(4, bool),
    )
    np.testing.assert_allclose(compute_label_scores(evaluation), [0.5, 1.0, np.nan, np.nan])


def make_image(
    true: list[tuple[float, ...]],
    found: list[tuple[float, ...]],
    *,
    scores: list[float],
    true_ids: list[int],
    found_ids: list[int],
    ignored: list[bool] | None = None,
) -> tuple[ImageDetections, ImageObjects]:
    return (
        ImageDetections(
            np.array(found, np.float32).reshape(-1, 4),
            np.array(scores, np.float32),
            np.array(found_ids, int),
        ),
        ImageObjects(
            np.array(true, np.float32).reshape(-1, 4),
            np.array(true_ids, np.int32),
            np.array(ignored or [False] * len(true), bool),
            np.zeros(len(true), np.uint8),
        ),
    )


def test_box_scores_by_hand() -> None:
    """At 0.5: one person found, one missed, nothing false: 2 / (2 + 1).

    Second image: a car in the person's place is false, so both are wrong. Third: the person to be
    ignored is neither missed nor false, the other one is found. Fourth: nothing to be found.
    """
    images = [
        make_image(
            [THERE, BESIDE],
            [THERE, BESIDE],
            scores=[0.9, 0.4],
            true_ids=[PERSON, PERSON],
            found_ids=[PERSON, PERSON],
        ),
        make_image([THERE], [THERE], scores=[0.9], true_ids=[PERSON], found_ids=[CAR]),
        make_image(
            [THERE, BESIDE],
            [THERE, BESIDE],
            scores=[0.9, 0.8],
            true_ids=[PERSON, PERSON],
            found_ids=[PERSON, PERSON],
            ignored=[True, False],
        ),
        make_image([], [NOWHERE], scores=[0.9], true_ids=[], found_ids=[PERSON]),
    ]
    evaluation = score_detections(
        [found for found, _ in images],
        [true for _, true in images],
        ("person", "car"),
        image_sizes_hw=[(300, 300)] * 4,
        is_night=np.zeros(4, bool),
    )
    scores = compute_box_scores(evaluation, 0.5)
    assert scores[:3].tolist() == pytest.approx([2 / 3, 0.0, 1.0])
    assert np.isnan(scores[3])
    assert [outcome.num_boxes for outcome in judge_images(evaluation)] == [2, 1, 1, 0]
