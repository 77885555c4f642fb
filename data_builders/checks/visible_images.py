"""Visible images of cameras without colour, which do not go into the records as they are.

A colour image goes into the records as its file. A grey one is stored as a PNG of three equal
channels, without loss.
"""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from mdjax.io.images import decode_image, decode_visible
from mdjax.io.read_file import read_bytes


class VisibleImage(NamedTuple):
    """A visible image as the records have it."""

    visible_u8: UInt8[np.ndarray, "h w 3"]
    was_grey: bool
    """False where the file goes into the records as it is."""


def decode_visible_or_grey(data: bytes, name: str) -> VisibleImage:
    """Decode a visible image; one channel becomes three equal ones.

    Raises:
        MdjaxError: As `decode_visible`, but for images of one channel.
    """
    image = decode_image(data, name)
    if image.ndim == 2:
        return VisibleImage(np.repeat(image[..., None], 3, axis=2), was_grey=True)
    return VisibleImage(decode_visible(data, name), was_grey=False)


def read_visible_png(path: Path) -> Path | bytes:
    """The visible file for a record: itself, or the PNG that a grey one is converted to.

    Raises:
        MdjaxError: As `decode_visible_or_grey`, or the file cannot be read.
    """
    image = decode_visible_or_grey(read_bytes(path, path.name), path.name)
    if not image.was_grey:
        return path
    _, png = cv2.imencode(".png", image.visible_u8)
    return png.tobytes()
