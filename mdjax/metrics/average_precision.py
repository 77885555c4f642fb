"""COCO average precision: AP, AP50 and AP75. NumPy alone.

Lin et al., "Microsoft COCO: Common objects in context", ECCV 2014, with the evaluation that its
authors publish (all areas, 100 detections an image).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mdjax.metrics.box_matching import (
    ImageOutcome,
    ScoredBoxes,
    TrueBoxes,
    compute_overlaps,
    judge_detections,
    pool_outcomes,
)

MIN_IOUS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
MAX_DETECTIONS = 100


@dataclass(frozen=True)
class AveragePrecision:
    """The score of one class; NaN where no object of it counts.

    Attributes:
        ap_by_iou_percent: Average precision at IoU 0.5, 0.55, ..., 0.95, 0 to 100.
        num_images: Images that were scored.
        num_boxes: Objects that count.
    """

    ap_by_iou_percent: Float[np.ndarray, "10"]
    num_images: int
    num_boxes: int

    @property
    def ap_percent(self) -> float:
        """COCO's AP, the mean over the ten IoUs."""
        return float(self.ap_by_iou_percent.mean())

    @property
    def ap50_percent(self) -> float:
        """COCO's AP50, at IoU 0.5."""
        return float(self.ap_by_iou_percent[0])

    @property
    def ap75_percent(self) -> float:
        """COCO's AP75, at IoU 0.75."""
        return float(self.ap_by_iou_percent[5])


def compute_average_precision(
    detections: Sequence[ScoredBoxes],
    truths: Sequence[TrueBoxes],
    *,
    max_detections: int = MAX_DETECTIONS,
) -> AveragePrecision:
    """Return the average precision of one class.

    With the detections of all images sorted by score and cut at each place in turn, precision
    p = true / (true + false), made falling in recall R = true / objects:

        AP = 1/101 Σ_{r = 0, 0.01, ..., 1} max{p : R ≥ r}, 0 where no cut reaches r

    Objects with `is_ignored` are COCO's crowds: what lies in them counts neither way.

    Args:
        detections: Of each image.
        truths: Of each image.
        max_detections: Best detections of an image that are considered.

    Raises:
        ValueError: The arguments speak of different numbers of images.
    """
    if len(detections) != len(truths):
        raise ValueError(f"{len(detections)} images have detections, {len(truths)} ground truth.")
    # Only the best count, so that fewer overlaps have to be computed.
    best = [detected.keep_best(max_detections) for detected in detections]
    overlaps = [compute_overlaps(*image) for image in zip(best, truths, strict=True)]
    ap = [
        pool_average_precision(
            [
                judge_detections(image, true.is_ignored, float(min_iou))
                for image, true in zip(overlaps, truths, strict=True)
            ]
        )
        for min_iou in MIN_IOUS
    ]
    num_boxes = sum(int((~true.is_ignored).sum()) for true in truths)
    return AveragePrecision(100 * np.array(ap), len(truths), num_boxes)


def pool_average_precision(images: Sequence[ImageOutcome]) -> float:
    """Return AP at one IoU, in [0, 1], of judged images; NaN where no object counts."""
    is_true, num_boxes = pool_outcomes(images)
    if not num_boxes:
        return float("nan")
    num_true = np.cumsum(is_true)
    precision = num_true / np.arange(1, len(is_true) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    # A last 0 stands for "no cut reaches this recall".
    position = np.searchsorted(num_true / num_boxes, RECALLS, side="left")
    return float(np.concatenate([falling, [0.0]])[position].mean())
