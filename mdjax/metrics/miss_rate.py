"""Log-average miss rate, as pedestrian detection is scored on KAIST. NumPy alone.

Dollár et al., "Pedestrian detection: an evaluation of the state of the art", PAMI 2012; subsets and
labels of Hwang et al., CVPR 2015 and Liu et al., BMVC 2016.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from mdjax.metrics.box_matching import (
    ImageOutcome,
    ScoredBoxes,
    TrueBoxes,
    compute_overlaps,
    judge_detections,
    pool_outcomes,
)

Rule = Literal["matlab", "python"]

MIN_IOU = 0.5
EDGE_PX = 5.0  # Nearer to an edge than this, a person is cut: 635 = 640 - 5, 507 = 512 - 5.
REFERENCE_FPPI = 10.0 ** np.linspace(-2, 0, 9)
_PYTHON_REFERENCE_FPPI = REFERENCE_FPPI.round(4)  # As that script writes them down.
_PYTHON_MAX_DETECTIONS = 1000
_MIN_MISS_RATE = 1e-10  # Of a detector that misses nothing; its logarithm is needed.


@dataclasses.dataclass(frozen=True)
class Subset:
    """Which persons of which images count; all other persons are ignored, not missed.

    Attributes:
        name: In results, as `miss_rate_<name>`.
        min_height_px: Smallest height that counts.
        max_height_px: Largest height that counts.
        occlusions: Levels that count: 0 none, 1 partial, 2 heavy.
        is_night: True for night images, False for those by day, None for all.
    """

    name: str
    min_height_px: float
    max_height_px: float = float("inf")
    occlusions: tuple[int, ...] = (0, 1, 2)
    is_night: bool | None = None


REASONABLE = Subset("all", min_height_px=55, occlusions=(0, 1))
REASONABLE_DAY = Subset("day", min_height_px=55, occlusions=(0, 1), is_night=False)
REASONABLE_NIGHT = Subset("night", min_height_px=55, occlusions=(0, 1), is_night=True)
NEAR = Subset("near", min_height_px=115, occlusions=(0,))
MEDIUM = Subset("medium", min_height_px=45, max_height_px=115, occlusions=(0,))
FAR = Subset("far", min_height_px=1, max_height_px=45, occlusions=(0,))
OCCLUSION_NONE = Subset("occlusion_none", min_height_px=1, occlusions=(0,))
OCCLUSION_PARTIAL = Subset("occlusion_partial", min_height_px=1, occlusions=(1,))
OCCLUSION_HEAVY = Subset("occlusion_heavy", min_height_px=1, occlusions=(2,))
FROM_20_PX = Subset("from_20_px", min_height_px=20)

REASONABLE_SUBSETS = (REASONABLE, REASONABLE_DAY, REASONABLE_NIGHT)
"""What papers report: `miss_rate_all`, `miss_rate_day`, `miss_rate_night`."""
SUBSETS = (
    *REASONABLE_SUBSETS,
    *(NEAR, MEDIUM, FAR),
    *(OCCLUSION_NONE, OCCLUSION_PARTIAL, OCCLUSION_HEAVY),
    FROM_20_PX,
)
"""Those of KAIST's Matlab code, and every person of at least 20 px."""


@dataclasses.dataclass(frozen=True)
class MissRate:
    """The score of one subset, with the curve behind it.

    Attributes:
        percent: Log-average miss rate, 0 to 100; NaN where no person counts.
        fppi: False positives per image after each counted detection, best score first.
        miss_rate: Share of persons that are missed there, in [0, 1].
        reference_fppi: The nine rates that are averaged over.
        miss_rate_at_reference: The share there; 1 where the curve begins beyond.
        num_images: Images of the subset.
        num_boxes: Persons that count.
    """

    percent: float
    fppi: Float[np.ndarray, " p"]
    miss_rate: Float[np.ndarray, " p"]
    reference_fppi: Float[np.ndarray, "9"]
    miss_rate_at_reference: Float[np.ndarray, "9"]
    num_images: int
    num_boxes: int


def compute_miss_rates(
    detections: Sequence[ScoredBoxes],
    truths: Sequence[TrueBoxes],
    *,
    image_sizes_hw: Sequence[tuple[int, int]],
    is_night: Bool[np.ndarray, " b"],
    subsets: Sequence[Subset] = SUBSETS,
    rule: Rule = "matlab",
) -> dict[str, MissRate]:
    r"""Return the log-average miss rate of each subset.

    With the detections of all images sorted by score, those that match a region to ignore omitted,

        FPPI_i = (false among the first i) / images,  m_i = 1 - (true among the first i) / persons
        LAMR   = exp(1/9 Σ_r log max(1e-10, m at the last i with FPPI_i ≤ r, 1 if there is none))

    for r = 10^-2, 10^-1.75, ..., 10^0. See `match_detections` for what is true and false, and
    `find_ignored` for who is ignored.

    Args:
        detections: Of each image.
        truths: Of each image, persons and regions to ignore.
        image_sizes_hw: Rows and columns of each image, for the rule about edges.
        is_night: Of each image.
        subsets: What to score; names differ.
        rule: `matlab` is KAIST's official code. `python` is the script that many published numbers
            come from: it takes the best 1,000 detections of an image, does not count the persons of
            images without any detection, and rounds r to four digits. (Where no point has FPPI ≤ r
            it takes the last one, which needs fewer than 100 images and is not imitated.)

    Returns:
        By name of the subset.

    Raises:
        ValueError: The arguments speak of different numbers of images.
    """
    if not len(detections) == len(truths) == len(is_night) == len(image_sizes_hw):
        raise ValueError(
            f"{len(detections)} images have detections, {len(truths)} have ground truth, "
            f"{len(is_night)} are day or night, {len(image_sizes_hw)} have a size; give each "
            "image all four."
        )
    if rule == "python":
        detections = [image.keep_best(_PYTHON_MAX_DETECTIONS) for image in detections]
    overlaps = [compute_overlaps(*image) for image in zip(detections, truths, strict=True)]
    everyone = _join(truths)
    counts = [len(true.is_ignored) for true in truths]
    sizes_hw = np.repeat(np.array(image_sizes_hw, np.int64).reshape(-1, 2), counts, axis=0)
    ends = np.cumsum(counts)
    scores = {}
    for subset in subsets:
        is_ignored = np.split(find_ignored(everyone, subset, sizes_hw), ends)[:-1]
        members = [
            index
            for index, night in enumerate(is_night)
            if subset.is_night is None or subset.is_night == bool(night)
        ]
        outcomes = [
            judge_detections(overlaps[index], is_ignored[index], MIN_IOU) for index in members
        ]
        if rule == "python":
            outcomes = [
                outcome
                if len(overlaps[index].scores)
                else dataclasses.replace(outcome, num_boxes=0)
                for index, outcome in zip(members, outcomes, strict=True)
            ]
        reference = REFERENCE_FPPI if rule == "matlab" else _PYTHON_REFERENCE_FPPI
        scores[subset.name] = pool_miss_rate(outcomes, reference)
    return scores


def pool_miss_rate(
    images: Sequence[ImageOutcome], reference_fppi: Float[np.ndarray, "9"] = REFERENCE_FPPI
) -> MissRate:
    """Return the log-average miss rate of images whose detections are judged.

    Args:
        images: All images of a subset.
        reference_fppi: False positives per image at which it is measured.
    """
    is_true, num_boxes = pool_outcomes(images)
    if num_boxes == 0:
        nothing = np.full(len(reference_fppi), np.nan)
        return MissRate(
            float("nan"), np.zeros(0), np.zeros(0), reference_fppi, nothing, len(images), 0
        )
    fppi = np.cumsum(~is_true) / len(images)
    miss_rate = 1 - np.cumsum(is_true) / num_boxes
    # With 1 before the curve, position 0 stands for "no point with FPPI <= reference".
    position = np.searchsorted(fppi, reference_fppi, side="right")
    at_reference = np.concatenate([[1.0], miss_rate])[position]
    return MissRate(
        percent=100 * float(np.exp(np.log(np.maximum(_MIN_MISS_RATE, at_reference)).mean())),
        fppi=fppi,
        miss_rate=miss_rate,
        reference_fppi=reference_fppi,
        miss_rate_at_reference=at_reference,
        num_images=len(images),
        num_boxes=num_boxes,
    )


def find_ignored(
    true: TrueBoxes, subset: Subset, image_sizes_hw: Int[np.ndarray, "g 2"]
) -> Bool[np.ndarray, " g"]:
    """Say who is ignored in a subset.

    Whoever is ignored in the first place; is lower or higher than the subset's persons (its limits
    count); is occluded otherwise; or reaches nearer than 5 px to an edge of the image: x < 5,
    y < 5, x + w > width - 5 or y + h > height - 5. Coordinates are taken as they stand, whether
    they begin at 0 or, as in KAIST's files, at 1.
    """
    x, y, width, height = true.boxes_xywh_px.T
    rows, columns = image_sizes_hw.T
    is_counted = ~true.is_ignored & np.isin(true.occlusion, subset.occlusions)
    is_counted &= (height >= subset.min_height_px) & (height <= subset.max_height_px)
    is_counted &= (x >= EDGE_PX) & (x + width <= columns - EDGE_PX)
    is_counted &= (y >= EDGE_PX) & (y + height <= rows - EDGE_PX)
    return ~is_counted


def _join(truths: Sequence[TrueBoxes]) -> TrueBoxes:
    return TrueBoxes(
        np.concatenate([np.zeros((0, 4)), *(true.boxes_xywh_px for true in truths)]),
        np.concatenate([np.zeros(0, bool), *(true.is_ignored for true in truths)]),
        np.concatenate([np.zeros(0, np.int64), *(true.occlusion for true in truths)]),
    )
