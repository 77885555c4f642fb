"""Which anchor learns which object: Mutual Guidance, and the plain rule by overlap.

Hard labels without a gradient. Among equals the lowest index wins, for objects and for anchors
alike, so that a result depends on nothing but the input.
"""

import functools

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import Bool, Float, Int

from mdjax.ops.boxes import (
    BoxCoding,
    compute_intersection_over_second,
    compute_iou,
    decode_boxes,
)
from mdjax.types import AnchorPrediction, Array, Objects

NEGATIVE, IGNORED = -1, -2
"""Class targets of anchors that show no object, and of those that no class loss counts."""
NO_OBJECT = -1

# Overlaps from which an anchor is positive, and from which it is not negative: Zhang et al.,
# *Localize to Classify and Classify to Localize: Mutual Guidance in Object Detection*, ACCV 2020.
POSITIVE_IOU, IGNORED_IOU = 0.5, 0.4
# From this share of an anchor inside a region to ignore on, it is no negative.
IGNORED_REGION_SHARE = 0.5


@struct.dataclass
class Assignment:
    """What each anchor is to learn, separately for its class and for its box."""

    class_targets: Int[Array, "*b a"]
    """Class id, `NEGATIVE` or `IGNORED`."""
    class_objects: Int[Array, "*b a"]
    """Row of the object that makes the anchor a class positive, or `NO_OBJECT`."""
    box_objects: Int[Array, "*b a"]
    """Row of the object whose box the anchor regresses, or `NO_OBJECT`."""


@struct.dataclass
class _Ownership:
    """The one object that each anchor may serve, after the best anchors have been forced."""

    owners: Int[jax.Array, " a"]
    """Row of the object, or g where there is none: out of range, so that scatters drop it."""
    qualities: Float[jax.Array, " a"]
    """The owner's; 2, more than any other, for its forced anchor, and 0 where there is no owner."""


def compute_mutual_assignment(
    prediction: AnchorPrediction,
    objects: Objects,
    coding: BoxCoding | None = None,
    *,
    positive_iou: float = POSITIVE_IOU,
    ignored_iou: float = IGNORED_IOU,
) -> Assignment:
    """Let boxes choose the class positives and classes choose the box positives.

    With anchors a, their decoded boxes b_a, class probabilities p_a and objects g of class c_g:

    - A = IoU(g, a), R = IoU(g, b_a), M = A^((2 − p_a[c_g])/2);
    - in each of them, the best anchor of every object is forced to be its own, then each anchor
      keeps only its best object;
    - K_g = #{A ≥ .5}, I_g = #{A ≥ .4};
    - class positives of g: the K_g best anchors in R; ignored: the I_g best but for these; the
      rest is negative. Box positives of g: the K_g best in M.

    An anchor without overlap is never among the best. Anchors that lie by half in an object with
    `is_ignored` and are no positives are ignored as well; such an object has no positives.

    Args:
        prediction: Logits and offsets.
        objects: Ground truth; rows that are not valid change nothing.
        coding: Variances of the offsets.
        positive_iou: Overlap that counts towards K_g.
        ignored_iou: Overlap that counts towards I_g.

    Returns:
        Targets [b a]; every object has an anchor of its own, unless all that overlap it are taken.

    Source: Zhang et al., ACCV 2020.

    Differs from it: where objects share their best anchor, the first one has it, and the others get
    the best anchor that is nobody's best, instead of none. An object that no decoded box touches
    is given its best anchor in A.
    """
    # Here, not at the end: no gradient goes through a while loop in reverse.
    prediction = jax.lax.stop_gradient(prediction)
    decoded_xyxy_px = decode_boxes(prediction.box_offsets, prediction.anchors_xyxy_px, coding)
    assign = functools.partial(_assign_mutually, thresholds=(positive_iou, ignored_iou))
    return jax.vmap(assign, in_axes=(None, 0, 0, 0))(
        jnp.asarray(prediction.anchors_xyxy_px),
        jnp.asarray(decoded_xyxy_px),
        jax.nn.sigmoid(prediction.class_logits.astype(jnp.float32)),
        objects,
    )


def compute_iou_assignment(
    anchors_xyxy_px: Float[Array, "a 4"],
    objects: Objects,
    *,
    positive_iou: float = POSITIVE_IOU,
    ignored_iou: float = IGNORED_IOU,
) -> Assignment:
    """Give each anchor the object it overlaps most: the usual rule, for comparison.

    Positive from `positive_iou` on, for class and box alike; ignored from `ignored_iou` on;
    the best anchor of every object is forced to be positive. Regions to ignore and shared best
    anchors are treated as in `compute_mutual_assignment`.

    Args:
        anchors_xyxy_px: Anchors of all images.
        objects: Ground truth [b g]; rows that are not valid change nothing.
        positive_iou: Overlap of positives.
        ignored_iou: Overlap of what is neither positive nor negative.

    Returns:
        Targets [b a].

    Source: Lin et al., RetinaNet, ICCV 2017; the forced anchor from Liu et al., SSD, ECCV 2016.
    """
    assign = functools.partial(_assign_by_iou, thresholds=(positive_iou, ignored_iou))
    return jax.vmap(assign, in_axes=(None, 0))(jnp.asarray(anchors_xyxy_px), objects)


def _assign_mutually(
    anchors: Float[jax.Array, "a 4"],
    decoded: Float[jax.Array, "a 4"],
    probabilities: Float[jax.Array, "a k"],
    objects: Objects,
    thresholds: tuple[float, float],
) -> Assignment:
    by_anchor = _compute_object_iou(objects, anchors)
    by_box = _compute_object_iou(objects, decoded)
    # [g a]; rows that only fill up may hold any class id.
    of_class = probabilities.T.at[objects.class_ids].get(mode="clip")
    by_class = by_anchor ** ((2 - of_class) / 2)
    # Else XLA computes them again, powers and all, in each of the reductions that follow.
    by_anchor, by_box, by_class = jax.lax.optimization_barrier((by_anchor, by_box, by_class))

    num_objects = len(by_anchor)
    anchor_owners = _force_best(by_anchor, by_anchor)
    num_positives, num_chosen = (
        _count_from(anchor_owners, threshold, num_objects) for threshold in thresholds
    )
    box_owners, class_owners = _force_best(by_box, by_anchor), _force_best(by_class, by_anchor)
    class_ranks, box_ranks = _rank(box_owners, num_objects), _rank(class_owners, num_objects)
    return _to_assignment(
        anchors,
        objects,
        class_owners=_keep(box_owners, class_ranks < _look_up(num_positives, box_owners)),
        box_owners=_keep(class_owners, box_ranks < _look_up(num_positives, class_owners)),
        is_ignored=class_ranks < _look_up(num_chosen, box_owners),
    )


def _assign_by_iou(
    anchors: Float[jax.Array, "a 4"], objects: Objects, thresholds: tuple[float, float]
) -> Assignment:
    by_anchor = jax.lax.optimization_barrier(_compute_object_iou(objects, anchors))
    ownership = _force_best(by_anchor, by_anchor)
    owners = _keep(ownership, ownership.qualities >= thresholds[0])
    return _to_assignment(
        anchors, objects, owners, owners, is_ignored=ownership.qualities >= thresholds[1]
    )


def _compute_object_iou(
    objects: Objects, boxes_xyxy_px: Float[jax.Array, "a 4"]
) -> Float[jax.Array, "g a"]:
    """0 in the rows of what is not an object to be found."""
    is_object = objects.is_valid & ~objects.is_ignored
    overlaps = compute_iou(objects.boxes_xyxy_px, boxes_xyxy_px)
    return jnp.where(is_object[:, None], overlaps, 0.0)


def _force_best(
    qualities: Float[jax.Array, "g a"], anchor_iou: Float[jax.Array, "g a"]
) -> _Ownership:
    """Give each object its best anchor, and each other anchor its best object."""
    num_objects, num_anchors = qualities.shape
    # What no decoded box touches falls back on its anchors, behind everything that is touched.
    preferences = jnp.where(qualities > 0, qualities, anchor_iou - 1)
    # Not argmax, which XLA runs on CPUs at half the speed.
    best_preferences, best = (top[:, 0] for top in jax.lax.top_k(preferences, 1))
    has_best = best_preferences > -1
    best = jnp.where(has_best, best, num_anchors)
    rows = jnp.arange(num_objects)
    is_taken_before = (best[:, None] == best) & (rows[:, None] > rows)
    is_loser = jnp.any(is_taken_before, axis=1) & has_best
    forced_owners = jnp.full(num_anchors, num_objects).at[best].min(rows, mode="drop")

    def settle(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Give the first object that still goes without the best anchor that is nobody's."""
        is_waiting, forced = state
        row = jnp.argmax(is_waiting)
        free = jnp.where(forced == num_objects, preferences[row], -1.0)
        anchor = jnp.where(is_waiting[row] & (jnp.max(free) > -1), jnp.argmax(free), num_anchors)
        return is_waiting.at[row].set(False), forced.at[anchor].set(row, mode="drop")

    _, forced_owners = jax.lax.while_loop(
        lambda state: jnp.any(state[0]), settle, (is_loser, forced_owners)
    )
    is_forced = forced_owners < num_objects
    best_qualities = jnp.max(qualities, axis=0)
    is_owner = (qualities == best_qualities) & (best_qualities > 0)
    owners = jnp.min(jnp.where(is_owner, rows[:, None], num_objects), axis=0)
    return _Ownership(
        owners=jnp.where(is_forced, forced_owners, owners),
        qualities=jnp.where(is_forced, 2.0, best_qualities),
    )


def _count_from(ownership: _Ownership, threshold: float, num_objects: int) -> Int[jax.Array, " g"]:
    counts = jnp.zeros(num_objects, jnp.int32)
    is_counted = (ownership.qualities >= threshold).astype(jnp.int32)
    return counts.at[ownership.owners].add(is_counted, mode="drop")


def _rank(ownership: _Ownership, num_objects: int) -> Int[jax.Array, " a"]:
    """The place of each anchor among those of its object, best first.

    As no anchor has two objects, one sort by owner and quality ranks the anchors of all objects.
    """
    places = jnp.arange(len(ownership.owners))
    owners, _, order = jax.lax.sort(
        (ownership.owners, -ownership.qualities, places), num_keys=2, is_stable=True
    )
    starts = jnp.searchsorted(owners, jnp.arange(num_objects + 1))
    return jnp.zeros_like(places).at[order].set(places - starts[owners], unique_indices=True)


def _look_up(counts: Int[jax.Array, " g"], ownership: _Ownership) -> Int[jax.Array, " a"]:
    return counts.at[ownership.owners].get(mode="fill", fill_value=0)


def _keep(ownership: _Ownership, is_kept: Bool[jax.Array, " a"]) -> Int[jax.Array, " a"]:
    """Owners as rows of objects, or `NO_OBJECT`."""
    return jnp.where(is_kept & (ownership.qualities > 0), ownership.owners, NO_OBJECT)


def _to_assignment(
    anchors: Float[jax.Array, "a 4"],
    objects: Objects,
    class_owners: Int[jax.Array, " a"],
    box_owners: Int[jax.Array, " a"],
    is_ignored: Bool[jax.Array, " a"],
) -> Assignment:
    is_region = (objects.is_valid & objects.is_ignored)[:, None]
    shares = compute_intersection_over_second(objects.boxes_xyxy_px, anchors)
    is_ignored |= jnp.any(is_region & (shares >= IGNORED_REGION_SHARE), axis=0)
    class_ids = jnp.asarray(objects.class_ids).at[class_owners].get(mode="clip")
    others = jnp.where(is_ignored, IGNORED, NEGATIVE)
    return Assignment(
        class_targets=jnp.where(class_owners == NO_OBJECT, others, class_ids).astype(jnp.int32),
        class_objects=class_owners.astype(jnp.int32),
        box_objects=box_owners.astype(jnp.int32),
    )
