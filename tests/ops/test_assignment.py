"""Mutual Guidance and the plain rule: by hand, by property and against loops in NumPy."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.ops.assignment import (
    IGNORED,
    NEGATIVE,
    NO_OBJECT,
    Assignment,
    compute_iou_assignment,
    compute_mutual_assignment,
)
from mdjax.ops.boxes import compute_iou, decode_boxes, encode_boxes
from mdjax.types import AnchorPrediction, Objects

# All tests use these numbers, so that each rule is compiled once.
NUM_IMAGES, NUM_ANCHORS, NUM_OBJECTS, NUM_CLASSES = 2, 24, 6, 3
assign_mutually = jax.jit(compute_mutual_assignment)
assign_by_iou = jax.jit(compute_iou_assignment, static_argnames=("positive_iou", "ignored_iou"))

# The worked example, in one dimension: all boxes are 10 px high, so overlaps are those of x.
ANCHORS_X = [(0.0, 16.0), (3.5, 13.5), (10.0, 22.0)]
OBJECTS_X = [(0.0, 10.0), (10.0, 20.0)]


def create_flat_boxes(spans: list[tuple[float, float]]) -> np.ndarray:
    """Boxes of 10 px height with these left and right edges."""
    return np.array([(left, 0, right, 10) for left, right in spans], np.float32)


def create_anchors(spans: list[tuple[float, float]]) -> np.ndarray:
    """These anchors, then others that nothing touches."""
    fillers = [(1000.0 + i, 1010.0 + i) for i in range(NUM_ANCHORS - len(spans))]
    return create_flat_boxes(spans + fillers)


def create_objects(
    spans: list[tuple[float, float]], class_ids: list[int], ignored: tuple[int, ...] = ()
) -> Objects:
    """The same objects in all images; rows named in `ignored` are regions to ignore."""
    rows, num_fillers = np.arange(NUM_OBJECTS), NUM_OBJECTS - len(spans)

    def repeat(values: np.ndarray) -> np.ndarray:
        return np.stack([values] * NUM_IMAGES)

    return Objects(
        boxes_xyxy_px=repeat(create_flat_boxes([*spans, *[(0.0, 0.0)] * num_fillers])),
        class_ids=repeat(np.array(class_ids + [0] * num_fillers, np.int32)),
        is_ignored=repeat(np.isin(rows, ignored)),
        is_valid=repeat(rows < len(spans)),
    )


def create_prediction(
    anchors: np.ndarray, decoded: np.ndarray, probabilities: np.ndarray | float = 0.5
) -> AnchorPrediction:
    """What a head says that puts these boxes [a 4] and, first of all, these probabilities [n k]."""
    padded = np.full((NUM_ANCHORS, NUM_CLASSES), 0.5)
    if isinstance(probabilities, np.ndarray):
        padded[: probabilities.shape[0], : probabilities.shape[1]] = probabilities
    logits = np.log(padded / (1 - padded)).astype(np.float32)
    offsets = np.asarray(encode_boxes(decoded, anchors))
    return AnchorPrediction(
        np.stack([logits] * NUM_IMAGES), np.stack([offsets] * NUM_IMAGES), anchors
    )


def check(assignment: Assignment, targets: list[int], box_objects: list[int]) -> None:
    """Compare the assignment of the anchors that are no fillers, in all images."""
    num = len(targets)
    assert assignment.class_targets[:, :num].tolist() == [targets] * NUM_IMAGES
    assert assignment.box_objects[:, :num].tolist() == [box_objects] * NUM_IMAGES
    assert (assignment.class_targets[:, num:] == NEGATIVE).all()
    assert (assignment.box_objects[:, num:] == NO_OBJECT).all()


def test_mutual_guidance_swaps_class_and_box_positives() -> None:
    """Three anchors, g0 of class 1 and g1 of class 0; the boxes favour a1, the classes a0.

    A, g0: 10/16 = .625, 6.5/13.5 = .4815, 0; g1: 6/20 = .3, 3.5/16.5 = .2121, 10/12 = .8333.
    Forced a0 and a2: A = (1, .4815, 0), (0, 0, 1). So K = (1, 1), I = (2, 1).
    R with decoded x (0, 5), (1, 11), (10, 20): g0 .5, 9/11 = .8182, 0; g1 0, 1/19 = .0526, 1.
    Forced a1 and a2: R = (.5, 1, 0), (0, 0, 1). Class: a1 shows g0, a0 is ignored, a2 shows g1.
    M with p(class 1) = .2, .8 in a0, a1: g0 .625^.9 = .6551, .4815^.6 = .6450, 0; in g1 a2 leads.
    Forced a0 and a2; K = 1 each. Box: a0 encloses g0, a2 encloses g1, a1 nothing.
    """
    anchors = create_anchors(ANCHORS_X)
    decoded = create_anchors([(0, 5), (1, 11), (10, 20)])
    probabilities = np.array([[0.1, 0.2], [0.1, 0.8], [0.1, 0.1]])
    prediction = create_prediction(anchors, decoded, probabilities)
    objects = create_objects(OBJECTS_X, [1, 0])
    assignment = assign_mutually(prediction, objects)
    check(assignment, [IGNORED, 1, 0], [0, NO_OBJECT, 1])
    assert assignment.class_objects[0, :3].tolist() == [NO_OBJECT, 0, 1]


def test_mutual_guidance_lets_a_sure_class_move_the_box() -> None:
    """As above, but the boxes favour a0, (0, 10) before (5, 15): R = (1, .3333, 0).

    p(class 1) = .9 in a1: M = .6551, .4815^.55 = .6690: a1 encloses g0, a0 shows it, and a1,
    second of I_0 = 2 in R, is ignored by the class loss.
    """
    anchors = create_anchors(ANCHORS_X)
    decoded = create_anchors([(0, 10), (5, 15), (10, 20)])
    probabilities = np.array([[0.1, 0.2], [0.1, 0.9], [0.1, 0.1]])
    prediction = create_prediction(anchors, decoded, probabilities)
    objects = create_objects(OBJECTS_X, [1, 0])
    check(assign_mutually(prediction, objects), [1, IGNORED, 0], [NO_OBJECT, 0, 1])


def test_plain_rule_goes_by_the_overlap_of_anchors() -> None:
    """A = (1, .4815, 0), (0, 0, 1): a0 and a2 are positive, a1 lies between .4 and .5."""
    objects = create_objects(OBJECTS_X, [1, 0])
    assignment = assign_by_iou(create_anchors(ANCHORS_X), objects)
    check(assignment, [1, IGNORED, 0], [0, NO_OBJECT, 1])
    assert assignment.class_objects[0, :3].tolist() == [0, NO_OBJECT, 1]


def test_plain_rule_includes_its_thresholds() -> None:
    """Overlaps 10/20 = .5 (positive), 10/25 = .4 (ignored), 10/26 (negative), 1 (the best)."""
    anchors = create_anchors([(0, 20), (0, 25), (0, 26), (0, 10)])
    objects = create_objects([(0, 10)], [0])
    assignment = assign_by_iou(anchors, objects)
    check(assignment, [0, IGNORED, NEGATIVE, 0], [0, NO_OBJECT, NO_OBJECT, 0])
    stricter = assign_by_iou(anchors, objects, positive_iou=0.6, ignored_iou=0.45)
    check(stricter, [IGNORED, NEGATIVE, NEGATIVE, 0], [NO_OBJECT, NO_OBJECT, NO_OBJECT, 0])


def test_best_anchor_is_forced_below_every_threshold() -> None:
    """Overlaps 2/20 and 2/30 only."""
    anchors = create_anchors([(0, 30), (0, 20), (40, 50)])
    objects = create_objects([(4, 6)], [0])
    check(assign_by_iou(anchors, objects), [NEGATIVE, 0, NEGATIVE], [-1, 0, -1])


def test_shared_best_anchor_goes_to_the_first_object_and_the_next_best_to_the_other() -> None:
    """Two equal objects: both want a1, the second one gets a0 (10/20), the third its own a2."""
    anchors = create_anchors([(0, 20), (0, 11), (30, 42)])
    objects = create_objects([(0, 10), (0, 10), (30, 40)], [0, 1, 2])
    check(assign_by_iou(anchors, objects), [1, 0, 2], [1, 0, 2])
    prediction = create_prediction(anchors, anchors)
    check(assign_mutually(prediction, objects), [1, 0, 2], [1, 0, 2])


def test_object_without_a_free_anchor_goes_without() -> None:
    anchors = create_anchors([(0, 10)])
    objects = create_objects([(0, 10), (0, 10)], [0, 1])
    check(assign_by_iou(anchors, objects), [0], [0])


def test_equal_anchors_go_by_index() -> None:
    """K = 2 of four equal overlaps of 10/20 in R, with A = (1, .5, .45, .45)."""
    anchors = create_anchors([(0, 10), (0, 20), (0, 22), (-12, 10)])
    decoded = create_anchors([(0, 20)] * 4)
    prediction = create_prediction(anchors, decoded)
    objects = create_objects([(0, 10)], [0])
    assignment = assign_mutually(prediction, objects)
    assert assignment.class_targets[0, :4].tolist() == [0, 0, IGNORED, IGNORED]


def test_object_that_no_decoded_box_touches_falls_back_on_its_anchors() -> None:
    """All decoded boxes are elsewhere: the best anchor alone is positive, K = 2 or not."""
    anchors = create_anchors([(0, 14), (0, 11), (50, 60)])
    decoded = create_anchors([(70, 80)] * 3)
    prediction = create_prediction(anchors, decoded)
    objects = create_objects([(0, 10)], [0])
    check(assign_mutually(prediction, objects), [NEGATIVE, 0, NEGATIVE], [0, 0, -1])


def test_anchors_in_a_region_to_ignore_are_no_negatives() -> None:
    """Shares inside the region (20, 40): 10/10, 5/10, 4/10; none overlaps g0 but the first."""
    anchors = create_anchors([(0, 10), (25, 35), (35, 45), (36, 46)])
    objects = create_objects([(0, 10), (20, 40)], [0, 0], ignored=(1,))
    expected = [0, IGNORED, IGNORED, NEGATIVE]
    check(assign_by_iou(anchors, objects), expected, [0, -1, -1, -1])
    prediction = create_prediction(anchors, anchors)
    check(assign_mutually(prediction, objects), expected, [0, -1, -1, -1])


def test_positive_inside_a_region_to_ignore_stays_positive() -> None:
    anchors = create_anchors([(0, 10), (5, 15)])
    objects = create_objects([(-50, 50), (0, 10)], [0, 1], ignored=(0,))
    check(assign_by_iou(anchors, objects), [1, IGNORED], [1, -1])


def create_random_case(seed: int) -> tuple[AnchorPrediction, Objects]:
    """Two images, 24 anchors on a coarse grid (so that overlaps tie), up to 6 objects.

    In every other case the boxes are still the anchors themselves.
    """
    generator = np.random.default_rng(seed)

    def create_boxes(*shape: int) -> np.ndarray:
        corners = 4 * generator.integers(0, 8, (*shape, 2))
        sizes = 4 * generator.integers(1, 6, (*shape, 2))
        return np.concatenate([corners, corners + sizes], axis=-1).astype(np.float32)

    scale = seed % 2
    prediction = AnchorPrediction(
        class_logits=generator.normal(0, 2, (2, 24, 3)).astype(np.float32),
        box_offsets=scale * generator.normal(0, 1.5, (2, 24, 4)).astype(np.float32),
        anchors_xyxy_px=create_boxes(24),
    )
    objects = Objects(
        boxes_xyxy_px=create_boxes(2, 6),
        class_ids=generator.integers(0, 3, (2, 6)).astype(np.int32),
        is_ignored=generator.random((2, 6)) < 0.2,
        is_valid=np.arange(6) < generator.integers(0, 7, (2, 1)),
    )
    return prediction, objects


def settle(qualities: np.ndarray, anchor_iou: np.ndarray) -> np.ndarray:
    """Forces the best anchors and keeps one object an anchor, by loops."""
    result = qualities.copy()
    wishes = np.where(qualities > 0, qualities, anchor_iou - 1)
    forced: dict[int, int] = {}
    waiting = []
    for g in range(len(wishes)):
        if len(wishes[g]) and wishes[g].max() > -1:
            if wishes[g].argmax() in forced:
                waiting.append(g)
            else:
                forced[int(wishes[g].argmax())] = g
    for g in waiting:
        free = [a for a in range(wishes.shape[1]) if a not in forced and wishes[g, a] > -1]
        if free:
            forced[max(free, key=lambda a: (wishes[g, a], -a))] = g
    for a in range(wishes.shape[1]):
        owner = forced.get(a, int(result[:, a].argmax()))
        value = 2.0 if a in forced else result[owner, a]
        result[:, a] = 0
        result[owner, a] = value
    return result


def find_top(row: np.ndarray, num: int) -> list[int]:
    order = sorted(range(len(row)), key=lambda a: (-row[a], a))[:num]
    return [a for a in order if row[a] > 0]


def assign_by_loops(
    anchors: np.ndarray, decoded: np.ndarray, logits: np.ndarray, boxes: np.ndarray, ids: np.ndarray
) -> tuple[list[int], list[int]]:
    """Class targets and box objects of one image without regions to ignore."""
    targets, box_objects = [NEGATIVE] * len(anchors), [NO_OBJECT] * len(anchors)
    if not len(boxes):
        return targets, box_objects
    by_anchor = np.asarray(compute_iou(boxes, anchors))
    by_box = settle(np.asarray(compute_iou(boxes, decoded)), by_anchor)
    probabilities = (1 / (1 + np.exp(-logits)))[:, ids].T
    by_class = settle(by_anchor ** ((2 - probabilities) / 2), by_anchor)
    forced = settle(by_anchor, by_anchor)
    for g in range(len(boxes)):
        num_positive, num_chosen = int((forced[g] >= 0.5).sum()), int((forced[g] >= 0.4).sum())
        for a in find_top(by_box[g], num_chosen):
            targets[a] = IGNORED
        for a in find_top(by_box[g], num_positive):
            targets[a] = int(ids[g])
        for a in find_top(by_class[g], num_positive):
            box_objects[a] = g
    return targets, box_objects


@settings(max_examples=40)
@given(seed=st.integers(0, 9999))
def test_mutual_guidance_agrees_with_loops(seed: int) -> None:
    prediction, objects = create_random_case(seed)
    objects = replace(objects, is_ignored=np.zeros_like(objects.is_ignored))
    assignment = assign_mutually(prediction, objects)
    decoded = np.asarray(decode_boxes(prediction.box_offsets, prediction.anchors_xyxy_px))
    for i in range(2):
        num = int(objects.is_valid[i].sum())
        targets, box_objects = assign_by_loops(
            np.asarray(prediction.anchors_xyxy_px),
            decoded[i],
            np.asarray(prediction.class_logits[i]),
            np.asarray(objects.boxes_xyxy_px[i, :num]),
            np.asarray(objects.class_ids[i, :num]),
        )
        assert assignment.class_targets[i].tolist() == targets
        assert assignment.box_objects[i].tolist() == box_objects


@settings(max_examples=40)
@given(seed=st.integers(0, 9999))
def test_every_object_has_an_anchor_that_no_other_has(seed: int) -> None:
    """Also where objects are equal: one anchor reaches over the whole image for each of them."""
    prediction, objects = create_random_case(seed)
    anchors = np.array(prediction.anchors_xyxy_px)
    anchors[::4] = (-1, -1, 60, 60)
    prediction = replace(prediction, anchors_xyxy_px=anchors)
    is_object = np.asarray(objects.is_valid & ~objects.is_ignored)
    for assignment in (assign_mutually(prediction, objects), assign_by_iou(anchors, objects)):
        for i in range(2):
            rows = set(np.flatnonzero(is_object[i]).tolist())
            # One entry an anchor: no anchor can have two.
            assert set(assignment.class_objects[i].tolist()) - {NO_OBJECT} == rows
            assert set(assignment.box_objects[i].tolist()) - {NO_OBJECT} == rows
        shown = np.asarray(assignment.class_objects)
        ids = np.take_along_axis(np.asarray(objects.class_ids), np.maximum(shown, 0), axis=1)
        targets = np.asarray(assignment.class_targets)
        np.testing.assert_array_equal(targets[shown >= 0], ids[shown >= 0])
        assert np.isin(targets[shown < 0], (NEGATIVE, IGNORED)).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 9999))
def test_padding_changes_nothing(seed: int) -> None:
    """Rows that are not valid may hold any box, class and mark; so may their number vary."""
    prediction, objects = create_random_case(seed)
    junk = create_random_case(seed + 1)[1]
    is_valid = np.asarray(objects.is_valid)
    padded = Objects(
        boxes_xyxy_px=np.where(is_valid[..., None], objects.boxes_xyxy_px, junk.boxes_xyxy_px),
        class_ids=np.where(is_valid, objects.class_ids, -7),
        is_ignored=np.where(is_valid, objects.is_ignored, junk.is_ignored),
        is_valid=is_valid,
    )
    wider = jax.tree.map(lambda x: np.concatenate([x, x[:, :2]], axis=1), padded)
    wider = replace(wider, is_valid=np.pad(is_valid, ((0, 0), (0, 2))))
    for other in (padded, wider):
        for expected, found in (
            (assign_mutually(prediction, objects), assign_mutually(prediction, other)),
            (
                assign_by_iou(prediction.anchors_xyxy_px, objects),
                assign_by_iou(prediction.anchors_xyxy_px, other),
            ),
        ):
            jax.tree.map(np.testing.assert_array_equal, expected, found)


@settings(max_examples=10)
@given(seed=st.integers(0, 9999))
def test_mutual_guidance_of_perfect_boxes_without_classes_is_near_the_plain_rule(seed: int) -> None:
    """Boxes that are the anchors and p = 0 make R = M = A: the K_g best are those from .5 on."""
    prediction, objects = create_random_case(seed)
    prediction = replace(
        prediction,
        class_logits=np.full_like(prediction.class_logits, -1e4),
        box_offsets=np.zeros_like(prediction.box_offsets),
    )
    plain = assign_by_iou(prediction.anchors_xyxy_px, objects)
    jax.tree.map(np.testing.assert_array_equal, plain, assign_mutually(prediction, objects))


def test_image_without_objects_is_all_negative() -> None:
    prediction, objects = create_random_case(1)
    objects = replace(objects, is_valid=np.zeros_like(objects.is_valid))
    for assignment in (
        assign_mutually(prediction, objects),
        assign_by_iou(prediction.anchors_xyxy_px, objects),
    ):
        assert (np.asarray(assignment.class_targets) == NEGATIVE).all()
        assert (np.asarray(assignment.class_objects) == NO_OBJECT).all()
        assert (np.asarray(assignment.box_objects) == NO_OBJECT).all()


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_labels_carry_no_gradient(scale: float) -> None:
    """Nor do they stand in the way of the loss's own: its weight is 1 in every positive."""
    prediction, objects = create_random_case(3)

    def sum_positive_logits(class_logits: jax.Array, box_offsets: jax.Array) -> jax.Array:
        assignment = compute_mutual_assignment(
            replace(prediction, class_logits=class_logits, box_offsets=box_offsets), objects
        )
        return jnp.sum(jnp.where(assignment.class_objects[..., None] >= 0, class_logits, 0.0))

    inputs = scale * prediction.class_logits, scale * prediction.box_offsets
    gradients = jax.jit(jax.grad(sum_positive_logits, argnums=(0, 1)))(*inputs)
    assert set(np.unique(gradients[0])) == {0.0, 1.0}
    np.testing.assert_array_equal(gradients[1], 0.0)
