"""The pages of a TIFF file, of which decoders read the first alone."""

import struct
from collections.abc import Iterator

from mdjax.types import MdjaxError

_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG_TIFF = 43
# TIFF 6.0, section 8, and its old form: bits or values that tell what a page is.
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE = 254, 255
_REDUCED_BIT, _MASK_BIT = 1, 4
_OLD_REDUCED = 2
_SHORT = 3


def check_single_page(data: bytes, name: str) -> None:
    """Refuse a TIFF of several images; smaller copies of the first and masks of it are none.

    Args:
        data: Bytes of a file of any format. One that is damaged is left to its decoder.
        name: File or record, for the message.

    Raises:
        MdjaxError: It is a TIFF of several images.
    """
    if not data.startswith(_SIGNATURES):
        return
    # The first page is the image, whatever it says of itself.
    num_images = 1 + sum([*_list_whether_image(data)][1:])
    if num_images > 1:
        raise MdjaxError(
            f"{name}: holds {num_images} images (pages), of which only the first would be read; "
            "save each as a file of its own."
        )


def _list_whether_image(data: bytes) -> Iterator[bool]:
    """Of each page, whether it is an image of its own."""
    order = "<" if data.startswith(b"II") else ">"
    is_big = struct.unpack_from(f"{order}H", data, 2)[0] == _BIG_TIFF
    # A directory: the number of its entries, entries of tag, type, number and value, the next one.
    count, entry, offset = ("Q", "HHQ8s", "Q") if is_big else ("H", "HHI4s", "I")
    count, entry, offset = (struct.Struct(f"{order}{form}") for form in (count, entry, offset))
    short, long = struct.Struct(f"{order}H"), struct.Struct(f"{order}I")
    seen: set[int] = set()
    try:
        (position,) = offset.unpack_from(data, 8 if is_big else 4)
        while position and position not in seen:
            seen.add(position)
            (num_entries,) = count.unpack_from(data, position)
            end = position + count.size + num_entries * entry.size
            (following,) = offset.unpack_from(data, end)
            directory = memoryview(data)[position + count.size : end]
            yield not any(
                _tells_copy(tag, (short if kind == _SHORT else long).unpack_from(value)[0])
                for tag, kind, _, value in entry.iter_unpack(directory)
            )
            position = following
    except struct.error:  # The chain leaves the file.
        return


def _tells_copy(tag: int, value: int) -> bool:
    if tag == _SUBFILE_TYPE:
        return bool(value & (_REDUCED_BIT | _MASK_BIT))
    return tag == _OLD_SUBFILE_TYPE and value == _OLD_REDUCED
