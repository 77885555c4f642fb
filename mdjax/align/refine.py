"""A rough alignment made precise: the edges of all pairs are brought together at once.

The correlation of edges is increased step by step, as in the method of the enhanced correlation
coefficient (Evangelidis and Psarakis, IEEE TPAMI 30(10), 2008). Unlike there, one homography is
estimated from many pairs, each of which counts as much as its edges agree.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from mdjax.align.edges import compute_edges
from mdjax.align.units import Matrix, SizeHw, list_corners, make_to_pixels, map_points

_MAX_STEPS = 25
# In pixels of the level: smaller steps change nothing.
_MIN_STEP_PX = 0.01
# So far the blur of edges brings in what is beyond the border.
_BORDER_PX = 4
_MIN_PIXELS = 400
# Of the weight of a pair: one whose edges do not agree at first may do so later.
_MIN_WEIGHT = 0.02
_FIRST_DAMPING, _MAX_DAMPING = 1e-3, 1e3

_Grey = Float32[np.ndarray, "_ _"]


class Level(NamedTuple):
    """How finely a step of the refinement looks, and what it may change."""

    width: int
    """Columns of the visible image."""
    is_affine: bool
    """Whether parallel lines stay parallel."""


@dataclasses.dataclass(frozen=True)
class Refined:
    """A precise alignment, and how well the edges of each pair agree."""

    thermal_to_visible: Matrix
    """In the coordinates of `units`."""
    correlations: Float64[np.ndarray, " n"]
    """Of the edges of each pair."""
    num_pixels: int
    """Of the last level, where both images are."""

    @property
    def score(self) -> float:
        """Correlation times the root of the number of pixels: how far it is from chance."""
        return float(self.correlations.mean() * np.sqrt(self.num_pixels))


def refine_alignment(
    visible: Sequence[_Grey], thermal: Sequence[_Grey], start: Matrix, levels: Sequence[Level]
) -> Refined:
    """Refine an alignment from coarse to fine levels.

    Args:
        visible: Grey visible images, all of one size.
        thermal: Their grey thermal images, all of one size.
        start: Rough alignment, in the coordinates of `units`.
        levels: From coarse to fine; at least one.
    """
    refined = _refine_at(levels[0], visible, thermal, start)
    for level in levels[1:]:
        refined = _refine_at(level, visible, thermal, refined.thermal_to_visible)
    return refined


def correlate_edges(
    visible: Sequence[_Grey], thermal: Sequence[_Grey], alignment: Matrix, level: Level
) -> Float64[np.ndarray, " n"]:
    """Correlate the edges of each pair under an alignment, as `refine_alignment` does."""
    size_hw, to_pixels = _plan(level, visible)
    pairs = _EdgePairs(visible, thermal, to_pixels @ alignment, size_hw)
    return pairs.measure(np.eye(3)).correlations


def _plan(level: Level, visible: Sequence[_Grey]) -> tuple[SizeHw, Matrix]:
    """Rows and columns of a level, and the map from the coordinates of `units` to its pixels."""
    height, width = visible[0].shape
    size_hw = (round(level.width * height / width), level.width)
    return size_hw, make_to_pixels(size_hw, height / width)


def _refine_at(
    level: Level, visible: Sequence[_Grey], thermal: Sequence[_Grey], start: Matrix
) -> Refined:
    size_hw, to_pixels = _plan(level, visible)
    pairs = _EdgePairs(visible, thermal, to_pixels @ start, size_hw)
    change = _climb(pairs, level, size_hw)
    matrix = np.linalg.inv(to_pixels) @ change @ to_pixels @ start
    measured = pairs.measure(change)
    return Refined(matrix / matrix[2, 2], measured.correlations, measured.num_pixels)


def _climb(pairs: "_EdgePairs", level: Level, size_hw: SizeHw) -> Matrix:
    """The change of thermal images, in pixels, that makes their edges agree best."""
    change, damping = np.eye(3), _FIRST_DAMPING
    now = pairs.measure(change)
    corners_px = list_corners(size_hw) * size_hw[1]
    weights = np.maximum(now.correlations, _MIN_WEIGHT)
    equations = pairs.make_equations(now, weights, is_affine=level.is_affine)
    for _ in range(_MAX_STEPS):
        trial = equations.solve(damping) @ change
        later = pairs.measure(trial)
        is_better = weights @ later.correlations > weights @ now.correlations
        if not is_better or later.num_pixels < _MIN_PIXELS:
            damping *= 10
            if damping > _MAX_DAMPING:
                break
            continue
        moved_px = np.abs(map_points(trial, corners_px) - map_points(change, corners_px)).max()
        change, now, damping = trial, later, damping / 10
        if moved_px < _MIN_STEP_PX:
            break
        equations = pairs.make_equations(now, weights, is_affine=level.is_affine)
    return change


def _warp_all(
    thermal: Sequence[_Grey], to_level: Matrix, size_hw: SizeHw
) -> tuple[list[_Grey], Bool[np.ndarray, "h w"]]:
    """Thermal images as they lie on the visible ones, and where they are."""
    height, width = thermal[0].shape
    corners = map_points(to_level, list_corners((height, width)))
    share = max(np.ptp(corners[:, 0]) / width, np.ptp(corners[:, 1]) / height)
    if share < 1:  # Finer detail than the level shows would become noise.
        small_wh = (max(8, round(width * share)), max(8, round(height * share)))
        thermal = [cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA) for image in thermal]
    warp = to_level @ np.linalg.inv(make_to_pixels(_size(thermal[0]), height / width))
    warped = [
        cv2.warpPerspective(image, warp, size_hw[::-1], borderMode=cv2.BORDER_REPLICATE)
        for image in thermal
    ]
    is_inside = cv2.warpPerspective(
        np.ones(thermal[0].shape, np.uint8), warp, size_hw[::-1], flags=cv2.INTER_NEAREST
    )
    return warped, _shrink(is_inside)


def _shrink(mask_u8: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    side = 2 * _BORDER_PX + 1
    return cv2.erode(mask_u8, np.ones((side, side), np.uint8), borderValue=0) > 0


def _size(image: np.ndarray) -> SizeHw:
    return image.shape[0], image.shape[1]


class _Measured(NamedTuple):
    """How edges agree after a change."""

    correlations: Float64[np.ndarray, " n"]
    num_pixels: int
    thermal: Float32[np.ndarray, "n 2 h w"]
    """Changed edges, 0 where there is no thermal image."""
    visible: Float32[np.ndarray, "n 2 h w"]
    """Edges, 0 there too; of length 1 for each pair, as those of thermal images."""


class _Equations(NamedTuple):
    """The equations of a step: which small change brings the edges of all pairs together."""

    curvature: Float64[np.ndarray, "p p"]
    slope: Float64[np.ndarray, " p"]
    to_centre: Matrix
    """From pixels to the coordinates of the step."""

    def solve(self, damping: float) -> Matrix:
        """The change of pixels, smaller with more damping."""
        damped = self.curvature + damping * np.diag(np.diag(self.curvature))
        step = np.zeros(8)
        step[: len(self.slope)] = np.linalg.lstsq(damped, self.slope, rcond=None)[0]
        small = np.array(
            [[step[1], step[2], step[0]], [step[4], step[5], step[3]], [step[6], step[7], 0]]
        )
        return np.linalg.inv(self.to_centre) @ (np.eye(3) + small) @ self.to_centre


class _EdgePairs:
    """Edges of visible and thermal images at one level."""

    def __init__(
        self,
        visible: Sequence[_Grey],
        thermal: Sequence[_Grey],
        to_level: Matrix,
        size_hw: SizeHw,
    ):
        seen = [cv2.resize(image, size_hw[::-1], interpolation=cv2.INTER_AREA) for image in visible]
        warm, mask = _warp_all(thermal, to_level, size_hw)
        self._visible = _centre(np.stack([compute_edges(image) for image in seen]), mask)
        self._thermal = _centre(np.stack([compute_edges(image) for image in warm]), mask) * mask
        self._mask_u8 = mask.astype(np.uint8)
        border = np.zeros(size_hw, bool)
        border[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
        self._is_inside = border

    def measure(self, change: Matrix) -> _Measured:
        """Correlate the edges after a change of the thermal ones."""
        size_wh = self._mask_u8.shape[::-1]
        mask = cv2.warpPerspective(self._mask_u8, change, size_wh, flags=cv2.INTER_NEAREST) > 0
        mask &= self._is_inside
        thermal = np.stack(
            [
                np.stack([cv2.warpPerspective(part, change, size_wh) for part in edges])
                for edges in self._thermal
            ]
        )
        thermal = _normalise(thermal * mask)
        visible = _normalise(self._visible * mask)
        correlations = np.einsum("nchw,nchw->n", visible, thermal).astype(np.float64)
        return _Measured(correlations, int(mask.sum()), thermal, visible)

    def make_equations(
        self, now: _Measured, weights: Float64[np.ndarray, " n"], *, is_affine: bool
    ) -> _Equations:
        """Set up the equations of the next step; per pixel, pairs are summed up first."""
        gain = max(float(weights @ now.correlations / weights.sum()), 0.02)
        height, width = self._mask_u8.shape
        squares, pulls = np.zeros((3, height, width)), np.zeros((2, height, width))
        for weight, visible, thermal in zip(weights, now.visible, now.thermal, strict=True):
            for seen, warm in zip(visible, thermal, strict=True):
                right, below = (
                    cv2.Sobel(warm, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))
                )
                rest = seen - gain * warm
                squares[0] += weight * right * right
                squares[1] += weight * right * below
                squares[2] += weight * below * below
                pulls[0] += weight * right * rest
                pulls[1] += weight * below * rest
        return _sum_up(squares, pulls, gain, 6 if is_affine else 8)


def _sum_up(
    squares: Float64[np.ndarray, "3 h w"],
    pulls: Float64[np.ndarray, "2 h w"],
    gain: float,
    num_unknowns: int,
) -> _Equations:
    """Sum up over all pixels how each unknown moves them."""
    height, width = squares.shape[1:]
    radius = width / 2
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    to_centre = np.array([[1, 0, -middle_x], [0, 1, -middle_y], [0, 0, radius]]) / radius
    rows, columns = np.mgrid[:height, :width]
    x, y = ((columns - middle_x) / radius).ravel(), ((rows - middle_y) / radius).ravel()
    one, none = np.ones_like(x), np.zeros_like(x)
    across = np.stack([one, x, y, none, none, none, -x * x, -x * y])[:num_unknowns]
    down = np.stack([none, none, none, one, x, y, -x * y, -y * y])[:num_unknowns]
    xx, xy, yy = squares.reshape(3, -1)
    mixed = (across * xy) @ down.T
    curvature = (across * xx) @ across.T + (down * yy) @ down.T + mixed + mixed.T
    slope = -(across @ pulls[0].ravel() + down @ pulls[1].ravel()) / gain
    return _Equations(curvature * radius, slope, to_centre)


def _centre(
    edges: Float32[np.ndarray, "n 2 h w"], mask: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "n 2 h w"]:
    """Take out what is the same everywhere, such as that most edges are upright."""
    mean = np.sum(edges * mask, axis=(2, 3), keepdims=True) / max(int(mask.sum()), 1)
    return edges - mean


def _normalise(edges: Float32[np.ndarray, "n 2 h w"]) -> Float32[np.ndarray, "n 2 h w"]:
    lengths = np.sqrt(np.sum(np.square(edges), axis=(1, 2, 3), keepdims=True))
    return edges / np.maximum(lengths, 1e-6)
