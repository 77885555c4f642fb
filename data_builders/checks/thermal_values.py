"""Values of thermal images: their bits, and their distribution in the range of counts."""

import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np

# More are a mistake: most pixels would be black or white.
_MAX_SHARE_OUTSIDE_RANGE = 0.5
# Hot lamps and cold sky may be meant to be cut off; more than this is worth a look.
_MAX_SHARE_CUT_OFF = 0.02
# An eighth of the grey levels. A range that is fixed for several cameras or seasons may be meant to
# be far wider than what one data set holds, so that fewer levels are no fault.
_MIN_GREY_LEVELS = 32
_NUM_GREY_LEVELS = 256
_COMMON_PERCENTILES = (0.5, 99.5)

CountRange = tuple[int, int]
"""Counts of a 16-bit thermal image that map to black and white."""


@dataclasses.dataclass(frozen=True)
class ThermalValues:
    """Values of one thermal image."""

    name: str
    bits: int
    """8 or 16."""
    num_pixels: int
    min_count: int
    max_count: int
    common_range: CountRange
    """Counts between which 99 % of the pixels lie."""
    num_outside_range: int
    grey_levels: frozenset[int]
    """Of 256 from black to white, those in use."""


def measure_thermal(counts: np.ndarray, name: str, count_range: CountRange | None) -> ThermalValues:
    """Measure a decoded thermal image.

    Args:
        counts: Grey levels of 8 bits or counts of 16 bits.
        name: File, for messages.
        count_range: Range that is given for the data set; None for 8 bits.
    """
    num_outside = 0
    low, high = int(counts.min()), int(counts.max())
    common_range = (low, high)
    if counts.dtype == np.uint16 or count_range is not None:
        common_low, common_high = np.percentile(counts, _COMMON_PERCENTILES)
        common_range = (math.floor(common_low), math.ceil(common_high))
    if count_range is not None:
        black, white = count_range
        num_outside = int(np.count_nonzero((counts < black) | (counts > white)))
        scale = np.float32((_NUM_GREY_LEVELS - 1) / (white - black))
        clipped = np.clip(counts.astype(np.float32), black, white)
        levels_u8 = np.rint((clipped - black) * scale).astype(np.uint8)
    else:  # Counts of 16 bits are a fault without a range: how they would be spread is unknown.
        levels_u8 = counts if counts.dtype == np.uint8 else np.zeros((1, 1), np.uint8)
    used = cv2.calcHist([levels_u8], [0], None, [_NUM_GREY_LEVELS], [0, _NUM_GREY_LEVELS])
    return ThermalValues(
        name=name,
        bits=counts.dtype.itemsize * 8,
        num_pixels=counts.size,
        min_count=low,
        max_count=high,
        common_range=common_range,
        num_outside_range=num_outside,
        grey_levels=frozenset(np.flatnonzero(used).tolist()),
    )


def find_depth_faults(
    images: Sequence[ThermalValues], count_range: CountRange | None, *, takes_range: bool
) -> list[str]:
    """Find 16-bit images without a range, 8-bit images with one, or both depths.

    Args:
        images: Of the whole data set.
        count_range: As given; None if there is none.
        takes_range: Whether the command that prepares them has an option for the range.
    """
    of_8 = [image for image in images if image.bits == 8]
    of_16 = [image for image in images if image.bits == 16]
    give_range = ""
    if of_16:
        give_range = (
            f"{'' if takes_range else 'mdjax prepare rgbt-folder '}{_propose_range(of_16)} (which "
            "holds 99 % of each image)"
        )
    if of_8 and of_16:
        # A range says that 16 bits are wanted; without one, the depth of most images is.
        few, many = (of_8, of_16) if count_range else sorted((of_8, of_16), key=len)
        to_16 = (
            "" if count_range else f" and give the counts that map to black and white: {give_range}"
        )
        to_8 = " and omit --thermal-range-counts" if count_range else ""
        return [
            f"{image.name}: has {few[0].bits} bits, but {len(many)} other thermal images have "
            f"{many[0].bits}; a data set needs one kind: remove the pairs of one kind, or "
            f"convert all to 8 bits{to_8}, or export all with 16 bits{to_16}."
            for image in few
        ]
    if of_16 and count_range is None:
        how = "give" if takes_range else "prepare these images as a folder of your own with"
        return [
            f"{image.name}: has 16 bits; convert it to 8 bits, or {how} the counts that map to "
            f"black and white: {give_range}."
            for image in of_16
        ]
    if of_8 and count_range is not None:
        return [
            f"{image.name}: has 8 bits; omit --thermal-range-counts, which is for 16 bits, or "
            "give files of 16 bits."
            for image in of_8
        ]
    return []


def find_range_faults(images: Sequence[ThermalValues], count_range: CountRange | None) -> list[str]:
    """Find a range that excludes most pixels, which would all be black or white."""
    share = compute_share_outside_range(images)
    if count_range is None or share <= _MAX_SHARE_OUTSIDE_RANGE:
        return []
    low, high = min(x.min_count for x in images), max(x.max_count for x in images)
    return [
        f"{share:.2%} of the thermal pixels lie outside the counts {count_range[0]}.."
        f"{count_range[1]} of --thermal-range-counts; the images hold counts from {low} to {high}, "
        f"{_suggest_range(images)}."
    ]


def warn_of_range(images: Sequence[ThermalValues], count_range: CountRange | None) -> list[str]:
    """Warn of thermal images that lose contrast, because the range is too wide or too narrow."""
    warnings: list[str] = []
    num_levels = len(frozenset[int]().union(*(image.grey_levels for image in images)))
    if count_range is None:
        if num_levels < _MIN_GREY_LEVELS:
            warnings.append(
                f"the thermal images use only {num_levels} of 256 grey levels; export them with "
                "more contrast, if the camera saw more."
            )
        return warnings
    given = f"the counts {count_range[0]}..{count_range[1]} of --thermal-range-counts"
    if num_levels < _MIN_GREY_LEVELS:
        warnings.append(
            f"between {given} only {num_levels} of 256 grey levels are in use, which leaves almost "
            f"no contrast; {_suggest_range(images)}."
        )
    share = compute_share_outside_range(images)
    if share > _MAX_SHARE_CUT_OFF:
        warnings.append(
            f"{share:.2%} of the thermal pixels lie outside {given}, and are clipped to black or "
            f"white; {_suggest_range(images)}."
        )
    return warnings


def compute_share_outside_range(images: Sequence[ThermalValues]) -> float:
    """Compute the share of all thermal pixels that lie outside the range of counts."""
    num_pixels = sum(image.num_pixels for image in images)
    return sum(image.num_outside_range for image in images) / max(num_pixels, 1)


def _suggest_range(images: Sequence[ThermalValues]) -> str:
    return f"{_propose_range(images)} holds 99 % of each image"


def _propose_range(images: Sequence[ThermalValues]) -> str:
    """The option for the range between which 99 % of the pixels of each image lie."""
    low = min(image.common_range[0] for image in images)
    high = max(image.common_range[1] for image in images)
    return f"--thermal-range-counts {low} {max(high, low + 1)}"
