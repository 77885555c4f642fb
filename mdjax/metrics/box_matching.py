"""Detections against ground truth, one image and one class: what miss rate and AP have in common.

NumPy alone, so that scores need neither JAX nor a device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int8

TRUE_POSITIVE, FALSE_POSITIVE, NOT_COUNTED = 1, 0, -1


@dataclass(frozen=True)
class ScoredBoxes:
    """What a detector found in one image, of one class.

    Boxes are left, top, width, height, as KAIST and COCO have them: the height that decides
    whether an object counts is then exact. The origin is any, if it is that of the ground truth.
    """

    boxes_xywh_px: Float[np.ndarray, "n 4"]
    scores: Float[np.ndarray, " n"]

    @classmethod
    def from_xyxy(
        cls, boxes_xyxy_px: Float[np.ndarray, "n 4"], scores: Float[np.ndarray, " n"]
    ) -> "ScoredBoxes":
        """From left, top, right and bottom edges, mdjax's convention elsewhere."""
        return cls(_convert_to_xywh(boxes_xyxy_px), scores.astype(np.float64))

    def keep_best(self, num_kept: int) -> "ScoredBoxes":
        """Return those of the highest scores, the first of equals, best first."""
        kept = np.argsort(-self.scores, kind="stable")[:num_kept]
        return ScoredBoxes(self.boxes_xywh_px[kept], self.scores[kept])


@dataclass(frozen=True)
class TrueBoxes:
    """What is there in one image, of one class; boxes as in `ScoredBoxes`."""

    boxes_xywh_px: Float[np.ndarray, "g 4"]
    is_ignored: Bool[np.ndarray, " g"]
    """Neither to be found nor a mistake when found: crowds, unclear objects."""
    occlusion: Int[np.ndarray, " g"]
    """0 none or unknown, 1 partial, 2 heavy."""

    @classmethod
    def from_xyxy(
        cls,
        boxes_xyxy_px: Float[np.ndarray, "g 4"],
        is_ignored: Bool[np.ndarray, " g"],
        occlusion: Int[np.ndarray, " g"] | None = None,
    ) -> "TrueBoxes":
        """From left, top, right and bottom edges; without occlusion, nothing is occluded."""
        if occlusion is None:
            occlusion = np.zeros(is_ignored.shape, np.int64)
        return cls(_convert_to_xywh(boxes_xyxy_px), is_ignored, occlusion)


@dataclass(frozen=True)
class Overlaps:
    """Overlaps of each detection n, best score first, with each ground truth g."""

    iou: Float[np.ndarray, "n g"]
    """Intersection over union, in [0, 1]."""
    covered: Float[np.ndarray, "n g"]
    """Intersection over the detection's area, in [0, 1]: the overlap with regions to ignore."""
    scores: Float[np.ndarray, " n"]


def compute_overlaps(detected: ScoredBoxes, true: TrueBoxes) -> Overlaps:
    """Return overlaps of all pairs, detections sorted by score; equal scores keep their order.

    A box without area overlaps nothing.
    """
    order = np.argsort(-detected.scores, kind="stable")
    boxes_n, boxes_g = detected.boxes_xywh_px[order, None], true.boxes_xywh_px[None]
    ends = np.minimum(boxes_n[..., :2] + boxes_n[..., 2:], boxes_g[..., :2] + boxes_g[..., 2:])
    sides = np.maximum(ends - np.maximum(boxes_n[..., :2], boxes_g[..., :2]), 0.0)
    intersection = sides.prod(-1)
    area_n, area_g = boxes_n[..., 2:].prod(-1), boxes_g[..., 2:].prod(-1)
    return Overlaps(
        iou=_divide(intersection, area_n + area_g - intersection),
        covered=_divide(intersection, np.broadcast_to(area_n, intersection.shape)),
        scores=detected.scores[order],
    )


def match_detections(
    overlaps: Overlaps, is_ignored: Bool[np.ndarray, " g"], min_overlap: float
) -> Int8[np.ndarray, " n"]:
    """Say of each detection, best score first, whether it is true, false or not counted.

    A detection takes the free ground truth of largest IoU ≥ `min_overlap`, the later one of equals,
    and is then `TRUE_POSITIVE`. If there is none, it is `NOT_COUNTED` where a region to ignore
    covers at least `min_overlap` of it; such a region takes any number of detections. All others
    are `FALSE_POSITIVE`. Both KAIST's Matlab code and COCO match like this.

    Args:
        overlaps: Of one image.
        is_ignored: Which ground truths are regions to ignore.
        min_overlap: In (0, 1].
    """
    iou = overlaps.iou[:, ~is_ignored]
    outcome = np.full(len(iou), FALSE_POSITIVE, np.int8)
    is_free = np.ones(iou.shape[1], bool)
    for row in np.flatnonzero((iou >= min_overlap).any(axis=1)):
        candidates = np.where(is_free, iou[row], -1.0)
        best = candidates.size - 1 - int(candidates[::-1].argmax())
        if candidates[best] >= min_overlap:
            outcome[row] = TRUE_POSITIVE
            is_free[best] = False
    is_covered = (overlaps.covered[:, is_ignored] >= min_overlap).any(axis=1)
    outcome[is_covered & (outcome == FALSE_POSITIVE)] = NOT_COUNTED
    return outcome


@dataclass(frozen=True)
class ImageOutcome:
    """What one image adds to the score of a set of images."""

    scores: Float[np.ndarray, " n"]
    """Of the detections that count."""
    is_true: Bool[np.ndarray, " n"]
    """Whether each is true; else it is false."""
    num_boxes: int
    """Objects that count."""


def judge_detections(
    overlaps: Overlaps, is_ignored: Bool[np.ndarray, " g"], min_overlap: float
) -> ImageOutcome:
    """Keep what counts of one image, see `match_detections`."""
    outcome = match_detections(overlaps, is_ignored, min_overlap)
    is_counted = outcome != NOT_COUNTED
    return ImageOutcome(
        overlaps.scores[is_counted],
        outcome[is_counted] == TRUE_POSITIVE,
        int((~is_ignored).sum()),
    )


def pool_outcomes(images: Sequence[ImageOutcome]) -> tuple[Bool[np.ndarray, " n"], int]:
    """Say of the detections of all images, best score first, which are true; and count objects."""
    scores = np.concatenate([np.zeros(0), *(image.scores for image in images)])
    is_true = np.concatenate([np.zeros(0, bool), *(image.is_true for image in images)])
    order = np.argsort(-scores, kind="stable")
    return is_true[order], sum(image.num_boxes for image in images)


def _divide(
    intersection: Float[np.ndarray, "n g"], area: Float[np.ndarray, "n g"]
) -> Float[np.ndarray, "n g"]:
    """0 for boxes without area, which overlap nothing."""
    return np.divide(intersection, area, out=np.zeros_like(intersection), where=area > 0)


def _convert_to_xywh(boxes_xyxy_px: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, "n 4"]:
    boxes = boxes_xyxy_px.astype(np.float64)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
