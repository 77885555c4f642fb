"""Thermal images of 8 or 16 bits as the sensor's counts."""

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16

from mdjax.data.decode import decode_thermal, read_png_header
from mdjax.types import MdjaxError

_PNG_START = b"\x89PNG"
_JPEG_START = b"\xff\xd8\xff"


def decode_thermal_counts(
    data: bytes, name: str
) -> UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]:
    """Decode a thermal image without changing its values; the array's type tells its bits.

    A 16-bit image is one channel. One of 8 bits may be several equal ones, see `decode_thermal`.

    Raises:
        MdjaxError: cut short, damaged, a colour image, or neither 8 nor 16 bits a channel.
    """
    if data.startswith(_PNG_START):
        may_have_16_bits = read_png_header(data, name).bit_depth == 16
    else:
        may_have_16_bits = not data.startswith(_JPEG_START)
    if not may_have_16_bits:
        return decode_thermal(data, name)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # An empty file, or a header that asks for a monstrous size.
        image = None
    if image is None or image.dtype != np.uint16:
        return decode_thermal(data, name)
    if image.ndim != 2:
        raise MdjaxError(
            f"{name}: a thermal image of 16 bits needs 1 channel, this one has {image.shape[2]}."
        )
    return image
