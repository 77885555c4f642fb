"""Whether both images of a pair show one scene, from one place, and are not one picture twice."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import scipy.fft
from jaxtyping import Float64

from mdjax.align.edges import Edges, compute_edges, to_grey

# Two cameras never agree like this; one picture does, whatever its encoding, contrast or size.
_MIN_CORRELATION_OF_COPIES = 0.995
# JPEG leaves the channels of a grey picture a few grey levels apart.
_MAX_SPREAD_OF_GREY = 8

# More do not tell more: with 10 pairs of MSRS or MFNet the shift is known within 5 pixels of 640.
MAX_PAIRS = 64
_MIN_PAIRS = 5
_GRID_WIDTH = 128
# In cells of the grid.
_MAX_SHIFT = 16
_NUM_SHIFTS = 2 * _MAX_SHIFT + 1
# Of the width. Without a shift, 5 pairs of MSRS, MFNet or KAIST seem to be shifted by up to 1.1 %.
_MIN_SHIFT = 0.0125
# In standard deviations over images of different scenes. At the best of all shifts, 5 pairs of
# different scenes reach it in 2 of 300 draws, and those of MSRS by night, the weakest, in 94 %.
_MIN_PROMINENCE = 6.0
_MAX_PAIRINGS = 16


class PairEdges(NamedTuple):
    """Edges of both images of a pair on a grid of 128 columns, each of length 1."""

    visible: Edges
    thermal: Edges


class Shift(NamedTuple):
    """How far thermal images lie from the visible ones, as fractions of width and height."""

    right: float
    down: float


def is_same_picture(visible_u8: np.ndarray, thermal: np.ndarray) -> bool:
    """Tell whether the visible image is the thermal one, perhaps of another contrast or size."""
    # Few pixels tell nearly every colour image, and save the time for the whole.
    if not (_is_grey(visible_u8[::16, ::16]) and _is_grey(visible_u8)):
        return False
    size = (min(visible_u8.shape[1], thermal.shape[1]), min(visible_u8.shape[0], thermal.shape[0]))
    first, second = (
        _normalise(cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32))
        for image in (np.ascontiguousarray(visible_u8[..., 1]), thermal)
    )
    return abs(float(np.sum(first * second))) >= _MIN_CORRELATION_OF_COPIES


def compute_pair_edges(visible_u8: np.ndarray, thermal: np.ndarray) -> PairEdges:
    """Compute the edges of a pair, of which `find_shift` needs some."""
    height, width = visible_u8.shape[:2]
    size_wh = (_GRID_WIDTH, max(2 * _MAX_SHIFT, round(_GRID_WIDTH * height / width)))
    return PairEdges(*(_find_edges(image, size_wh) for image in (visible_u8, thermal)))


def find_shift(pairs: Sequence[PairEdges], size_hw: tuple[int, int]) -> Shift | None:
    """Find the shift that most pairs of a data set have in common.

    Edges agree by chance as well, and where all images have a horizon or a dashboard. Visible
    images with the thermal images of other pairs tell how well: the edges of a pair have to agree
    far better at one shift.

    Args:
        pairs: Some of the data set, of different scenes; few are enough.
        size_hw: Rows and columns of the visible images.

    Returns:
        None where thermal images lie on the visible ones, up to 1.25 % of the width, or where that
        cannot be told.
    """
    if not pairs:
        return None
    ((shape, _),) = Counter(pair.visible.shape for pair in pairs).most_common(1)
    pairs = [pair for pair in pairs if pair.visible.shape == shape]
    if len(pairs) < _MIN_PAIRS:
        return None
    prominence = _compute_prominence(pairs)
    if prominence.max() < _MIN_PROMINENCE:
        return None
    row, column = map(int, np.unravel_index(int(prominence.argmax()), prominence.shape))
    if {row, column} & {0, _NUM_SHIFTS - 1}:  # It rises further, or is no peak.
        return None
    right = (column - _MAX_SHIFT + _refine_peak(prominence[row], column)) / _GRID_WIDTH
    down = (row - _MAX_SHIFT + _refine_peak(prominence[:, column], row)) / _GRID_WIDTH
    if math.hypot(right, down) < _MIN_SHIFT:
        return None
    height, width = size_hw
    return Shift(right, down * width / height)


def _compute_prominence(pairs: Sequence[PairEdges]) -> Float64[np.ndarray, "d d"]:
    """How much better than by chance edges agree at shifts of -16 to 16 cells down and right.

    In standard deviations of images that are paired wrongly.
    """
    height, width = pairs[0].visible.shape[1:]
    # Otherwise what leaves on one side comes in on the other.
    padded_hw = (
        int(scipy.fft.next_fast_len(height + _MAX_SHIFT, real=True) or 0),
        int(scipy.fft.next_fast_len(width + _MAX_SHIFT, real=True) or 0),
    )
    visible, thermal = (
        np.asarray(scipy.fft.rfft2(np.stack(edges), padded_hw))
        for edges in zip(*pairs, strict=True)
    )
    visible = np.conj(visible)
    count = len(pairs)

    def correlate(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        spectrum = np.einsum("nchw,nchw->hw", first, second) / count
        surface = np.asarray(scipy.fft.irfft2(spectrum, padded_hw))
        return np.roll(surface, (_MAX_SHIFT, _MAX_SHIFT), (0, 1))[:_NUM_SHIFTS, :_NUM_SHIFTS]

    own = correlate(visible, thermal)
    with_all = correlate(visible.sum(0, keepdims=True), thermal.sum(0, keepdims=True))
    of_others = (with_all - own) / (count - 1)
    steps = np.unique(np.linspace(1, count - 1, min(count - 1, _MAX_PAIRINGS)).round().astype(int))
    chance = [correlate(visible, np.roll(thermal, step, 0)) - of_others for step in steps]
    return (own - of_others).astype(np.float64) / max(float(np.std(chance)), 1e-9)


def _refine_peak(values: np.ndarray, index: int) -> float:
    """Where a parabola through a peak and its neighbours is highest, in cells from the peak."""
    before, peak, after = values[index - 1 : index + 2]
    return float((after - before) / max(2 * (2 * peak - before - after), 1e-9))


def _is_grey(image_u8: np.ndarray) -> bool:
    red, green, blue = (np.ascontiguousarray(image_u8[..., k]) for k in range(3))
    spread = max(cv2.absdiff(red, green).max(), cv2.absdiff(green, blue).max())
    return bool(spread <= _MAX_SPREAD_OF_GREY)


def _find_edges(image: np.ndarray, size_wh: tuple[int, int]) -> Edges:
    """Edges of mean 0 and length 1, fading out towards the border."""
    edges = compute_edges(to_grey(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)))
    centred = edges - edges.mean(axis=(1, 2), keepdims=True)
    faded = centred * np.outer(np.hanning(size_wh[1]), np.hanning(size_wh[0])).astype(np.float32)
    return faded / max(float(np.linalg.norm(faded)), 1e-6)


def _normalise(image: np.ndarray) -> np.ndarray:
    centred = image - image.mean()
    return centred / max(float(np.linalg.norm(centred)), 1e-6)
