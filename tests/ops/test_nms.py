"""Non-maximum suppression: by hand, and against the sequential rule in NumPy."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.ops.boxes import encode_boxes
from mdjax.ops.nms import NmsOptions, compute_detections, compute_nms
from mdjax.types import AnchorPrediction, Detections, MdjaxError

OPTIONS = NmsOptions(score_threshold=0.1, max_detections=5)
# Overlaps: of the first with the second 8/12 = .667, with the third 6/14 = .429; of the second with
# the third 8/12.
SPANS: list[tuple[float, float]] = [(0, 10), (2, 12), (4, 14), (50, 60)]

compute_nms_quickly = jax.jit(compute_nms, static_argnums=2)


def create_flat_boxes(spans: list[tuple[float, float]]) -> np.ndarray:
    """Boxes [1 a 4] of 10 px height with these left and right edges."""
    return np.array([[(left, 0, right, 10) for left, right in spans]], np.float32)


def get_found(detections: Detections, image: int = 0) -> list[tuple[float, int, float]]:
    """Left edge, class and score of what was found in an image."""
    found = zip(
        detections.boxes_xyxy_px[image, :, 0].tolist(),
        detections.class_ids[image].tolist(),
        np.asarray(detections.scores[image], float).round(4).tolist(),
        strict=True,
    )
    is_valid = np.asarray(detections.is_valid[image])
    return [row for row, valid in zip(found, is_valid, strict=True) if valid]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score_threshold": 1.1}, "nms.score_threshold is 1.1; give 0 to 1"),
        ({"iou_threshold": float("nan")}, "nms.iou_threshold is nan; give 0 to 1"),
        ({"max_candidates": 0}, "nms.max_candidates is 0; give 1 or more"),
        ({"max_detections": -1}, "nms.max_detections is -1; give 1 or more"),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, float], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        replace(OPTIONS, **changes)


def test_suppressed_box_suppresses_nothing() -> None:
    """Best .9 drops its neighbour .8; the third, which only that one would drop, stays."""
    scores = np.array([[0.9, 0.8, 0.7, 0.3]], np.float32)[..., None]
    detections = compute_nms(create_flat_boxes(SPANS), scores, OPTIONS)
    assert get_found(detections) == [(0, 0, 0.9), (4, 0, 0.7), (50, 0, 0.3)]
    assert detections.is_valid.tolist() == [[True, True, True, False, False]]
    assert (np.asarray(detections.boxes_xyxy_px)[0, 3:] == 0).all()
    assert (np.asarray(detections.scores)[0, 3:] == 0).all()


def test_equal_scores_go_by_index() -> None:
    """Of equal neighbours the first one stays; of equals apart the first one comes first."""
    scores = np.full((1, 4, 1), 0.5, np.float32)
    found = get_found(compute_nms(create_flat_boxes(SPANS), scores, OPTIONS))
    assert found == [(0, 0, 0.5), (4, 0, 0.5), (50, 0, 0.5)]


def test_equal_scores_of_one_anchor_go_by_class() -> None:
    scores = np.full((1, 1, 3), 0.5, np.float32)
    found = get_found(compute_nms(create_flat_boxes([(3, 9)]), scores, OPTIONS))
    assert found == [(3, 0, 0.5), (3, 1, 0.5), (3, 2, 0.5)]


def test_classes_do_not_suppress_each_other() -> None:
    """The second box leads class 1, although the first one drops it in class 0."""
    scores = np.array([[[0.9, 0.2], [0.8, 0.6], [0.0, 0.0], [0.0, 0.0]]], np.float32)
    found = get_found(compute_nms(create_flat_boxes(SPANS), scores, OPTIONS))
    assert found == [(0, 0, 0.9), (2, 1, 0.6)]


def test_overlap_at_the_threshold_stays() -> None:
    """5/10 = .5 exactly is not more than .5; with .45 it is."""
    boxes_xyxy_px = create_flat_boxes([(0, 10), (0, 5)])
    scores = np.array([[[0.9], [0.8]]], np.float32)
    assert len(get_found(compute_nms(boxes_xyxy_px, scores, OPTIONS))) == 2
    stricter = NmsOptions(score_threshold=0.1, iou_threshold=0.45, max_detections=5)
    assert len(get_found(compute_nms(boxes_xyxy_px, scores, stricter))) == 1


def test_scores_below_the_threshold_and_no_numbers_are_dropped() -> None:
    scores = np.array([[[0.1], [np.nan], [0.0999], [0.05]]], np.float32)
    found = get_found(compute_nms(create_flat_boxes(SPANS), scores, OPTIONS))
    assert found == [(0, 0, 0.1)]


def test_empty_boxes_are_dropped() -> None:
    boxes_xyxy_px = create_flat_boxes([(5, 5), (9, 2), (0, 10)])
    scores = np.array([[[0.9], [0.8], [0.7]]], np.float32)
    assert get_found(compute_nms(boxes_xyxy_px, scores, OPTIONS)) == [(0, 0, 0.7)]


def test_best_are_kept_where_rows_are_scarce() -> None:
    boxes_xyxy_px = create_flat_boxes([(20 * i, 20 * i + 10) for i in range(4)])
    scores = np.array([[[0.2], [0.9], [0.4], [0.7]]], np.float32)
    few_rows = NmsOptions(max_detections=2)
    assert get_found(compute_nms(boxes_xyxy_px, scores, few_rows)) == [(20, 0, 0.9), (60, 0, 0.7)]
    few_candidates = NmsOptions(max_candidates=3, max_detections=4)
    found = get_found(compute_nms(boxes_xyxy_px, scores, few_candidates))
    assert found == [(20, 0, 0.9), (60, 0, 0.7), (40, 0, 0.4)]


def suppress_by_loops(
    boxes: np.ndarray, scores: np.ndarray, options: NmsOptions
) -> list[tuple[int, int]]:
    """Anchors and classes that are kept, best first: the rule as it is told."""
    pairs = [
        (a, k)
        for a in range(len(boxes))
        for k in range(scores.shape[1])
        if scores[a, k] >= options.score_threshold
    ]
    pairs.sort(key=lambda pair: -scores[pair])  # stable: equals stay in order
    kept: list[tuple[int, int]] = []
    for a, k in pairs[: options.max_candidates]:
        overlaps = [compute_overlap(boxes[a], boxes[b]) for b, other in kept if other == k]
        if all(overlap <= options.iou_threshold for overlap in overlaps):
            kept.append((a, k))
    return kept[: options.max_detections]


def compute_overlap(box: np.ndarray, other: np.ndarray) -> np.float32:
    """Intersection over union in float32, as on the device: ties are ties on both sides."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(width, np.float32(0)) * max(height, np.float32(0))
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
    return shared / (areas[0] + areas[1] - shared)


@settings(max_examples=40)
@given(seed=st.integers(0, 9999), crowding=st.integers(2, 12))
def test_nms_agrees_with_the_sequential_rule(seed: int, crowding: int) -> None:
    """Boxes on a grid and scores in steps of .1, so that overlaps and scores tie."""
    generator = np.random.default_rng(seed)
    options = NmsOptions(score_threshold=0.15, max_candidates=30, max_detections=12)
    corners = generator.integers(0, crowding, (2, 20, 2))
    sizes = generator.integers(1, 6, (2, 20, 2))
    boxes_xyxy_px = np.concatenate([corners, corners + sizes], axis=-1).astype(np.float32)
    scores = (generator.integers(0, 11, (2, 20, 2)) / 10).astype(np.float32)
    detections = compute_nms_quickly(boxes_xyxy_px, scores, options)
    for i in range(2):
        kept = suppress_by_loops(boxes_xyxy_px[i], scores[i], options)
        num = len(kept)
        assert int(detections.is_valid[i].sum()) == num
        anchors, class_ids = np.array(kept, int).reshape(-1, 2).T
        np.testing.assert_array_equal(detections.boxes_xyxy_px[i, :num], boxes_xyxy_px[i, anchors])
        np.testing.assert_array_equal(detections.class_ids[i, :num], class_ids)
        np.testing.assert_array_equal(detections.scores[i, :num], scores[i, anchors, class_ids])


def create_prediction(decoded: np.ndarray, scores: list[float]) -> AnchorPrediction:
    """What a head says that puts these boxes [1 a 4], with anchors somewhere else."""
    anchors_xyxy_px = decoded[0] + np.array([-3, 1, 5, 2], np.float32)
    odds = np.array(scores) / (1 - np.array(scores))
    return AnchorPrediction(
        class_logits=np.log(odds)[None, :, None].astype(np.float32),
        box_offsets=np.asarray(encode_boxes(decoded, anchors_xyxy_px)),
        anchors_xyxy_px=anchors_xyxy_px,
    )


def test_detections_are_decoded_clipped_and_inside_the_image() -> None:
    """In an image of 40 px: (−5, 10) begins at 0, (60, 70) lies outside, (30, 50) ends at 40."""
    decoded = create_flat_boxes([(-5, 10), (60, 70), (30, 50)])
    prediction = create_prediction(decoded, [0.6, 0.9, 0.7])
    detections = compute_detections(prediction, (20, 40), OPTIONS)
    assert detections.is_valid.tolist() == [[True, True, False, False, False]]
    np.testing.assert_allclose(
        detections.boxes_xyxy_px[0, :2], [[30, 0, 40, 10], [0, 0, 10, 10]], atol=1e-4
    )
    np.testing.assert_allclose(detections.scores[0, :2], [0.7, 0.6], rtol=1e-5)


@pytest.mark.parametrize("value", [1e4, -1e4, np.nan])
def test_detections_of_extreme_heads_are_numbers(value: float) -> None:
    prediction = create_prediction(create_flat_boxes([(0, 10), (20, 30)]), [0.6, 0.7])
    prediction = replace(
        prediction,
        class_logits=jnp.full_like(prediction.class_logits, value),
        box_offsets=jnp.full_like(prediction.box_offsets, value),
    )
    detections = compute_detections(prediction, (20, 40), OPTIONS)
    assert np.isfinite(detections.boxes_xyxy_px).all()
    assert np.isfinite(detections.scores).all()
    if not value > 0:
        assert not detections.is_valid.any()
