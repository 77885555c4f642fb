"""Which detection is true, false or not counted, by hand and against a plain double loop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.metrics.box_matching import (
    FALSE_POSITIVE,
    NOT_COUNTED,
    TRUE_POSITIVE,
    Overlaps,
    ScoredBoxes,
    TrueBoxes,
    compute_overlaps,
    match_detections,
)
from tests.metrics.boxes import Xywh, make_random_image, make_scored, make_true

TRUE, FALSE, LEFT_OUT = TRUE_POSITIVE, FALSE_POSITIVE, NOT_COUNTED
PERSON = (100, 100, 20, 60)
"""Left, top, width, height; area 1,200."""


def match(detected: ScoredBoxes, true: TrueBoxes) -> list[int]:
    return match_detections(compute_overlaps(detected, true), true.is_ignored, 0.5).tolist()


def match_plainly(overlaps: Overlaps, is_ignored: np.ndarray, min_overlap: float) -> list[int]:
    """The rule as a double loop over detections and ground truths, those to ignore last."""
    order = sorted(range(len(is_ignored)), key=lambda g: bool(is_ignored[g]))
    taken: set[int] = set()
    outcomes = []
    for n in range(len(overlaps.scores)):
        best, best_overlap = None, min_overlap
        for g in order:
            if g in taken:
                continue
            if best is not None and not is_ignored[best] and is_ignored[g]:
                break
            overlap = (overlaps.covered if is_ignored[g] else overlaps.iou)[n, g]
            if overlap >= best_overlap:
                best, best_overlap = g, overlap
        if best is None:
            outcomes.append(FALSE)
        elif is_ignored[best]:
            outcomes.append(LEFT_OUT)
        else:
            outcomes.append(TRUE)
            taken.add(best)
    return outcomes


@pytest.mark.filterwarnings("error")
def test_box_without_area_overlaps_nothing() -> None:
    """Not even another one at its place, nor a region to ignore that it lies in."""
    detected = make_scored([(10, 10, 0, 20)], [0.5])
    true = make_true([(10, 10, 0, 20), (0, 0, 50, 50)], ignored=[False, True])
    overlaps = compute_overlaps(detected, true)
    assert overlaps.iou.tolist() == [[0, 0]]
    assert overlaps.covered.tolist() == [[0, 0]]
    assert match(detected, true) == [FALSE]


def test_overlaps_by_hand() -> None:
    """Boxes of 10 x 10 and 20 x 10 share 5 x 10 = 50: IoU 50/(100 + 200 - 50), covered 50/100.

    The third lies apart; the fourth only touches.
    """
    detected = make_scored([(0, 0, 10, 10)], [0.5])
    true = make_true([(5, 0, 20, 10), (50, 50, 5, 5), (10, 0, 5, 10)])
    overlaps = compute_overlaps(detected, true)
    np.testing.assert_allclose(overlaps.iou, [[0.2, 0, 0]])
    np.testing.assert_allclose(overlaps.covered, [[0.5, 0, 0]])


def test_overlaps_are_sorted_by_score_and_equals_keep_their_order() -> None:
    boxes = [(0, 0, 10, 10), (0, 0, 5, 10), (0, 0, 10, 2), (0, 0, 8, 10)]
    overlaps = compute_overlaps(
        make_scored(boxes, [0.2, 0.7, 0.2, 0.9]), make_true([(0, 0, 10, 10)])
    )
    np.testing.assert_allclose(overlaps.iou[:, 0], [0.8, 0.5, 1.0, 0.2])
    np.testing.assert_array_equal(overlaps.scores, [0.9, 0.7, 0.2, 0.2])


@pytest.mark.parametrize(("height", "outcome"), [(30, TRUE), (29.99, FALSE)])
def test_overlap_of_exactly_one_half_matches(height: float, outcome: int) -> None:
    """20 x 30 of 20 x 60 is IoU 600/1200 = 0.5."""
    assert match(make_scored([(100, 100, 20, height)], [0.9]), make_true([PERSON])) == [outcome]


def test_second_detection_of_a_person_is_false() -> None:
    detected = make_scored([(100, 100, 20, 50), PERSON], [0.9, 0.8])
    assert match(detected, make_true([PERSON])) == [TRUE, FALSE]


def test_detection_takes_the_best_person_that_is_free() -> None:
    """The second overlaps the first person best, who is taken, and the other by 1000/1400."""
    persons = make_true([PERSON, (100, 110, 20, 60)])
    assert match(make_scored([PERSON, PERSON], [0.9, 0.8]), persons) == [TRUE, TRUE]


def test_greedy_match_may_leave_a_person_to_nobody() -> None:
    """The first takes the person it fits best, the only one that the second could have had."""
    persons = make_true([(100, 100, 20, 60), (100, 118, 20, 60)])
    between, upper = (100, 108, 20, 60), (100, 90, 20, 60)
    # IoU of `between`: 52/68 with the upper person, 50/70 with the lower one.
    assert match(make_scored([between, upper], [0.9, 0.8]), persons) == [TRUE, FALSE]


def test_person_beats_a_region_to_ignore_that_overlaps_more() -> None:
    """Covered by the region fully, by the person with IoU 600/1200: still true."""
    true = make_true([(0, 0, 300, 300), PERSON], [True, False])
    assert match(make_scored([(100, 100, 20, 30)], [0.9]), true) == [TRUE]


def test_region_to_ignore_takes_any_number_of_detections() -> None:
    """IoU with the region is 1200/90000, but it covers the detections fully."""
    true = make_true([(0, 0, 300, 300)], [True])
    boxes = [PERSON, (10, 10, 20, 60), (200, 200, 20, 60)]
    assert match(make_scored(boxes, [0.9, 0.8, 0.7]), true) == [LEFT_OUT] * 3


@pytest.mark.parametrize(("left", "outcome"), [(290, LEFT_OUT), (291, FALSE)])
def test_region_to_ignore_must_cover_half_of_the_detection(left: float, outcome: int) -> None:
    """10 of 20 columns are within 300, then 9."""
    true = make_true([(0, 0, 300, 300)], [True])
    assert match(make_scored([(left, 100, 20, 60)], [0.9]), true) == [outcome]


def test_second_detection_of_a_person_in_a_region_to_ignore_is_not_counted() -> None:
    true = make_true([PERSON, (0, 0, 300, 300)], [False, True])
    assert match(make_scored([PERSON, PERSON], [0.9, 0.8]), true) == [TRUE, LEFT_OUT]


@pytest.mark.parametrize("boxes", [[], [PERSON]])
def test_image_without_objects_has_only_false_detections(boxes: list[Xywh]) -> None:
    assert match(make_scored(boxes, [0.9] * len(boxes)), make_true([])) == [FALSE] * len(boxes)


def test_image_without_detections_has_no_outcomes() -> None:
    assert match(make_scored([], []), make_true([PERSON])) == []


def test_edges_become_width_and_height() -> None:
    edges = np.array([[10, 20, 40, 80]], np.float32)
    scored = ScoredBoxes.from_xyxy(edges, np.array([0.5], np.float32))
    true = TrueBoxes.from_xyxy(edges, np.array([False]))
    np.testing.assert_array_equal(scored.boxes_xywh_px, [[10, 20, 30, 60]])
    np.testing.assert_array_equal(true.boxes_xywh_px, [[10, 20, 30, 60]])
    np.testing.assert_array_equal(true.occlusion, [0])


@given(
    seed=st.integers(0, 9999),
    num_detections=st.integers(0, 12),
    num_objects=st.integers(0, 6),
    min_overlap=st.sampled_from([0.3, 0.5, 0.75]),
)
def test_matching_equals_the_plain_loop(
    seed: int, num_detections: int, num_objects: int, min_overlap: float
) -> None:
    generator = np.random.default_rng(seed)
    detected, true = make_random_image(generator, num_detections, num_objects)
    overlaps = compute_overlaps(detected, true)
    outcome = match_detections(overlaps, true.is_ignored, min_overlap)
    assert outcome.tolist() == match_plainly(overlaps, true.is_ignored, min_overlap)
    assert (outcome == TRUE).sum() <= (~true.is_ignored).sum()
