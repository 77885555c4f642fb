"""How far answers agree: by hand."""

import numpy as np
import pytest

from mdjax.benchmark.agreement import BoxAgreement, LabelAgreement, measure_agreement

BOXES = np.asarray([[[0, 0, 10, 10], [20, 20, 40, 60]]], np.float32)
SCORES = np.asarray([[[0.9], [0.5]]], np.float32)


def test_labels_agree_pixel_by_pixel() -> None:
    """Of 4 pixels 3 are the same: class 0 has an IoU of 1/2, class 1 of 2/3."""
    first = np.asarray([[[0, 0], [1, 1]]], np.uint8)
    second = np.asarray([[[0, 1], [1, 1]]], np.uint8)
    found = measure_agreement("classes", [({"classes": first}, {"classes": second})])
    assert isinstance(found, LabelAgreement)
    assert found.share == 0.75
    assert found.mean_iou == pytest.approx((1 / 2 + 2 / 3) / 2)
    logits = [{"logits": np.eye(2, dtype=np.float32)[x]} for x in (first, second)]
    same = measure_agreement("logits", [(logits[0], logits[1])])
    assert isinstance(same, LabelAgreement)
    assert (same.share, same.mean_iou) == (found.share, found.mean_iou)


def test_boxes_are_matched_in_both_directions() -> None:
    """The second box moves by 1 of 20 columns: 19 / 21 = 0.905 is enough, 18 / 22 is not."""
    first = {"boxes_xyxy_px": BOXES, "scores": SCORES}
    moved = BOXES + np.asarray([[[0], [1]]], np.float32) * np.asarray([1, 0, 1, 0], np.float32)
    lower = SCORES - np.asarray([[[0.0], [0.1]]], np.float32)
    found = measure_agreement("boxes", [(first, {"boxes_xyxy_px": moved, "scores": lower})])
    assert isinstance(found, BoxAgreement)
    assert (found.num_boxes, found.num_matched) == (4, 4)
    assert found.max_box_px == 1.0
    assert found.mean_iou == pytest.approx((1 + 19 / 21) / 2)
    assert found.max_score == pytest.approx(0.1)
    far = {"boxes_xyxy_px": 2 * moved - BOXES, "scores": SCORES}
    found = measure_agreement("boxes", [(first, far)])
    assert isinstance(found, BoxAgreement)
    assert (found.num_boxes, found.num_matched) == (4, 2)


def test_box_that_one_engine_alone_would_draw_is_found_below_the_threshold() -> None:
    """0.31 and 0.29: one box is counted, and matched."""
    both = [
        {"boxes_xyxy_px": BOXES[:, :1], "scores": np.full((1, 1, 1), score, np.float32)}
        for score in (0.31, 0.29)
    ]
    found = measure_agreement("boxes", [(both[0], both[1])])
    assert isinstance(found, BoxAgreement)
    assert (found.num_boxes, found.num_matched) == (1, 1)


def test_boxes_of_another_class_do_not_match() -> None:
    detections = {"boxes_xyxy_px": BOXES[0], "scores": SCORES[0, :, 0]}
    first = {**detections, "class_ids": np.asarray([0, 0])}
    second = {**detections, "class_ids": np.asarray([0, 1])}
    found = measure_agreement("nms", [(first, second)])
    assert isinstance(found, BoxAgreement)
    assert (found.num_boxes, found.num_matched, found.share) == (4, 2, 0.5)
    assert found.mean_iou == 0.5


def test_rows_that_fill_up_are_no_boxes() -> None:
    """StableHLO has as many rows as there may be boxes, ONNX as many as there are."""
    ids = np.zeros(2, np.int64)
    first = {"boxes_xyxy_px": BOXES[0, :1], "scores": SCORES[0, :1, 0], "class_ids": ids[:1]}
    scores = np.asarray([0.9, 0.0], np.float32)
    boxes = BOXES[0] * np.asarray([[1], [0]], np.float32)
    second = {"boxes_xyxy_px": boxes, "scores": scores, "class_ids": ids}
    found = measure_agreement("nms", [(first, second)])
    assert isinstance(found, BoxAgreement)
    assert (found.num_boxes, found.num_matched) == (2, 2)


def test_nothing_found_is_agreement_and_raw_outputs_are_not_compared() -> None:
    nothing = {"boxes_xyxy_px": BOXES, "scores": np.zeros_like(SCORES)}
    found = measure_agreement("boxes", [(nothing, nothing)])
    assert found is not None
    assert found.share == 1.0
    assert measure_agreement("raw", [({}, {})]) is None
