"""Both images of a pair, decoded from files or videos or given in memory, and cut to one view."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from mdjax.align.common_view import CommonView
from mdjax.io.images import ThermalImage, check_pair_sizes, convert_to_u8, stretch_counts
from mdjax.tasks.detection_scores import ImageDetections


class PairNames(NamedTuple):
    """What messages call the two images of a pair: their files, or what else they are."""

    visible: str
    thermal: str

    @property
    def both(self) -> str:
        """What messages call the pair."""
        return ", ".join(dict.fromkeys(self))


class Cut(NamedTuple):
    """The part of a visible image that is predicted."""

    corner_xy_px: tuple[int, int]
    """Its left and top edge."""
    image_size_hw: tuple[int, int]
    """Rows and columns of the whole image."""
    note: str


class DecodedPair(NamedTuple):
    """Both images of a pair, each at the size it was stored with or was cut to."""

    visible_u8: UInt8[np.ndarray, "h w 3"]
    """What is predicted is drawn over it; where there is no visible image, the thermal one."""
    thermal: ThermalImage | None
    has_visible: bool = True
    cut: Cut | None = None
    """Where `visible_u8` lies in its image; None where it is the whole image."""


def combine_images(
    visible_u8: UInt8[np.ndarray, "h w 3"] | None,
    thermal: ThermalImage | None,
    names: PairNames,
    *,
    thermal_range_counts: Sequence[float] | None = None,
    view: CommonView | None = None,
) -> DecodedPair:
    """Make a pair of decoded images, as it was made for training; one of them may be None.

    Args:
        visible_u8: RGB.
        thermal: Grey levels; or counts of 16 bits, if there is a range for them.
        names: For messages.
        thermal_range_counts: The counts that map to black and white.
        view: What is cut out of both images, as `mdjax prepare rgbt-folder` does.

    Raises:
        MdjaxError: The two do not show the same field of view, the view is not for images of this
            size, or the thermal image has 8 bits although there is a range of counts.
    """
    if thermal is not None:
        # Warped before counts are cut off at the ends of the range, as for training.
        if view is not None:
            thermal = view.warp_thermal(thermal, names.thermal)
        if thermal_range_counts is not None:
            thermal = stretch_counts(thermal, names.thermal, thermal_range_counts)
    if visible_u8 is None:
        assert thermal is not None
        return _stand_in_for_visible(thermal, view)
    cut = None
    if view is not None:
        height, width = visible_u8.shape[:2]
        note = f"the visible image was {view.describe()}"
        cut = Cut(view.part_xyxy_px[:2], (height, width), note)
        visible_u8 = view.cut_visible(visible_u8, names.visible)
    if thermal is not None:
        check_pair_sizes(visible_u8.shape[:2], thermal.shape, names.both)
    return DecodedPair(visible_u8, thermal, cut=cut)


def place_in_image(found: Any, cut: Cut | None) -> Any:
    """Let boxes that were found in a part count in pixels of the whole visible image.

    Args:
        found: What `Task.fit_to_image` returns. Class ids stay those of the part.
        cut: Where the part lies; None where it is the whole image.
    """
    if cut is None or not isinstance(found, ImageDetections):
        return found
    corners = np.array(cut.corner_xy_px * 2, found.boxes_xyxy_px.dtype)
    return replace(found, boxes_xyxy_px=found.boxes_xyxy_px + corners)


def _stand_in_for_visible(thermal: ThermalImage, view: CommonView | None) -> DecodedPair:
    grey_u8 = np.repeat(convert_to_u8(thermal)[..., None], 3, axis=-1)
    if view is None or view.homography is None:
        return DecodedPair(grey_u8, thermal, has_visible=False)
    # What is found counts in pixels of the visible camera, though its image is missing.
    width, height = view.homography.visible_size_wh_px
    note = f"the visible image would be {view.describe()}"
    grey_u8 = cv2.resize(grey_u8, view.size_hw[::-1], interpolation=cv2.INTER_LINEAR)
    cut = Cut(view.part_xyxy_px[:2], (height, width), note)
    return DecodedPair(grey_u8, thermal, has_visible=False, cut=cut)
