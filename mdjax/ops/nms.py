"""From what a head says of every anchor to a short list of detections, with fixed shapes."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Float, Int

from mdjax.ops.boxes import BoxCoding, clip_boxes, compute_areas, compute_iou, decode_boxes
from mdjax.types import AnchorPrediction, Array, Detections, MdjaxError


@dataclass(frozen=True)
class NmsOptions:
    """What counts as a detection.

    Attributes:
        score_threshold: Lowest score of a detection; .01 keeps the whole miss-rate curve, .1 is
            what the authors' released KAIST detections begin at.
        iou_threshold: A box that overlaps a better one of its class by more is dropped.
        max_candidates: Only so many best scores enter the suppression.
        max_detections: Number of rows an image.
    """

    score_threshold: float = 0.01
    iou_threshold: float = 0.5
    max_candidates: int = 1000
    max_detections: int = 100

    def __post_init__(self):
        for name in ("score_threshold", "iou_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                raise MdjaxError(f"nms.{name} is {getattr(self, name)}; give 0 to 1.")
        for name in ("max_candidates", "max_detections"):
            if getattr(self, name) < 1:
                raise MdjaxError(f"nms.{name} is {getattr(self, name)}; give 1 or more.")


def compute_detections(
    prediction: AnchorPrediction,
    image_size_hw: tuple[int, int],
    options: NmsOptions | None = None,
    coding: BoxCoding | None = None,
) -> Detections:
    """Decode the best anchors, clip them to the image and suppress duplicates.

    Args:
        prediction: Logits and offsets.
        image_size_hw: Height and width of the image in pixels; boxes outside it are dropped.
        options: Thresholds and numbers of rows.
        coding: Variances of the offsets.

    Returns:
        `max_detections` rows [b n], see `compute_nms`.
    """
    options = options or NmsOptions()
    anchors_xyxy_px = jnp.asarray(prediction.anchors_xyxy_px)

    def detect(class_logits: Float[Array, "a k"], box_offsets: Float[Array, "a 4"]) -> Detections:
        scores = jax.nn.sigmoid(class_logits.astype(jnp.float32))
        # Only candidates are decoded: 1,000 of 20,000.
        scores, anchors, class_ids = _select_candidates(scores, options)
        decoded_xyxy_px = decode_boxes(box_offsets[anchors], anchors_xyxy_px[anchors], coding)
        boxes_xyxy_px = clip_boxes(decoded_xyxy_px, image_size_hw)
        return _suppress(jnp.asarray(boxes_xyxy_px), scores, class_ids, options)

    return jax.vmap(detect)(prediction.class_logits, prediction.box_offsets)


def compute_nms(
    boxes_xyxy_px: Float[Array, "b a 4"],
    scores: Float[Array, "b a k"],
    options: NmsOptions | None = None,
) -> Detections:
    """Keep the best box of each cluster, class by class.

    Exactly the sequential rule: in the order of the scores, a box is kept unless it overlaps a
    kept one of its class by more than the threshold. Equal scores go by anchor, then by class,
    lowest index first. Empty boxes and scores that are not a number are dropped.

    Args:
        boxes_xyxy_px: One box an anchor, for all classes.
        scores: One score in [0, 1] an anchor and class.
        options: Thresholds and numbers of rows.

    Returns:
        `max_detections` rows [b n], best score first; zeros in those that are not valid.
    """
    options = options or NmsOptions()

    def keep_best(boxes: Float[jax.Array, "a 4"], scores: Float[jax.Array, "a k"]) -> Detections:
        scores, anchors, class_ids = _select_candidates(scores, options)
        return _suppress(boxes[anchors], scores, class_ids, options)

    return jax.vmap(keep_best)(jnp.asarray(boxes_xyxy_px), jnp.asarray(scores))


def _select_candidates(
    scores: Float[jax.Array, "a k"], options: NmsOptions
) -> tuple[Float[jax.Array, " n"], Int[jax.Array, " n"], Int[jax.Array, " n"]]:
    """Best scores, their anchors and classes; −1 in place of a score that is too low."""
    flat = scores.ravel()
    # Before the selection: a NaN would count as the best of all.
    flat = jnp.where(flat >= options.score_threshold, flat, -1.0)
    best_scores, positions = jax.lax.top_k(flat, min(options.max_candidates, len(flat)))
    return best_scores, positions // scores.shape[1], positions % scores.shape[1]


def _suppress(
    boxes: Float[jax.Array, "n 4"],
    scores: Float[jax.Array, " n"],
    class_ids: Int[jax.Array, " n"],
    options: NmsOptions,
) -> Detections:
    """Greedy suppression of candidates in the order of their scores.

    A turn of the loop keeps one box, so it ends after as many turns as there are detections,
    without a matrix of all overlaps.
    """
    num_candidates, num_rows = len(scores), options.max_detections

    def keep_next(
        state: tuple[jax.Array, jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        count, is_alive, kept = state
        # The first one alive has the best score.
        index = jnp.argmax(is_alive)
        overlaps = compute_iou(boxes[index][None], boxes)[0]
        is_duplicate = (overlaps > options.iou_threshold) & (class_ids == class_ids[index])
        is_alive = is_alive & ~is_duplicate & (jnp.arange(num_candidates) != index)
        return count + 1, is_alive, kept.at[count].set(index)

    is_alive = jnp.logical_and(scores >= 0, compute_areas(boxes) > 0)
    start = jnp.zeros((), jnp.int32), is_alive, jnp.zeros(num_rows, jnp.int32)
    count, _, kept = jax.lax.while_loop(
        lambda state: (state[0] < num_rows) & jnp.any(state[1]), keep_next, start
    )
    is_valid = jnp.arange(num_rows) < count
    return Detections(
        boxes_xyxy_px=jnp.where(is_valid[:, None], boxes[kept], 0.0),
        scores=jnp.where(is_valid, scores[kept], 0.0),
        class_ids=jnp.where(is_valid, class_ids[kept], 0),
        is_valid=is_valid,
    )
