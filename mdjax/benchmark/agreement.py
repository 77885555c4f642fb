"""How far the answers of two engines agree: numbers, label maps, boxes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from mdjax.metrics.confusion import SegmentationScores, count_confusions
from mdjax.ops.boxes import compute_iou
from mdjax.ops.nms import NmsOptions, compute_nms
from mdjax.predict.thresholds import DEFAULT_SCORE_THRESHOLD
from mdjax.types import Detections

Answers = Mapping[str, np.ndarray]
"""Outputs by name; those of images [b h w c]."""

_MIN_IOU = 0.9
_suppress = jax.jit(compute_nms, static_argnums=2)


@dataclass
class LabelAgreement:
    """Label maps of two engines.

    Attributes:
        confusion: Pixels of each (class of the first, class of the second).
    """

    confusion: Int[np.ndarray, "k k"]

    @property
    def share(self) -> float:
        """Share of pixels with the same class."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def mean_iou(self) -> float:
        """Mean IoU of the classes that the first has found, in [0, 1]."""
        return float(np.nanmean(SegmentationScores(self.confusion).class_iou))


@dataclass
class BoxAgreement:
    """Boxes of two engines.

    A box that `mdjax predict` would draw, with a score of 0.3 or more, is matched if the other
    engine has a box of the same class, of any score, with an IoU of 0.9 or more.

    Attributes:
        num_boxes: Of both engines.
        num_matched: Of these.
        overlaps: IoU of each of them with the nearest box of its class, 0 where there is none.
        box_differences_px: Largest difference of an edge of each matched box.
        score_differences: Of each matched box.
    """

    num_boxes: int = 0
    num_matched: int = 0
    overlaps: list[float] = field(default_factory=list)
    box_differences_px: list[float] = field(default_factory=list)
    score_differences: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of boxes that are matched; 1 where there are none."""
        return self.num_matched / self.num_boxes if self.num_boxes else 1.0

    @property
    def mean_iou(self) -> float:
        """Mean overlap of a box with the nearest one of its class; 1 where there are no boxes."""
        return float(np.mean(self.overlaps)) if self.overlaps else 1.0

    @property
    def max_box_px(self) -> float:
        """Largest difference of an edge of a matched box."""
        return max(self.box_differences_px, default=0.0)

    @property
    def max_score(self) -> float:
        """Largest difference of the score of a matched box."""
        return max(self.score_differences, default=0.0)


Agreement = LabelAgreement | BoxAgreement


def measure_agreement(
    head_name: str,
    pairs: list[tuple[Answers, Answers]],
    nms: NmsOptions | None = None,
) -> Agreement | None:
    """Compare label maps or boxes.

    Args:
        head_name: What the answers are, see `list_heads`.
        pairs: What both engines answer to the same images, for one image or several.
        nms: How boxes are selected; by default as usual.

    Returns:
        None for raw outputs, which are neither.
    """
    if head_name in ("logits", "classes"):
        return _compare_labels(pairs, head_name)
    if head_name in ("boxes", "nms"):
        agreement = BoxAgreement()
        for first, second in pairs:
            of_first, of_second = (_select(x, nms or NmsOptions()) for x in (first, second))
            for x, other in zip(of_first, of_second, strict=True):
                _match(x, other, agreement)
                _match(other, x, agreement)
        return agreement
    return None


def _compare_labels(pairs: list[tuple[Answers, Answers]], head_name: str) -> LabelAgreement:
    confusion: Any = 0
    for first, second in pairs:
        labels = [x[head_name] for x in (first, second)]
        if head_name == "logits":
            num_classes = labels[0].shape[-1]
            labels = [x.argmax(axis=-1).astype(np.uint8) for x in labels]
        else:
            num_classes = 1 << 8  # The card does not say how many there are; none is missed.
        for true, predicted in zip(*labels, strict=True):
            confusion = confusion + count_confusions(predicted, true, num_classes)
    return LabelAgreement(confusion)


def _select(answers: Answers, nms: NmsOptions) -> list[Detections]:
    """Detections of each image, only the valid rows."""
    if "class_ids" in answers:  # Selected inside the model; empty rows have no score.
        kept = answers["scores"] > 0
        names = ("boxes_xyxy_px", "scores", "class_ids")
        boxes, scores, class_ids = (answers[name][kept] for name in names)
        return [Detections(boxes, scores, class_ids, np.ones(len(scores), bool))]
    found: Any = jax.device_get(_suppress(answers["boxes_xyxy_px"], answers["scores"], nms))
    images = [jax.tree.map(lambda x, i=i: x[i], found) for i in range(len(found.scores))]
    return [jax.tree.map(lambda x, kept=image.is_valid: x[kept], image) for image in images]


def _match(first: Any, second: Any, agreement: BoxAgreement) -> None:
    """Count the boxes of one engine and those that the other has, too."""
    shown: Bool[np.ndarray, " n"] = first.scores >= DEFAULT_SCORE_THRESHOLD
    agreement.num_boxes += int(shown.sum())
    if not len(second.scores):
        agreement.overlaps += [0.0] * int(shown.sum())
        return
    iou: Float[np.ndarray, "n m"] = np.asarray(
        compute_iou(first.boxes_xyxy_px[shown], second.boxes_xyxy_px)
    )
    iou = np.where(first.class_ids[shown][:, None] == second.class_ids[None], iou, 0.0)
    for row, index in zip(iou, np.flatnonzero(shown), strict=True):
        best = int(row.argmax())
        agreement.overlaps.append(float(row[best]))
        if row[best] < _MIN_IOU:
            continue
        agreement.num_matched += 1
        boxes = first.boxes_xyxy_px[index], second.boxes_xyxy_px[best]
        agreement.box_differences_px.append(float(np.abs(boxes[0] - boxes[1]).max()))
        scores = first.scores[index], second.scores[best]
        agreement.score_differences.append(float(abs(scores[0] - scores[1])))
