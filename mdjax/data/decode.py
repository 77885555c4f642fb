"""Records to arrays at the working size."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8, UInt16

from mdjax.data.geometry import resize_image
from mdjax.data.source import RecordSource
from mdjax.data.truth import SizeHw, TruthReader, get_name
from mdjax.io.images import ThermalImage, decode_thermal, decode_visible, decode_visible_thermal


class Sample(NamedTuple):
    """A decoded record at the working size."""

    visible_u8: UInt8[np.ndarray, "h w 3"]
    thermal: UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]
    """Of as many bits as its file, see `ThermalImage`."""
    truth: Any
    is_night: bool
    image_size_hw: SizeHw

    @property
    def num_bytes(self) -> int:
        """Memory that both images and a label map of their size take."""
        num_pixels = self.thermal.size
        return self.visible_u8.nbytes + self.thermal.nbytes + num_pixels


class DecodedSource:
    """The records of a split, decoded and resized, as many as fit kept in memory.

    Decoding a 640x480 PNG takes longer than all that follows.
    """

    def __init__(
        self,
        source: RecordSource,
        truth_reader: TruthReader,
        size_hw: SizeHw,
        *,
        cache_megabytes: int,
    ):
        self._source = source
        self._truth_reader = truth_reader
        self._size_hw = size_hw
        self._num_bytes_left = cache_megabytes * 2**20
        self._kept: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> Sample:
        sample = self._kept.get(index)
        if sample is None:
            sample = decode_sample(self._source[index], self._truth_reader, self._size_hw)
            # Without a lock two threads may decode a record both: they keep equal samples.
            if sample.num_bytes <= self._num_bytes_left:
                self._num_bytes_left -= sample.num_bytes
                self._kept[index] = sample
        return sample


def decode_sample(record: Mapping[str, Any], truth_reader: TruthReader, size_hw: SizeHw) -> Sample:
    """Decode one record and resize it to the working size.

    Raises:
        MdjaxError: An image of the record is damaged; the message names the record.
    """
    visible_u8, thermal = decode_pair(record, f"record {get_name(record)}")
    image_size_hw = (visible_u8.shape[0], visible_u8.shape[1])
    return Sample(
        visible_u8=resize_image(visible_u8, size_hw),
        thermal=resize_image(thermal, size_hw),
        truth=truth_reader.decode(record, image_size_hw, size_hw),
        is_night=bool(record["is_night"]),
        image_size_hw=image_size_hw,
    )


def decode_pair(
    record: Mapping[str, Any], name: str
) -> tuple[UInt8[np.ndarray, "h w 3"], ThermalImage]:
    """Decode the images of a record, however it stores them.

    Args:
        record: With `visible_thermal`, or with `visible` and `thermal`; a thermal image of 16 bits
            needs `thermal_range_counts`, see `decode_thermal`.
        name: For messages.

    Raises:
        MdjaxError: One of the images is damaged or of the wrong kind.
    """
    if "visible_thermal" in record:
        return decode_visible_thermal(record["visible_thermal"], name)
    visible_u8 = decode_visible(record["visible"], f"visible image of {name}")
    thermal = decode_thermal(
        record["thermal"], f"thermal image of {name}", record.get("thermal_range_counts")
    )
    return visible_u8, thermal
