"""Values that are valid in the format, but cannot be intended; no single file reveals them."""

from collections.abc import Mapping, Sequence

import numpy as np

from data_builders.checks.annotations import RawPair, Role
from data_builders.checks.pair_files import PairReport
from data_builders.checks.registration import find_shift
from mdjax.io.findings import Problem, name_first
from mdjax.io.flir import HOW_TO_EXTRACT
from mdjax.types import format_count

# Objects of the wider camera alone; most objects are where both look.
_MAX_SHARE_LOST = 0.5

BoxCounts = Mapping[str, Mapping[str, Mapping[Role, int]]]
"""Number of boxes by split, label and role."""

SplitPairs = Mapping[str, Sequence[RawPair]]


def find_shares_for_pixels(pairs: SplitPairs) -> list[str]:
    """Find splits whose boxes should be in pixels, but all lie inside the first pixel."""
    problems: list[str] = []
    for split, part in pairs.items():
        boxes = [
            item.box_xyxy
            for pair in part
            if not pair.has_relative_boxes
            for item in pair.objects or ()
        ]
        if boxes and max(map(max, boxes)) <= 1:
            problems.append(
                f"split {split!r}: its {len(boxes)} boxes end at 1 or before, so they are "
                "fractions of the image's size, not pixels; multiply them by its width and height."
            )
    return problems


def find_copies(pairs: SplitPairs, reports: Mapping[str, PairReport]) -> list[str]:
    """Find images of one split that are also in another split, under another name."""
    problems: list[str] = []
    first: dict[bytes, tuple[str, str]] = {}
    for split, part in pairs.items():
        for pair in part:
            pixels_hash = reports[pair.name].pixels_hash
            if pixels_hash is None:
                continue
            other_split, other = first.setdefault(pixels_hash, (split, pair.name))
            if other_split != split and other != pair.name:  # One name twice is a fault already.
                text = (
                    f"{pair.name} in {split}, {other} in {other_split}: are the same visible "
                    "image; remove one of them."
                )
                problems.append(Problem(text, pair.name))
    return problems


def find_binary_masks(pairs: SplitPairs, reports: Mapping[str, PairReport]) -> list[str]:
    """Find data sets whose masks hold only 0 and 255: their objects would not count."""
    total, num_uncounted = _sum_classes([pair for part in pairs.values() for pair in part], reports)
    if len(total) < 2 or total[1:].any() or not total[0] or not num_uncounted:
        return []
    remedy = "write the class id instead of 255, which for the second class is 1"
    if any(pair.label_rule is not None for part in pairs.values() for pair in part):
        remedy += (
            ", or write what the values mean into labelmap.txt: two lines NAME:0,0,0 and "
            "NAME:255,255,255, with the names of classes.txt"
        )
    return [
        "all label maps hold only 0 and 255, and 255 is not counted, so that nothing is left to be "
        f"found; {remedy}."
    ]


def warn_of_empty_splits(
    pairs: SplitPairs,
    reports: Mapping[str, PairReport],
    box_counts: BoxCounts,
    *,
    num_object_classes: int,
) -> list[str]:
    """Warn of splits without objects, in which nothing can be learned or scored."""
    warnings: list[str] = []
    for split, part in pairs.items():
        has_positives = any(counts[Role.POSITIVE] for counts in box_counts[split].values())
        if num_object_classes and not has_positives:
            warnings.append(f"{split}: there is no positive box; nothing can be scored there.")
        total, num_uncounted = _sum_classes(part, reports)
        if num_uncounted and not total.any():
            warnings.append(
                f"{split}: every pixel is 255, not counted; nothing can be scored there."
            )
        elif len(total) > 1 and not total[1:].any():
            warnings.append(f"{split}: the label maps hold no class but the first, 0.")
    return warnings


def warn_of_lost_boxes(reports: Mapping[str, PairReport]) -> list[str]:
    """Warn where most boxes lie outside of what both cameras see, as by a wrong homography."""
    num_out = sum(report.boxes.num_out_of_view for report in reports.values())
    num_all = num_out + sum(len(report.boxes.objects) for report in reports.values())
    if num_out <= _MAX_SHARE_LOST * num_all:
        return []
    return [
        f"{num_out} of {format_count(num_all, 'box', 'boxes')} lie outside of what both cameras "
        "see and are dropped; look at some pairs: --visible-crop or --homography may be of "
        "another rig, or its matrix the wrong way round (it maps thermal to visible)."
    ]


def warn_of_small_boxes(reports: Mapping[str, PairReport]) -> list[str]:
    """Warn of boxes that are too small to have been drawn."""
    names = [name for name, report in reports.items() if report.boxes.num_small]
    count = sum(reports[name].boxes.num_small for name in names)
    if not count:
        return []
    return [
        f"{format_count(count, 'box', 'boxes')} of less than one pixel, such as in "
        f"{names[0]}; check the unit of their numbers."
    ]


def warn_of_hidden_counts(reports: Mapping[str, PairReport]) -> list[str]:
    """Warn of thermal images whose files hold more than the picture that is read."""
    names = [name for name, report in reports.items() if report.is_radiometric_jpeg]
    if not names:
        return []
    return [
        f"{format_count(len(names), 'radiometric JPEG file')} ({name_first(names)}): what is read "
        "is the picture in it, whose brightness the camera may have chosen for each alone; to "
        f"train on the counts of 16 bits that are hidden in them, extract these: {HOW_TO_EXTRACT}."
    ]


def warn_of_blank_images(reports: Mapping[str, PairReport]) -> list[str]:
    """Warn of images whose pixels all have one value; at night they are dark, but hardly so."""
    warnings: list[str] = []
    for camera, names in (
        ("visible", [name for name, report in reports.items() if report.has_blank_visible]),
        ("thermal", [name for name, report in reports.items() if report.has_blank_thermal]),
    ):
        if names:
            are = "is" if len(names) == 1 else "are"
            warnings.append(
                f"{format_count(len(names), f'{camera} image')} of {len(reports):,} {are} of one "
                f"value everywhere ({name_first(names)}), as of a camera that is covered or off; "
                "remove these pairs, or give their images again."
            )
    return warnings


def warn_of_shift(reports: Mapping[str, PairReport]) -> list[str]:
    """Warn of thermal images that are shifted relative to the visible ones, by their edges."""
    measured = [(report.visible_hw, report.edges) for report in reports.values() if report.edges]
    if not measured:
        return []
    ((height, width), _), *_ = measured
    shift = find_shift([edges for _, edges in measured], (height, width))
    if shift is None:
        return []
    across, along = round(shift.right * width), round(shift.down * height)
    parts = [
        f"{abs(pixels)} pixels {direction}"
        for pixels, direction in (
            (across, "to the right" if across > 0 else "to the left"),
            (along, "down" if along > 0 else "up"),
        )
        if pixels
    ]
    return [
        f"the thermal images seem to be shifted by about {' and '.join(parts)} relative to the "
        f"visible ones of {width}x{height}, by their edges; both images of a pair need the same "
        "field of view, so look at some pairs; `mdjax align` finds how the cameras lie to each "
        "other, and --homography applies it."
    ]


def _sum_classes(
    pairs: Sequence[RawPair], reports: Mapping[str, PairReport]
) -> tuple[np.ndarray, int]:
    """Pixels of each class, and those that are not counted."""
    counted = [reports[pair.name].class_pixels for pair in pairs]
    num_uncounted = sum(reports[pair.name].num_uncounted_pixels for pair in pairs)
    return np.sum(counted, axis=0, dtype=np.int64).reshape(-1), num_uncounted
