"""Radiometric JPEG files of FLIR's cameras: a picture, and hidden in it what the sensor counted."""

_START_OF_IMAGE = b"\xff\xd8"
_APP1 = 0xE1
_START_OF_SCAN = 0xDA
_FLIR_MARK = b"FLIR\0"

HOW_TO_EXTRACT = (
    "exiftool -b -RawThermalImage FILE.jpg > FILE.tiff (if it says PNG, the two bytes of each "
    "count are usually swapped)"
)
"""How a person gets these counts, as 16-bit images."""


def holds_flir_counts(data: bytes) -> bool:
    """Tell whether a file is a JPEG with a segment of FLIR, which holds the counts of its sensor.

    Nothing but the headers of its segments is read, up to the picture.
    """
    if not data.startswith(_START_OF_IMAGE):
        return False
    position = len(_START_OF_IMAGE)
    while position + 4 <= len(data) and data[position] == 0xFF:
        kind = data[position + 1]
        if kind == _START_OF_SCAN:
            return False
        if kind == _APP1 and data.startswith(_FLIR_MARK, position + 4):
            return True
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False
