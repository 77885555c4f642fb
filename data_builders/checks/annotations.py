"""Annotated boxes and pairs as every layout yields them, and the rule for boxes at the edge."""

import dataclasses
import enum
import math
from pathlib import Path
from typing import NamedTuple

from data_builders.checks.label_maps import LabelRule
from mdjax.align.common_view import CommonView
from mdjax.types import MdjaxError

MIN_INSIDE = 0.499
"""Share of a box's area inside its image, half of it but for rounding.

Less is a mistake, not a box at the edge: each of KAIST's improved boxes is inside by 81 % or more.
"""

BoxXyxy = tuple[float, float, float, float]
"""Left, top, right, bottom edges; continuous, the image begins at 0."""


class Role(enum.Enum):
    """What becomes of an annotated box."""

    POSITIVE = "positive"
    """To be found."""
    IGNORED = "ignored"
    """Neither to be found nor a mistake when found."""
    DROPPED = "dropped"
    """As if it were not annotated."""


class AnnotatedObject(NamedTuple):
    """One annotated box."""

    box_xyxy: BoxXyxy
    """In pixels of the visible image, or as fractions of its size (`RawPair`)."""
    label: str
    """As the annotation calls it."""
    class_id: int
    role: Role
    where: str
    """File and line or number, for messages."""
    occlusion: int = 0
    """0 none or unknown, 1 partial, 2 heavy."""
    thermal_box_xyxy_px: BoxXyxy | None = None
    """The same object in the thermal image, where both images are annotated."""


@dataclasses.dataclass(frozen=True)
class RawPair:
    """The files of one image pair and its boxes."""

    name: str
    visible: Path
    """The visible image; or a four-channel PNG, RGB and thermal."""
    thermal: Path | None
    """The thermal image; None where it is the fourth channel of `visible`."""
    is_night: bool
    objects: tuple[AnnotatedObject, ...] | None = None
    """None where the data set has no boxes."""
    labels: Path | None = None
    """Label PNG, None where the data set has no label maps."""
    label_rule: LabelRule | None = None
    """What its pixels mean; None where their grey values must be the class ids."""
    has_relative_boxes: bool = False
    """Boxes are fractions of the image's size, not pixels."""
    stated_hw: tuple[int, int] | None = None
    """Rows and columns of the visible image as the annotation file states them."""
    visible_may_be_grey: bool = False
    """The camera has no colour: one channel becomes three equal ones."""
    view: CommonView | None = None
    """What is cut out of both images and of the label map; None where they are kept as they are."""
    mirrors: str | None = None
    """Name of the pair whose mirror image this one is."""


@dataclasses.dataclass(frozen=True)
class ClassNames:
    """Names by class id."""

    objects: tuple[str, ...] = ()
    """Of boxes, without background; empty where there are no boxes."""
    labels: tuple[str, ...] = ()
    """Of label maps; empty where there are none."""


class ClippedBox(NamedTuple):
    """A box inside its image."""

    box_xyxy_px: BoxXyxy
    overhang_px: float
    """How far the farthest edge lay outside."""


def clip_box(box_xyxy_px: BoxXyxy, size_hw: tuple[int, int], where: str) -> ClippedBox:
    """Cut off what sticks out of the image.

    Raises:
        MdjaxError: A coordinate is not a number, the box has no area, or less than half of its area
            lies inside the image.
    """
    left, top, right, bottom = box_xyxy_px
    height, width = size_hw
    text = f"box from ({left:g}, {top:g}) to ({right:g}, {bottom:g})"
    if not all(map(math.isfinite, box_xyxy_px)):
        raise MdjaxError(
            f"{where}: {text} has a coordinate that is not a finite number; correct it, or "
            "remove it."
        )
    if right <= left or bottom <= top:
        raise MdjaxError(
            f"{where}: {text} has a width of {right - left:g} and a height of {bottom - top:g} "
            "pixels; both need to be positive, correct it or remove it."
        )
    clipped = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
        raise MdjaxError(
            f"{where}: {text} lies outside its image of {width}x{height} pixels; correct it, or "
            "remove it."
        )
    width_share = (clipped[2] - clipped[0]) / (right - left)
    height_share = (clipped[3] - clipped[1]) / (bottom - top)
    if width_share * height_share < MIN_INSIDE:
        raise MdjaxError(
            f"{where}: {text} has {width_share * height_share:.1%} of its area inside its image of "
            f"{width}x{height} pixels, half is needed; correct it, or remove it."
        )
    return ClippedBox(clipped, max(0.0, -left, -top, right - width, bottom - height))


def scale_box(box_xyxy: BoxXyxy, size_hw: tuple[int, int]) -> BoxXyxy:
    """Turn fractions of the image's size into pixels."""
    left, top, right, bottom = box_xyxy
    height, width = size_hw
    return (left * width, top * height, right * width, bottom * height)
