"""COCO's average precision by hand, and against pycocotools."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from mdjax.metrics.average_precision import (
    AveragePrecision,
    compute_average_precision,
)
from mdjax.metrics.box_matching import ScoredBoxes, TrueBoxes
from tests.metrics.boxes import make_random_image, make_scored, make_true

CAR = (10, 10, 10, 10)
OTHER_CAR = (50, 10, 10, 10)
NOTHING = (80, 80, 10, 10)


def score(*images: tuple[ScoredBoxes, TrueBoxes]) -> AveragePrecision:
    return compute_average_precision([image[0] for image in images], [image[1] for image in images])


def score_with_pycocotools(images: list[tuple[ScoredBoxes, TrueBoxes]]) -> np.ndarray:
    """AP of each IoU in percent, NaN where there are no objects."""
    truths: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image_id, (detected, true) in enumerate(images, start=1):
        truths += [
            {
                "id": len(truths) + index,
                "image_id": image_id,
                "category_id": 1,
                "bbox": box.tolist(),
                "area": float(box[2] * box[3]),
                "iscrowd": int(ignored),
            }
            for index, (box, ignored) in enumerate(
                zip(true.boxes_xywh_px, true.is_ignored, strict=True), start=1
            )
        ]
        found += [
            {"image_id": image_id, "category_id": 1, "bbox": box.tolist(), "score": float(value)}
            for box, value in zip(detected.boxes_xywh_px, detected.scores, strict=True)
        ]
    truth: Any = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": image_id} for image_id in range(1, len(images) + 1)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": truths,
    }
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    # IoU x recall x class x area (all) x detections (100)
    precision = evaluation.eval["precision"][:, :, 0, 0, -1]
    return np.where((precision == -1).all(1), np.nan, 100 * precision.mean(1))


def test_average_precision_by_hand() -> None:
    """Two cars; by score: found, false, found, the boxes exact.

    Precision 1, 1/2, 2/3, made falling 1, 2/3, 2/3; recall 1/2, 1/2, 1. Of the 101 recalls, the 51
    up to 0.50 see 1, the other 50 see 2/3: (51 + 100/3) / 101 at every IoU.
    """
    detected = make_scored([CAR, NOTHING, OTHER_CAR], [0.9, 0.8, 0.7])
    result = score((detected, make_true([CAR, OTHER_CAR])))
    np.testing.assert_allclose(result.ap_by_iou_percent, 100 * (51 + 100 / 3) / 101)
    assert (result.num_images, result.num_boxes) == (1, 2)


def test_loose_box_counts_at_low_overlaps_only() -> None:
    """IoU 62/100 reaches 0.50, 0.55 and 0.60: AP 30 %, AP50 100 %."""
    result = score((make_scored([(10, 10, 6.2, 10)], [0.9]), make_true([CAR])))
    np.testing.assert_allclose(result.ap_by_iou_percent, [100] * 3 + [0] * 7)
    assert result.ap_percent == pytest.approx(30)
    assert result.ap50_percent == pytest.approx(100)


def test_recall_that_is_not_reached_has_precision_0() -> None:
    """One of two cars found: 51 of 101 recalls see 1."""
    result = score((make_scored([CAR], [0.9]), make_true([CAR, OTHER_CAR])))
    assert result.ap_percent == pytest.approx(5100 / 101)


def test_detections_of_all_images_are_sorted_together() -> None:
    """The false one of the second image has the best score: precision 0, 1/2."""
    images = [
        (make_scored([CAR], [0.5]), make_true([CAR])),
        (make_scored([NOTHING], [0.9]), make_true([])),
    ]
    assert score(*images).ap_percent == pytest.approx(50)


def test_what_lies_in_a_crowd_counts_neither_way() -> None:
    crowd = make_true([CAR, (50, 50, 50, 50)], [False, True])
    detected = make_scored([NOTHING, (60, 60, 10, 10), CAR], [0.9, 0.8, 0.7])
    result = score((detected, crowd))
    assert result.ap_percent == pytest.approx(100)
    assert result.num_boxes == 1


def test_hundred_detections_of_an_image_are_considered() -> None:
    false, cars = [NOTHING] * 99, make_true([CAR])
    assert score((make_scored([*false, CAR], [0.9] * 99 + [0.1]), cars)).ap_percent > 0
    assert score((make_scored([*false, NOTHING, CAR], [0.9] * 100 + [0.1]), cars)).ap_percent == 0


def test_class_without_objects_has_no_score() -> None:
    result = score((make_scored([CAR], [0.9]), make_true([CAR], [True])))
    assert np.isnan(result.ap_percent)
    assert np.isnan(result.ap50_percent)


def test_class_without_detections_has_score_0() -> None:
    assert score((make_scored([], []), make_true([CAR]))).ap_percent == 0


def test_numbers_of_images_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match="1 images have detections, 0 ground truth"):
        compute_average_precision([make_scored([], [])], [])


@settings(max_examples=40)
@given(seed=st.integers(0, 9999))
def test_average_precision_equals_that_of_pycocotools(seed: int) -> None:
    """Crowds, equal scores, images without objects or detections, at all ten IoUs."""
    generator = np.random.default_rng(seed)
    images = [
        make_random_image(generator, int(generator.integers(9)), int(generator.integers(5)))
        for _ in range(6)
    ]
    images.append(make_random_image(generator, 3, 0))  # pycocotools needs some detection
    expected = score_with_pycocotools(images)
    np.testing.assert_allclose(score(*images).ap_by_iou_percent, expected, atol=1e-9)


def test_cut_at_100_detections_equals_that_of_pycocotools() -> None:
    images = [make_random_image(np.random.default_rng(seed), 150, 30) for seed in range(3)]
    expected = score_with_pycocotools(images)
    np.testing.assert_allclose(score(*images).ap_by_iou_percent, expected, atol=1e-9)
    assert expected[0] > expected[-1]
