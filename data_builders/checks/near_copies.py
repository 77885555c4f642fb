"""Pairs of one split that look nearly like a pair of another, by a hash of what they show.

Neighbouring frames of a film are alike. Where they are in two splits, a network is scored on what
it was trained on.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Int16, UInt64

from data_builders.checks.annotations import RawPair

_GRID_HW = (8, 9)
# Of 128 bits of both images. Of MFNet and MSRS, different scenes differ by 28 or more; a pair that
# was shifted by 1 % of its width, with noise, by 8 in the median.
_MAX_DISTANCE = 12
# Of 64 bits where one of the images shows nothing, as in the dark; different scenes differ by 7.
_MAX_DISTANCE_OF_ONE = 4
# Between the brightest and the darkest cell: less may be noise alone.
_MIN_CONTRAST = 4
_ROWS_AT_ONCE = 256
_MAX_SHOWN = 3


class PairHash(NamedTuple):
    """What both images of a pair show; None for an image that shows nothing."""

    visible: int | None
    thermal: int | None


def compute_difference_hash(image: np.ndarray) -> int | None:
    """Compute 64 bits that nearly equal images have in common, but for a few.

    Each tells whether a cell of 8x9 is brighter than the one on its left.

    Returns:
        None where all cells are nearly equal.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    cells = cv2.resize(grey, _GRID_HW[::-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(cells.max() - cells.min()) < _MIN_CONTRAST:
        return None
    return int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes(), "big")


def warn_of_near_copies(
    pairs: Mapping[str, Sequence[RawPair]], hashes: Mapping[str, PairHash]
) -> list[str]:
    """Warn of pairs that are in one split, and nearly so in another.

    Args:
        pairs: By split.
        hashes: By name of the pair.
    """
    warnings: list[str] = []
    for (split, part), (other_split, others) in itertools.combinations(pairs.items(), 2):
        names = [pair.name for pair in others if pair.name in hashes]
        known_names = [pair.name for pair in part if pair.name in hashes]
        found = _find_nearest(
            _Hashes.gather([hashes[name] for name in names]),
            _Hashes.gather([hashes[name] for name in known_names]),
        )
        if not found:
            continue
        shown = ", ".join(
            f"{names[row]} ({known_names[column]})" for row, column in found[:_MAX_SHOWN]
        )
        warnings.append(
            f"{other_split}: {len(found)} of its {len(others)} pairs look equal or nearly equal to "
            f"one in {split}, such as {shown}; scores there will be too good, so keep the frames "
            "of one place and time in one split."
        )
    return warnings


class _Hashes(NamedTuple):
    """Hashes of both images, and which of them show something."""

    bits: UInt64[np.ndarray, "2 n"]
    is_known: Bool[np.ndarray, "2 n"]

    @classmethod
    def gather(cls, hashes: Sequence[PairHash]) -> "_Hashes":
        """Hashes of several pairs."""
        columns = [[pair[k] for pair in hashes] for k in range(2)]
        return cls(
            np.array([[bits or 0 for bits in column] for column in columns], np.uint64),
            np.array([[bits is not None for bits in column] for column in columns], bool),
        )


def _find_nearest(hashes: _Hashes, others: _Hashes) -> list[tuple[int, int]]:
    """Each pair that is nearly equal to one of the others, with the most similar of these."""
    found: list[tuple[int, int]] = []
    if not others.bits.size:
        return found
    for start in range(0, hashes.bits.shape[1], _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        excess = _measure_excess(_Hashes(hashes.bits[:, rows], hashes.is_known[:, rows]), others)
        columns = excess.argmin(1)
        is_near = excess[np.arange(len(columns)), columns] <= 0
        found += [(start + int(row), int(columns[row])) for row in np.flatnonzero(is_near)]
    return found


def _measure_excess(hashes: _Hashes, others: _Hashes) -> Int16[np.ndarray, "n m"]:
    """By how many bits two pairs differ more than nearly equal ones may."""
    visible, thermal = np.bitwise_count(hashes.bits[:, :, None] ^ others.bits[:, None, :])
    if hashes.is_known.all() and others.is_known.all():  # So it nearly always is.
        return (visible + thermal).astype(np.int16) - _MAX_DISTANCE
    visible_known, thermal_known = hashes.is_known[:, :, None] & others.is_known[:, None, :]
    limits = np.array([-1, _MAX_DISTANCE_OF_ONE, _MAX_DISTANCE], np.int16)
    distance = visible * visible_known + thermal * thermal_known
    return distance - limits[visible_known.astype(np.uint8) + thermal_known]
