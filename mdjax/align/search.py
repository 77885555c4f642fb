"""A rough alignment from nothing: every width and rotation is tried, and all shifts at once."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
import scipy.fft
from jaxtyping import Float32

from mdjax.align.edges import Edges, compute_edges
from mdjax.align.units import Matrix, SizeHw, list_corners, make_to_pixels, map_points

_Grey = Float32[np.ndarray, "_ _"]

_GRID_WIDTH = 80
# How wide the thermal image is, in widths of the visible one: from a narrow lens to a wide one.
_WIDTHS = tuple(0.36 * 1.065**k for k in range(25))
_ROTATIONS_DEGREES = (-6.0, -3.0, 0.0, 3.0, 6.0)
# Of the smaller image; less is no alignment of two cameras that are meant to see the same.
_MIN_OVERLAP = 0.5
_NUM_PEAKS = 3
# In cells of the grid: what is nearer is the same peak.
_PEAK_RADIUS = 4


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A rough alignment, and how good it is."""

    thermal_to_visible: Matrix
    """In the coordinates of `units`."""
    score: float
    """Correlation of the edges, times the root of the number of cells where both images are."""


def search_alignments(
    visible: Sequence[_Grey],
    thermal: Sequence[_Grey],
    num_candidates: int,
    groups: Sequence[slice] = (slice(None),),
) -> list[list[Candidate]]:
    """Find the alignments that bring most edges of the pairs together, best first.

    Args:
        visible: Grey visible images, all of one size.
        thermal: Their grey thermal images, all of one size.
        num_candidates: How many at most; they differ clearly.
        groups: Pairs that are aligned together.

    Returns:
        Candidates of each group.
    """
    grid = _Grid(visible, groups)
    thermal_hw = _get_size(thermal[0])
    found: list[list[Candidate]] = [[] for _ in groups]
    for aspect, width in itertools.product(_list_aspects(grid.aspect, thermal_hw), _WIDTHS):
        size_hw = (round(_GRID_WIDTH * width * aspect), round(_GRID_WIDTH * width))
        to_pixels = make_to_pixels(size_hw, thermal_hw[0] / thermal_hw[1])
        resized = [_resize(image, size_hw) for image in thermal]
        for degrees in _ROTATIONS_DEGREES:
            turn, mask = _make_turn(size_hw, degrees)
            turned = [
                cv2.warpAffine(image, turn[:2], mask.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
                for image in resized
            ]
            peaks = grid.find_peaks(turned, mask, turn @ to_pixels)
            for of_group, new in zip(found, peaks, strict=True):
                of_group += new
    for of_group in found:
        of_group.sort(key=lambda candidate: -candidate.score)
    return [_keep_distinct(of_group, thermal_hw, num_candidates) for of_group in found]


class _Grid:
    """The edges of small visible images, ready to be correlated with others at all shifts."""

    def __init__(self, visible: Sequence[_Grey], groups: Sequence[slice]):
        self.aspect = visible[0].shape[0] / visible[0].shape[1]
        self.size_hw = (round(_GRID_WIDTH * self.aspect), _GRID_WIDTH)
        self._to_unit = np.linalg.inv(make_to_pixels(self.size_hw, self.aspect))
        edges = [_centre(compute_edges(_resize(image, self.size_hw))) for image in visible]
        # Otherwise what leaves on one side comes in on the other.
        side = round((1 + 1.2 * _WIDTHS[-1]) * max(self.size_hw))
        side = int(scipy.fft.next_fast_len(side, real=True) or side)
        self._padded_hw = (side, side)
        self._spectra = [self._transform(part) for part in edges]
        self._members = [range(len(visible))[group] for group in groups]
        self._energies = [
            self._transform(np.sum(np.square(edges[group]), axis=(0, 1))) for group in groups
        ]
        self._area = self._transform(np.ones(self.size_hw, np.float32))

    def find_peaks(
        self, turned: Sequence[_Grey], mask: _Grey, to_pixels: Matrix
    ) -> list[list[Candidate]]:
        """Find the shifts at which most edges of thermal images lie on those of visible ones.

        Args:
            turned: Thermal images in cells of the grid.
            mask: 1 where they are.
            to_pixels: From thermal images to these cells.
        """
        common: list[np.ndarray] = []
        for image, spectrum in zip(turned, self._spectra, strict=True):
            edges = _centre(compute_edges(image)) * mask
            edges /= max(float(np.linalg.norm(edges)), 1e-6)
            common.append(np.sum(np.conj(self._transform(edges)) * spectrum, axis=0))
        of_mask = np.conj(self._transform(mask))
        overlap = np.maximum(self._restore(self._area * of_mask), 1e-3)
        is_small = overlap < _MIN_OVERLAP * min(mask.sum(), self.size_hw[0] * self.size_hw[1])
        found: list[list[Candidate]] = []
        for members, of_group in zip(self._members, self._energies, strict=True):
            energy = np.maximum(self._restore(of_group * of_mask), 1e-3)
            # Each thermal image has edges of length 1, of which a share lies in the overlap.
            lengths = np.sqrt(energy * len(members) * overlap / mask.sum())
            total = np.sum([common[k] for k in members], axis=0)
            score = self._restore(total) / lengths * np.sqrt(overlap)
            found.append(self._list_peaks(np.where(is_small, 0, score), to_pixels))
        return found

    def _list_peaks(self, score: np.ndarray, to_pixels: Matrix) -> list[Candidate]:
        """The highest peaks over all shifts."""
        peaks: list[Candidate] = []
        for _ in range(_NUM_PEAKS):
            row, column = map(int, np.unravel_index(int(score.argmax()), score.shape))
            value = float(score[row, column])
            down, right = (
                index - size if index >= length else index
                for index, size, length in zip(
                    (row, column), self._padded_hw, self.size_hw, strict=True
                )
            )
            shift = np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], np.float64)
            peaks.append(Candidate(self._to_unit @ shift @ to_pixels, value))
            near = np.arange(-_PEAK_RADIUS, _PEAK_RADIUS + 1)
            rows, columns = (row + near) % score.shape[0], (column + near) % score.shape[1]
            score[np.ix_(rows, columns)] = 0
        return peaks

    def _transform(self, image: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.fft.rfft2(image, self._padded_hw))

    def _restore(self, spectrum: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.fft.irfft2(spectrum, self._padded_hw))


def _get_size(image: np.ndarray) -> SizeHw:
    return image.shape[0], image.shape[1]


def _list_aspects(visible_aspect: float, thermal_hw: SizeHw) -> list[float]:
    """Rows over columns of thermal images: of square pixels, and stretched to the visible ones."""
    own = thermal_hw[0] / thermal_hw[1]
    return [own] if abs(own / visible_aspect - 1) < 0.03 else [own, visible_aspect]


def _resize(image: _Grey, size_hw: SizeHw) -> _Grey:
    smooth = cv2.INTER_AREA if size_hw[1] < image.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(image, size_hw[::-1], interpolation=smooth)


def _make_turn(size_hw: SizeHw, degrees: float) -> tuple[Matrix, _Grey]:
    """The rotation into the box around the turned image, and what of the box the image covers."""
    height, width = size_hw
    sine, cosine = math.sin(math.radians(abs(degrees))), math.cos(math.radians(degrees))
    box_wh = (math.ceil(width * cosine + height * sine), math.ceil(width * sine + height * cosine))
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1)
    turn[:, 2] += ((box_wh[0] - width) / 2, (box_wh[1] - height) / 2)
    mask = cv2.warpAffine(np.ones(size_hw, np.float32), turn, box_wh, flags=cv2.INTER_NEAREST)
    return np.vstack([turn, [0, 0, 1]]), mask


def _centre(edges: Edges) -> Edges:
    return edges - edges.mean(axis=(1, 2), keepdims=True)


def _keep_distinct(
    candidates: Sequence[Candidate], thermal_hw: SizeHw, num_candidates: int
) -> list[Candidate]:
    """The best ones, of which no two put all corners of thermal images at the same places."""
    corners = list_corners(thermal_hw)
    kept: list[Candidate] = []
    places: list[np.ndarray] = []
    for candidate in candidates:
        place = map_points(candidate.thermal_to_visible, corners)
        if all(np.abs(place - other).max() * _GRID_WIDTH > _PEAK_RADIUS for other in places):
            kept.append(candidate)
            places.append(place)
        if len(kept) == num_candidates:
            break
    return kept
