"""The homography of two cameras from the edges of image pairs, or why there is none."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, Shaped

from mdjax.align.common_view import find_common_part
from mdjax.align.edges import to_grey
from mdjax.align.homography import CameraHomography, Evidence, make_homography
from mdjax.align.refine import Level, correlate_edges, refine_alignment
from mdjax.align.search import search_alignments
from mdjax.align.units import Matrix, make_to_pixels, map_points
from mdjax.types import MdjaxError

MIN_PAIRS = 4
"""With fewer, chance cannot be told from an alignment."""

_ALL = slice(None)
_HALVES = (slice(0, None, 2), slice(1, None, 2))
_NUM_CANDIDATES = 6
_CHOICE = (Level(80, is_affine=True),)
_FINE = (Level(160, is_affine=True), Level(160, is_affine=False), Level(320, is_affine=False))
# Finer detail is blurred anyway.
_MAX_WIDTH = 640
# Of the width of the visible image. Two halves of pairs that show nothing in common differ by tens
# of percent; those of MSRS, 20 pairs, by 0.2 to 1 %.
_MAX_DISAGREEMENT = 0.03
# Of edges that have nothing in common 0.01 is a lot; MSRS has 0.28.
_MIN_CORRELATION = 0.04
# Of the correlation of pairs: what the two images of different pairs may have of it.
_MAX_SHARE_OF_STRANGERS = 0.8
# Visible images of one place are alike, and then so are strangers.
_MAX_LIKENESS = 0.3
_REMEDY = (
    "Give more pairs with edges that both cameras see all over the image (buildings, trees, cars); "
    "or click at least 6 points in both images and give them with --points FILE.csv."
)

_Grey = Float32[np.ndarray, "_ _"]


@dataclasses.dataclass(frozen=True)
class GreyPairs:
    """Image pairs of one rig, small enough to be aligned.

    Attributes:
        visible: Grey visible images, from `reduce_image`.
        thermal: Their thermal images, grey levels or counts, from `reduce_image`.
        visible_size_wh_px: Columns and rows that visible images had before.
        thermal_size_wh_px: The same of thermal images.
    """

    visible: Sequence[_Grey]
    thermal: Sequence[_Grey]
    visible_size_wh_px: tuple[int, int]
    thermal_size_wh_px: tuple[int, int]

    def to_pixels(self, in_units: Matrix) -> Matrix:
        """Turn a homography in the coordinates of `units` into one of the files' pixels."""
        of_visible, of_thermal = (
            make_to_pixels((rows, columns), images[0].shape[0] / images[0].shape[1])
            for images, (columns, rows) in (
                (self.visible, self.visible_size_wh_px),
                (self.thermal, self.thermal_size_wh_px),
            )
        )
        return of_visible @ in_units @ np.linalg.inv(of_thermal)


def reduce_image(image: Shaped[np.ndarray, "_ _ *c"]) -> _Grey:
    """Make an image grey, and at most 640 pixels wide."""
    grey = to_grey(image)
    height, width = grey.shape
    if width <= _MAX_WIDTH:
        return grey
    size_wh = (_MAX_WIDTH, max(1, round(_MAX_WIDTH * height / width)))
    return cv2.resize(grey, size_wh, interpolation=cv2.INTER_AREA)


def estimate_from_edges(pairs: GreyPairs) -> CameraHomography:
    """Estimate the homography of two cameras from pairs of their images.

    All widths of the thermal image from 0.36 to 1.6 of the visible one, rotations up to 6 degrees
    and all shifts are searched; the best alignments are refined, which reaches a few degrees more.
    This is done for all pairs, and for two halves of them, which have to agree.

    Args:
        pairs: At least `MIN_PAIRS`.

    Raises:
        MdjaxError: There are too few pairs, or no alignment was found.
    """
    visible, thermal = pairs.visible, pairs.thermal
    if len(visible) < MIN_PAIRS:
        raise MdjaxError(
            f"an alignment needs {MIN_PAIRS} pairs or more, there are {len(visible)}. {_REMEDY}"
        )
    candidates = [
        [candidate.thermal_to_visible for candidate in of_group]
        for of_group in search_alignments(visible, thermal, _NUM_CANDIDATES, (_ALL, *_HALVES))
    ]
    best = _fit(visible, thermal, candidates[0])
    # What all pairs say is one more candidate of a half, which prefers its own if it fits better.
    halves = [
        _fit(visible[half], thermal[half], [*own, best])
        for half, own in zip(_HALVES, candidates[1:], strict=True)
    ]
    try:
        rough = _finish(pairs, best, residual_px=0.0)
        residual_px = _measure_disagreement(rough, [pairs.to_pixels(half) for half in halves])
    except MdjaxError as error:
        raise MdjaxError(f"no alignment was found ({error}) {_REMEDY}") from error
    limit_px = _MAX_DISAGREEMENT * pairs.visible_size_wh_px[0]
    if residual_px > limit_px:
        raise MdjaxError(
            f"no alignment was found: those of two halves of the pairs differ by {residual_px:.0f} "
            f"pixels, {limit_px:.0f} would be the most. {_REMEDY}"
        )
    _check_that_pairs_belong_together(visible, thermal, best)
    return _finish(pairs, best, residual_px=residual_px)


def _finish(pairs: GreyPairs, alignment: Matrix, *, residual_px: float) -> CameraHomography:
    return make_homography(
        pairs.to_pixels(alignment),
        pairs.visible_size_wh_px,
        pairs.thermal_size_wh_px,
        Evidence("edges", len(pairs.visible), residual_px),
    )


def _fit(
    visible: Sequence[_Grey], thermal: Sequence[_Grey], candidates: Sequence[Matrix]
) -> Matrix:
    """Refine the candidate that fits best after a first refinement of all."""
    refined = [refine_alignment(visible, thermal, start, _CHOICE) for start in candidates]
    best = max(refined, key=lambda alignment: alignment.score)
    return refine_alignment(visible, thermal, best.thermal_to_visible, _FINE).thermal_to_visible


def _measure_disagreement(homography: CameraHomography, others: Sequence[Matrix]) -> float:
    """The largest distance between alignments at the corners of what both cameras see."""
    left, top, right, bottom = find_common_part(homography)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)
    in_thermal = map_points(np.linalg.inv(homography.matrix), corners - 0.5)
    places = [corners - 0.5, *(map_points(other, in_thermal) for other in others)]
    return max(
        float(np.linalg.norm(first - second, axis=1).max()) for first in places for second in places
    )


def _check_that_pairs_belong_together(
    visible: Sequence[_Grey], thermal: Sequence[_Grey], alignment: Matrix
) -> None:
    """Refuse pairs whose images agree no more than those of different pairs.

    Streets are alike: road below, sky above. Such edges agree for images of two streets too, but
    not precisely.
    """
    level = _FINE[-1]
    partners = correlate_edges(visible, thermal, alignment, level).mean()
    if partners < _MIN_CORRELATION:
        raise MdjaxError(
            "no alignment was found: visible and thermal images have no edges in common (their "
            f"correlation is {partners:.3f}). {_REMEDY}"
        )
    strangers = correlate_edges(visible, [*thermal[1:], thermal[0]], alignment, level).mean()
    if strangers <= _MAX_SHARE_OF_STRANGERS * partners:
        return
    likeness = correlate_edges(visible, [*visible[1:], visible[0]], np.eye(3), level).mean()
    if likeness <= _MAX_LIKENESS:
        raise MdjaxError(
            "no alignment was found: thermal images fit the visible images of other pairs as well "
            "as their own; check whether both images of each pair were taken at the same time."
        )
