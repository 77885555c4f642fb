"""Values of thermal images: their bits, and their distribution in the range of counts."""

import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt16

from mdjax.types import format_count

# More are a mistake: most pixels would be black or white.
_MAX_SHARE_OUTSIDE_RANGE = 0.5
# Hot lamps and cold sky may be meant to be cut off; more than this is worth a look.
_MAX_SHARE_CUT_OFF = 0.02
# An eighth of the grey levels. A range that is fixed for several cameras or seasons may be meant to
# be far wider than what one data set holds, so that fewer levels are no fault.
_MIN_GREY_LEVELS = 32
_NUM_GREY_LEVELS = 256
_COMMON_PERCENTILES = (0.5, 99.5)
# What cameras and tools write where nothing was measured, or more than the camera can measure.
_DEAD_COUNTS = (0, 65535)
# Of the range of the other counts. Nearer, they are its end: the coldest or hottest of a scene.
_MIN_GAP_OF_DEAD_COUNTS = 1 / 8

CountRange = tuple[int, int]
"""Counts of a 16-bit thermal image that map to black and white."""


@dataclasses.dataclass(frozen=True)
class ThermalValues:
    """Values of one thermal image."""

    name: str
    bits: int
    """8 or 16."""
    num_pixels: int
    num_dead: int
    """Of these, how many hold 0 or 65535 of 16 bits, far from all other counts: no measurement."""
    whole_range: CountRange | None
    """The least and the largest count of the others; None where there are none."""
    common_range: CountRange | None
    """Counts between which 99 % of the others lie."""
    num_outside_range: int
    """Of the others."""
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
    alive = _leave_out_dead(counts) if counts.dtype == np.uint16 else counts
    whole_range = (int(alive.min()), int(alive.max())) if alive.size else None
    common_range = whole_range
    if alive.size and (counts.dtype == np.uint16 or count_range is not None):
        common_range = _compute_common_range(alive)
    if count_range is not None:
        black, white = count_range
        num_outside = int(np.count_nonzero((alive < black) | (alive > white)))
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
        num_dead=counts.size - alive.size,
        whole_range=whole_range,
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
            f"{'' if takes_range else 'mdjax prepare rgbt-folder '}{_describe_proposal(of_16)}"
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
    ranges = [image.whole_range for image in images if image.whole_range is not None]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return [
        f"{share:.2%} of the thermal pixels lie outside the counts {count_range[0]}.."
        f"{count_range[1]} of --thermal-range-counts; the images hold counts from {low} to {high}; "
        f"give {_describe_proposal(images)}."
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
        proposal = _propose_range(images)
        remedy = "the images hold few different counts, so look at some of them"
        if proposal is not None and proposal[1] - proposal[0] < count_range[1] - count_range[0]:
            remedy = f"give {_describe_proposal(images)}"
        warnings.append(
            f"between {given} only {num_levels} of 256 grey levels are in use, which leaves almost "
            f"no contrast; {remedy}."
        )
    share = compute_share_outside_range(images)
    if share > _MAX_SHARE_CUT_OFF:
        warnings.append(
            f"{share:.2%} of the thermal pixels lie outside {given}, and are clipped to black or "
            f"white; give {_describe_proposal(images)}."
        )
    dead = sum(image.num_dead for image in images)
    if dead > _MAX_SHARE_CUT_OFF * sum(image.num_pixels for image in images):
        warnings.append(
            f"{describe_dead_pixels(images)}; they become black or white, so look at some of these "
            "images."
        )
    return warnings


def describe_dead_pixels(images: Sequence[ThermalValues]) -> str:
    """Describe the pixels without a measurement, see `ThermalValues`; empty where all have one."""
    num_dead = sum(image.num_dead for image in images)
    if not num_dead:
        return ""
    num_images = sum(image.num_dead > 0 for image in images)
    share = num_dead / sum(image.num_pixels for image in images)
    return (
        f"{share:.2%} of the thermal pixels, in {format_count(num_images, 'image')}, with counts "
        "of 0 or 65535 far from all others: no data, or saturated"
    )


def compute_share_outside_range(images: Sequence[ThermalValues]) -> float:
    """Compute the share of all thermal pixels that lie outside the range of counts."""
    num_pixels = sum(image.num_pixels - image.num_dead for image in images)
    return sum(image.num_outside_range for image in images) / max(num_pixels, 1)


def _propose_range(images: Sequence[ThermalValues]) -> CountRange | None:
    """Propose the range between which 99 % of the pixels of each image lie, without dead ones.

    Returns:
        None where nearly all pixels hold one count.
    """
    ranges = [image.common_range for image in images if image.common_range is not None]
    low = min((low for low, _ in ranges), default=0)
    high = max((high for _, high in ranges), default=0)
    return (low, high) if low < high else None


def _describe_proposal(images: Sequence[ThermalValues]) -> str:
    """The option for the range, and what it holds."""
    proposal = _propose_range(images)
    if proposal is None:
        return (
            "--thermal-range-counts MIN MAX (none can be proposed: nearly all pixels hold one "
            "count)"
        )
    dead = describe_dead_pixels(images)
    without = f", but for {dead}" if dead else ""
    return (
        f"--thermal-range-counts {proposal[0]} {proposal[1]} (which holds 99 % of each image"
        f"{without})"
    )


def _leave_out_dead(counts: UInt16[np.ndarray, "h w"]) -> UInt16[np.ndarray, " n"]:
    """The counts without 0 and 65535, each where it is far from all others."""
    is_dead_value = [bool(np.any(counts == value)) for value in _DEAD_COUNTS]
    if not any(is_dead_value):
        return counts.reshape(-1)
    others = counts[(counts != _DEAD_COUNTS[0]) & (counts != _DEAD_COUNTS[1])]
    if not others.size:
        return others
    low, high = _compute_common_range(others)
    gap = max((high - low) * _MIN_GAP_OF_DEAD_COUNTS, 1)
    is_kept = np.ones(counts.shape, bool)
    for value, distance in zip(_DEAD_COUNTS, (low, _DEAD_COUNTS[1] - high), strict=True):
        if distance > gap:
            is_kept &= counts != value
    return counts[is_kept]


def _compute_common_range(counts: np.ndarray) -> CountRange:
    low, high = np.percentile(counts, _COMMON_PERCENTILES)
    return math.floor(low), math.ceil(high)
