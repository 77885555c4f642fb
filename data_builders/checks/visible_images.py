"""Visible images that do not go into the records as they are: grey ones, and parts of larger ones.

A file that needs nothing of this goes into the records as it is. Any other one is converted without
loss, and stored as a PNG of three channels.
"""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from mdjax.io.images import decode_image, decode_visible
from mdjax.io.read_file import read_bytes
from mdjax.types import MdjaxError


class Crop(NamedTuple):
    """The part of an image that is used."""

    box_xyxy_px: tuple[int, int, int, int]
    """Left, top, right, bottom edges, counted from 0."""
    image_hw: tuple[int, int]
    """Rows and columns that the whole image must have."""


@dataclasses.dataclass(frozen=True)
class VisibleRule:
    """What becomes of visible images."""

    may_be_grey: bool = False
    """The camera has no colour: one channel becomes three equal ones."""
    crop: Crop | None = None
    """None where the whole image is used."""


class VisibleImage(NamedTuple):
    """A visible image as the records have it."""

    visible_u8: UInt8[np.ndarray, "h w 3"]
    conversion: str | None
    """How the file differs; None where it goes into the records as it is."""


def decode_visible_image(data: bytes, name: str, rule: VisibleRule) -> VisibleImage:
    """Decode a visible image by a rule.

    Raises:
        MdjaxError: As `decode_visible`, or the image is not as large as the crop says.
    """
    conversions: list[str] = []
    image = decode_image(data, name) if rule.may_be_grey else None
    if image is not None and image.ndim == 2:
        visible_u8 = np.repeat(image[..., None], 3, axis=2)
        conversions.append("in grey")
    else:
        visible_u8 = decode_visible(data, name)
    if rule.crop is not None:
        height, width = rule.crop.image_hw
        if visible_u8.shape[:2] != (height, width):
            raise MdjaxError(
                f"{name}: is {visible_u8.shape[1]}x{visible_u8.shape[0]}, but its annotations are "
                f"for {width}x{height} pixels; give the image that was annotated."
            )
        left, top, right, bottom = rule.crop.box_xyxy_px
        visible_u8 = np.ascontiguousarray(visible_u8[top:bottom, left:right])
        conversions.append("with more than the thermal image shows")
    return VisibleImage(visible_u8, " and ".join(conversions) or None)


def read_visible_png(path: Path, rule: VisibleRule) -> Path | bytes:
    """The visible file for a record: itself, or the PNG that it is converted to.

    Raises:
        MdjaxError: As `decode_visible_image`, or the file cannot be read.
    """
    image = decode_visible_image(read_bytes(path, path.name), path.name, rule)
    if image.conversion is None:
        return path
    _, png = cv2.imencode(".png", cv2.cvtColor(image.visible_u8, cv2.COLOR_RGB2BGR))
    return png.tobytes()
