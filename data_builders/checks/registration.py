"""Whether both images of a pair show one scene, from one place, and are not one picture twice."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

# Two cameras never agree like this; one picture does, whatever its encoding, contrast or size.
_MIN_CORRELATION_OF_COPIES = 0.995
# JPEG leaves the channels of a grey picture a few grey levels apart.
_MAX_SPREAD_OF_GREY = 8

_GRID_WIDTH = 128
_MAX_SHIFT = 16
# In cells of the grid. Of MFNet, MSRS and KAIST the best shift is 0 or 1.
_MIN_SHIFT = 3
_MIN_PAIRS = 5
# In standard deviations over all shifts. By chance the best of them reaches 3 to 4; MFNet, MSRS and
# KAIST reach 3 at once, registered generated scenes 7.
_MIN_PROMINENCE = 5.0
_MIN_STRONGER = 2.0


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


def correlate_edges(visible_u8: np.ndarray, thermal: np.ndarray) -> np.ndarray:
    """Correlate the edges of both images at every small shift.

    Returns:
        [33, 33] correlations at shifts of -16 to 16 cells down and right, a cell being 1/128 of the
        width; the strongest is where thermal edges would lie on visible ones.
    """
    height, width = visible_u8.shape[:2]
    size = (_GRID_WIDTH, max(2 * _MAX_SHIFT, round(_GRID_WIDTH * height / width)))
    visible, edges = (
        _find_edges(image, size)
        for image in (cv2.cvtColor(visible_u8, cv2.COLOR_RGB2GRAY), thermal)
    )
    padded = (2 * size[1], 2 * size[0])  # Otherwise what leaves on one side comes in on the other.
    spectrum = np.fft.rfft2(edges, padded) * np.conj(np.fft.rfft2(visible, padded))
    surface = np.roll(np.fft.irfft2(spectrum, padded), (_MAX_SHIFT, _MAX_SHIFT), (0, 1))
    side = 2 * _MAX_SHIFT + 1
    return surface[:side, :side].astype(np.float32)


def find_shift(surfaces: Sequence[np.ndarray], size_hw: tuple[int, int]) -> Shift | None:
    """Find the shift that most pairs of a data set have in common.

    Edges of one pair agree by chance as well; over several pairs, only where they belong.

    Args:
        surfaces: Of each pair, from `correlate_edges`.
        size_hw: Rows and columns of the visible images.

    Returns:
        None where thermal images lie on the visible ones, up to 2 % of the width, or where that
        cannot be told.
    """
    if len(surfaces) < _MIN_PAIRS:
        return None
    mean = np.mean(surfaces, axis=0)
    prominence = (mean - mean.mean()) / max(float(mean.std()), 1e-9)
    row, column = np.unravel_index(prominence.argmax(), prominence.shape)
    down, right = int(row) - _MAX_SHIFT, int(column) - _MAX_SHIFT
    best, unmoved = float(prominence.max()), float(prominence[_MAX_SHIFT, _MAX_SHIFT])
    if max(abs(down), abs(right)) < _MIN_SHIFT:
        return None
    if best < _MIN_PROMINENCE or best < _MIN_STRONGER * unmoved:
        return None
    height, width = size_hw
    return Shift(right / _GRID_WIDTH, down * width / (_GRID_WIDTH * height))


def _is_grey(image_u8: np.ndarray) -> bool:
    red, green, blue = (np.ascontiguousarray(image_u8[..., k]) for k in range(3))
    spread = max(cv2.absdiff(red, green).max(), cv2.absdiff(green, blue).max())
    return bool(spread <= _MAX_SPREAD_OF_GREY)


def _find_edges(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Strength of the edges, of mean 0 and length 1, fading out towards the border."""
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    edges = np.hypot(cv2.Sobel(small, cv2.CV_32F, 1, 0), cv2.Sobel(small, cv2.CV_32F, 0, 1))
    # A single lamp or engine would decide alone.
    edges = np.minimum(edges, np.percentile(edges, 95))
    return _normalise(edges) * np.outer(np.hanning(size[1]), np.hanning(size[0]))


def _normalise(image: np.ndarray) -> np.ndarray:
    centred = image - image.mean()
    return centred / max(float(np.linalg.norm(centred)), 1e-6)
