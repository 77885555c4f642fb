"""The header of a PNG file, and whether the file is whole."""

import dataclasses
import struct
import zlib

from mdjax.types import MdjaxError

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# PNG specification, section 11.2.2: channels by colour type.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_PALETTE = 3


@dataclasses.dataclass(frozen=True)
class PngHeader:
    """What the first chunk of a PNG says about it."""

    width: int
    height: int
    bit_depth: int
    num_channels: int
    is_palette: bool
    is_interlaced: bool


def is_png(data: bytes) -> bool:
    """Whether a file begins as every PNG does."""
    return data.startswith(_PNG_SIGNATURE)


def read_png_header(data: bytes, name: str, *, is_thorough: bool = False) -> PngHeader:
    """Read the header of a PNG after checking that the file is whole.

    Every chunk must be there with its right checksum, up to the end chunk.

    Args:
        data: The file's bytes.
        name: File or record, for the message.
        is_thorough: Also unpack the pixels (as slow as decoding) and count them, which catches
            files whose writer stopped early but closed the file well.

    Raises:
        MdjaxError: No PNG, truncated, or damaged.
    """
    if not is_png(data):
        raise MdjaxError(f"{name}: is not a PNG file; convert it or get it again.")
    header: PngHeader | None = None
    packed_parts: list[bytes] = []
    position, kind = len(_PNG_SIGNATURE), b""
    while kind != b"IEND":
        body_start = position + 8
        body_end = body_start + int.from_bytes(data[position : position + 4], "big")
        if body_end + 4 > len(data):
            raise MdjaxError(f"{name}: PNG is truncated ({len(data)} bytes); get it again.")
        kind = data[position + 4 : body_start]
        checksum = int.from_bytes(data[body_end : body_end + 4], "big")
        if zlib.crc32(memoryview(data)[position + 4 : body_end]) != checksum:
            raise MdjaxError(f"{name}: PNG is damaged (checksum differs); get it again.")
        if kind == b"IHDR":
            header = _parse_png_header(data[body_start:body_end], name)
        elif kind == b"IDAT" and is_thorough:
            packed_parts.append(data[body_start:body_end])
        position = body_end + 4
    if header is None:
        raise MdjaxError(f"{name}: PNG has no header; get it again.")
    if is_thorough:
        _check_png_pixels(b"".join(packed_parts), header, name)
    return header


def _parse_png_header(body: bytes, name: str) -> PngHeader:
    if len(body) != 13:
        raise MdjaxError(f"{name}: PNG header is damaged; get it again.")
    width, height, bit_depth, colour_type, _, _, interlace = struct.unpack(">IIBBBBB", body)
    if colour_type not in _PNG_CHANNELS or width == 0 or height == 0:
        raise MdjaxError(f"{name}: PNG header is damaged; get it again.")
    return PngHeader(
        width=width,
        height=height,
        bit_depth=bit_depth,
        num_channels=_PNG_CHANNELS[colour_type],
        is_palette=colour_type == _PNG_PALETTE,
        is_interlaced=interlace != 0,
    )


def _check_png_pixels(packed: bytes, header: PngHeader, name: str) -> None:
    """Unpack the pixels and count them: one filter byte and the samples of each row."""
    unpacker = zlib.decompressobj()
    try:
        num_bytes = len(unpacker.decompress(packed))
    except zlib.error as error:
        raise MdjaxError(f"{name}: PNG is damaged ({error}); get it again.") from error
    row_bytes = 1 + (header.width * header.num_channels * header.bit_depth + 7) // 8
    # Interlacing stores seven smaller images: their row count differs, so only the end is checked.
    is_short = not header.is_interlaced and num_bytes < row_bytes * header.height
    if is_short or not unpacker.eof:
        raise MdjaxError(f"{name}: PNG holds fewer pixels than it says; get it again.")
