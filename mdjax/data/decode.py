"""Records to arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mdjax.io.images import decode_thermal, decode_visible, decode_visible_thermal


def decode_pair(
    record: Mapping[str, Any], name: str
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "hh ww"]]:
    """Decode the images of a record, however it stores them.

    Args:
        record: with `visible_thermal`, or with `visible` and `thermal`; a thermal image of 16 bits
            needs `thermal_range_counts`, see `decode_thermal`.
        name: for messages.

    Raises:
        MdjaxError: one of the images is damaged or of the wrong kind.
    """
    if "visible_thermal" in record:
        return decode_visible_thermal(record["visible_thermal"], name)
    visible_u8 = decode_visible(record["visible"], f"visible image of {name}")
    thermal_u8 = decode_thermal(
        record["thermal"], f"thermal image of {name}", record.get("thermal_range_counts")
    )
    return visible_u8, thermal_u8
