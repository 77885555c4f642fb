"""The boxes of a pair, brought into its images: clipped, cut to a part, in pixels."""

import dataclasses

from data_builders.checks.annotations import (
    MIN_INSIDE,
    AnnotatedObject,
    BoxXyxy,
    RawPair,
    Role,
    clip_box,
    scale_box,
)
from mdjax.types import MdjaxError

# Less is the rounding of the file's numbers, not a box that sticks out.
_MIN_OVERHANG_PX = 0.01
# One pixel, but for that rounding.
_MIN_AREA_PX = 0.99

SizeHw = tuple[int, int]


@dataclasses.dataclass
class FittedBoxes:
    """The boxes of one pair, and what is wrong with them."""

    problems: list[str] = dataclasses.field(default_factory=list)
    objects: list[AnnotatedObject] = dataclasses.field(default_factory=list)
    """Boxes that are kept, in pixels and clipped; of use only where there is no problem."""
    num_clipped: int = 0
    max_overhang_px: float = 0.0
    num_small: int = 0
    num_out_of_view: int = 0
    """Boxes of which `RawPair.view` shows nothing: they are dropped."""
    num_mostly_out_of_view: int = 0
    """Boxes of which it shows less than half: they become ignored regions."""
    repeated: list[str] = dataclasses.field(default_factory=list)
    """A line as in `problems` for each box that is there before."""


def fit_boxes(pair: RawPair, visible_hw: SizeHw | None, thermal_hw: SizeHw | None) -> FittedBoxes:
    """Clip the boxes of each image whose size is known, and report those that do not fit.

    Args:
        pair: With its boxes.
        visible_hw: Rows and columns of the visible image; None where it cannot be read.
        thermal_hw: The same of the thermal image.
    """
    fitted = FittedBoxes()
    seen: set[tuple[object, ...]] = set()
    for item in pair.objects or ():
        if item.role is Role.DROPPED:
            continue
        key = (item.box_xyxy, item.label, item.role, item.thermal_box_xyxy_px)
        if key in seen:
            fitted.repeated.append(f"{item.where}: is a duplicate of an earlier box; remove it.")
        seen.add(key)
        box, thermal_box = item.box_xyxy, item.thermal_box_xyxy_px
        if visible_hw:
            box = scale_box(box, visible_hw) if pair.has_relative_boxes else box
            box = _fit_box(box, visible_hw, item.where, fitted)
        if thermal_hw and thermal_box:
            where = f"{item.where} (thermal)"
            thermal_box = _fit_box(thermal_box, thermal_hw, where, fitted)
        item = item._replace(box_xyxy=box, thermal_box_xyxy_px=thermal_box)
        if pair.view is not None:
            _move_into_view(item, pair.view.part_xyxy_px, fitted)
        else:
            fitted.objects.append(item)
    return fitted


def _move_into_view(item: AnnotatedObject, part_xyxy_px: BoxXyxy, fitted: FittedBoxes) -> None:
    """Keep what the part shows of a box, in the part's own pixels.

    Of an object at its edge, less than half is no better than a box that is drawn wrongly: it is
    neither to be found nor a mistake when found.
    """
    left, top, right, bottom = item.box_xyxy
    part_left, part_top, part_right, part_bottom = part_xyxy_px
    inside = (
        max(left, part_left) - part_left,
        max(top, part_top) - part_top,
        min(right, part_right) - part_left,
        min(bottom, part_bottom) - part_top,
    )
    if inside[2] <= inside[0] or inside[3] <= inside[1]:
        fitted.num_out_of_view += 1
        return
    area = (right - left) * (bottom - top)
    item = item._replace(box_xyxy=inside)
    if (inside[2] - inside[0]) * (inside[3] - inside[1]) < MIN_INSIDE * area:
        fitted.num_mostly_out_of_view += item.role is Role.POSITIVE
        item = item._replace(role=Role.IGNORED)
    fitted.objects.append(item)


def _fit_box(box: BoxXyxy, size_hw: SizeHw, where: str, fitted: FittedBoxes) -> BoxXyxy:
    """The box inside its image; one that does not fit is reported and stays as it is."""
    try:
        clipped = clip_box(box, size_hw, where)
    except MdjaxError as error:
        fitted.problems.append(str(error))
        return box
    left, top, right, bottom = clipped.box_xyxy_px
    fitted.num_small += (right - left) * (bottom - top) < _MIN_AREA_PX
    if clipped.overhang_px > _MIN_OVERHANG_PX:
        fitted.num_clipped += 1
        fitted.max_overhang_px = max(fitted.max_overhang_px, clipped.overhang_px)
    return clipped.box_xyxy_px
