"""Thermal images of 8 or 16 bits as the sensor's counts."""

import numpy as np
from jaxtyping import UInt8, UInt16

from mdjax.data.decode import decode_image, take_grey
from mdjax.types import MdjaxError


def decode_thermal_counts(
    data: bytes, name: str
) -> UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]:
    """Decode a thermal image without changing its values; the array's type tells its bits.

    A 16-bit image is one channel. One of 8 bits may be several equal ones, see `decode_thermal`.

    Raises:
        MdjaxError: cut short, damaged, a colour image, or neither 8 nor 16 bits a channel.
    """
    image = decode_image(data, name, may_have_16_bits=True)
    if image.dtype == np.uint8:
        return take_grey(image, name)
    if image.ndim != 2:
        raise MdjaxError(
            f"{name}: a thermal image of 16 bits needs 1 channel, this one has {image.shape[2]}; "
            "save one of them alone, where they are equal."
        )
    return image
