"""Encoded bytes to arrays, with one clear message for every way a file can be wrong.

Decoders differ in what they make of a file that was truncated: some refuse, some return the rows
they found. A PNG is therefore checked for completeness here before OpenCV sees it.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Shaped, UInt8, UInt16

from mdjax.io.flir import HOW_TO_EXTRACT, holds_flir_counts
from mdjax.io.opencv_log import QUIET_OPENCV
from mdjax.io.png import PngHeader, is_png, read_png_header
from mdjax.io.tiff import check_single_page
from mdjax.types import MdjaxError

ThermalImage = UInt8[np.ndarray, "hh ww"] | UInt16[np.ndarray, "hh ww"]
"""Grey levels, of which the type's largest value is white."""

_JPEG_SIGNATURE = b"\xff\xd8\xff"
_JPEG_START_OF_SCAN = b"\xff\xda"
_JPEG_END_OF_IMAGE = b"\xff\xd9"
# In JPEG, PNG and WebP. A TIFF's mark needs no check: OpenCV follows it always, as viewers do.
_EXIF_MARKS = (b"Exif", b"eXIf", b"EXIF")
# The largest value of an alpha channel of 8 bits.
_OPAQUE = 255


def decode_visible_thermal(
    data: bytes, name: str
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """Decode a four-channel PNG: RGB, and thermal as the fourth channel (MFNet's layout).

    Raises:
        MdjaxError: Truncated, damaged, not four channels, or not 8 bits per channel.
    """
    _check_visible_thermal_header(read_png_header(data, name), name)
    bgrt_u8 = _decode_with_opencv(data, name)
    # cvtColor drops the fourth channel while it swaps the others: one pass.
    return cv2.cvtColor(bgrt_u8, cv2.COLOR_BGRA2RGB), cv2.extractChannel(bgrt_u8, 3)


def check_fourth_channel(thermal_u8: UInt8[np.ndarray, "h w"], name: str) -> None:
    """Refuse a fourth channel that is no thermal image but transparency.

    Opaque images have one value everywhere, cut-out ones 0 and the largest value alone.

    Raises:
        MdjaxError: There is no thermal image in it.
    """
    low, high = int(thermal_u8.min()), int(thermal_u8.max())
    is_constant = low == high
    if not is_constant and (low, high) != (0, 255):
        return
    if is_constant or not np.any((thermal_u8 > low) & (thermal_u8 < high)):
        held = f"is {low} everywhere" if is_constant else "holds only 0 and 255"
        raise MdjaxError(
            f"{name}: its fourth channel {held}: transparency, or nothing, but no thermal image; "
            "save it without transparency, and give the thermal image as a file of its own (mdjax "
            "predict --thermal, or mdjax prepare rgbt-folder)."
        )


def decode_labels(data: bytes, name: str) -> UInt8[np.ndarray, "h w"]:
    """Decode a label PNG of one channel, whose grey values are class ids.

    Raises:
        MdjaxError: Truncated, damaged, or not one 8-bit channel of class ids.
    """
    _check_labels_header(read_png_header(data, name), name)
    return _decode_with_opencv(data, name)


def decode_visible(data: bytes, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """Decode a colour image (PNG, JPEG or what else OpenCV reads) as RGB.

    A fourth channel that is opaque everywhere says nothing, and is left out. A mark that asks for
    rotated display (EXIF) is not followed, see `check_orientation`.

    Raises:
        MdjaxError: Truncated, damaged, not three channels, or not 8 bits per channel.
    """
    image = decode_image(data, name)
    num_channels = 1 if image.ndim == 2 else image.shape[2]
    if num_channels == 4 and np.all(image[..., 3] == _OPAQUE):
        return cv2.cvtColor(image, cv2.COLOR_BGRA2RGB)
    if num_channels != 3:
        remedy = "save it without transparency"
        if num_channels == 1:
            remedy = "give the colour image (a camera without colour: three equal channels)"
        raise MdjaxError(
            f"{name}: a visible image needs 3 channels (RGB), this one has {num_channels}; "
            f"{remedy}."
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def decode_thermal(
    data: bytes, name: str, range_counts: Sequence[float] | None = None
) -> ThermalImage:
    """Decode a thermal image: one channel, or several equal ones as many tools store it.

    Args:
        data: The file's bytes.
        name: File or record, for messages.
        range_counts: For images of 16 bits, and only for these: the counts that become 0 and
            65535, linear between and cut off beyond; fixed for a data set, so that equal counts
            stay equal in every image.

    Returns:
        8 bits for a file of 8 bits, 16 bits for one of 16: no precision is lost.

    Raises:
        MdjaxError: Truncated, damaged, a colour image, 16 bits without a range or 8 bits with one.
    """
    image = decode_image(data, name, may_have_16_bits=range_counts is not None)
    if range_counts is not None:
        image = stretch_counts(image, name, range_counts)
    return take_grey(image, name, data)


def stretch_counts(
    image: np.ndarray, name: str, range_counts: Sequence[float]
) -> UInt16[np.ndarray, "..."]:
    """Turn a camera's counts of 16 bits into grey levels, see `decode_thermal`.

    Raises:
        MdjaxError: The image has 8 bits.
    """
    low, high = range_counts
    if image.dtype != np.uint16:
        raise MdjaxError(
            f"{name}: has 8 bits, where 16 bits of counts from {low:g} (black) to {high:g} "
            "(white) are expected; give the camera's counts."
        )
    scaled = (image.astype(np.float64) - low) * (65535 / (high - low))
    return np.round(np.clip(scaled, 0, 65535)).astype(np.uint16)


def scale_to_unit(image: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Turn grey levels of 8 or 16 bits into float32 in [0, 1]."""
    return image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max)


def convert_to_u8(image: ThermalImage) -> UInt8[np.ndarray, "hh ww"]:
    """Bring grey levels to 8 bits, for pictures."""
    return np.round(255 * scale_to_unit(image)).astype(np.uint8)


def decode_image(data: bytes, name: str, *, may_have_16_bits: bool = False) -> np.ndarray:
    """Decode a whole image file to [h w] or [h w c] in OpenCV's channel order, values unchanged.

    Raises:
        MdjaxError: Truncated, damaged, several images in one file, or of another depth than 8 bits
            (or 16, where they may be).
    """
    if is_png(data):
        read_png_header(data, name)
    check_single_page(data, name)
    # The end marker cannot occur inside a JPEG's scan, where every FF is followed by 00.
    is_jpeg = data.startswith(_JPEG_SIGNATURE)
    if is_jpeg and data.find(_JPEG_END_OF_IMAGE, data.rfind(_JPEG_START_OF_SCAN)) < 0:
        raise MdjaxError(f"{name}: JPEG is truncated ({len(data)} bytes); get it again.")
    image = _decode_with_opencv(data, name)
    if image.dtype.kind == "f":
        raise MdjaxError(
            f"{name}: holds fractions ({image.dtype}), such as temperatures; save them as counts "
            "of 16 bits (such as 100 times the kelvins) or as 8 bits, by one rule for all images."
        )
    if image.dtype != np.uint8 and not (may_have_16_bits and image.dtype == np.uint16):
        raise MdjaxError(
            f"{name}: has {image.dtype.itemsize * 8} bits per channel ({image.dtype}); convert it "
            "to 8 bits, with one range for all images."
        )
    return image


def take_grey(image: np.ndarray, name: str, data: bytes = b"") -> ThermalImage:
    """Return a grey image's one channel, or the first of its equal ones.

    Args:
        image: [h w] or [h w c].
        name: File, for the message.
        data: Its bytes, which may tell what to do about colours.

    Raises:
        MdjaxError: A colour image.
    """
    if image.ndim == 2:
        return image
    # A JPEG of a grey image may come back a grey level apart in its channels.
    spread = cv2.absdiff(image[..., 0], image[..., 1]).max(initial=0)
    spread = max(spread, cv2.absdiff(image[..., 1], image[..., 2]).max(initial=0))
    if spread > 8:
        raise MdjaxError(
            f"{name}: a thermal image is grey (one channel, or equal ones), this one has colours; "
            f"{_describe_grey_export(data)} If it is a photograph, the cameras are mixed up."
        )
    return np.ascontiguousarray(image[..., 0])


def _describe_grey_export(data: bytes) -> str:
    """What to do about false colours, which cannot be turned back into temperatures."""
    if holds_flir_counts(data):
        return (
            "it is a radiometric JPEG, so extract the counts of 16 bits that are hidden in it: "
            f"{HOW_TO_EXTRACT}."
        )
    return (
        'export it without a colour map: as counts of 16 bits, or in grey ("white hot") with one '
        "range for all images."
    )


def check_orientation(data: bytes, name: str) -> None:
    """Refuse an image that viewers show rotated or mirrored, because a mark in its EXIF says so.

    Boxes drawn in such a viewer would lie elsewhere in the pixels as they are stored.

    Args:
        data: Bytes of an image that can be decoded.
        name: File or record, for the message.

    Raises:
        MdjaxError: The image as stored differs from the image as marked.
    """
    # Images without EXIF data, which are most, are not decoded again.
    if not any(mark in data for mark in _EXIF_MARKS):
        return
    stored = _decode_with_opencv(data, name, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    shown = _decode_with_opencv(data, name, cv2.IMREAD_COLOR)
    if not np.array_equal(stored, shown):
        raise MdjaxError(
            f"{name}: its EXIF orientation makes viewers rotate or mirror it, but its pixels are "
            "read as they are stored; rotate the pixels themselves (exiftran -a, or ImageMagick's "
            "-auto-orient), and check whether boxes fit."
        )


def _check_visible_thermal_header(header: PngHeader, name: str) -> None:
    """Refuse a PNG that is not RGB + thermal of 8 bits each."""
    if header.num_channels != 4 or header.bit_depth != 8:
        raise MdjaxError(
            f"{name}: needs 4 channels of 8 bits (RGB + thermal), has {header.num_channels} of "
            f"{header.bit_depth} bits; take the original file."
        )


def _check_labels_header(header: PngHeader, name: str) -> None:
    """Refuse a PNG that is not one 8-bit channel of class ids."""
    if header.is_palette:
        raise MdjaxError(
            f"{name}: labels are stored with a palette; save them as 8-bit grey whose values are "
            "the class ids."
        )
    if header.num_channels != 1 or header.bit_depth != 8:
        raise MdjaxError(
            f"{name}: labels need 1 channel of 8 bits, this file has {header.num_channels} of "
            f"{header.bit_depth} bits; save a grey image whose values are the class ids (what the "
            "colours mean may stand in a file such as labelmap.txt)."
        )


def check_pair_sizes(visible_hw: tuple[int, int], thermal_hw: tuple[int, int], name: str) -> None:
    """Refuse a thermal image that does not show the same field of view as the visible one.

    The thermal image may have its own lower resolution; its aspect must be the visible one's up to
    the rounding of one pixel.

    Raises:
        MdjaxError: The thermal image is of another aspect, or larger.
    """
    (height, width), (thermal_height, thermal_width) = visible_hw, thermal_hw
    sizes = f"visible {width}x{height}, thermal {thermal_width}x{thermal_height}"
    # |tw/w - th/h| w <= 1: scaled to the same width, the heights agree within one thermal pixel.
    # The aspect comes first: scaled down, a larger image of another aspect would be refused again.
    if abs(thermal_width * height - thermal_height * width) > max(height, width):
        if abs(thermal_height * height - thermal_width * width) <= max(height, width):
            raise MdjaxError(
                f"{name}: one of both images lies on its side ({sizes}); turn it by 90 degrees."
            )
        # The largest part of the thermal image that has the visible one's aspect.
        part_height = min(thermal_height, round(thermal_width * height / width))
        part_width = min(thermal_width, round(part_height * width / height))
        scale = ", and scale it down to the visible one's size" if part_width > width else ""
        raise MdjaxError(
            f"{name}: visible and thermal have different aspects ({sizes}), so they cannot show "
            "the same field of view; say which part both show (--visible-crop, or `mdjax align` "
            "and --homography), or cut it out of each. If the visible image shows less, cut the "
            f"thermal one to its {part_width}x{part_height} pixels{scale}."
        )
    if thermal_height > height or thermal_width > width:
        raise MdjaxError(
            f"{name}: the thermal image is larger than the visible one ({sizes}); scale it down to "
            f"{width}x{height} or less."
        )


def _decode_with_opencv(data: bytes, name: str, mode: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    try:
        with QUIET_OPENCV:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
    except cv2.error:  # An empty file, or a header that asks for a monstrous size.
        image = None
    if image is None:
        raise MdjaxError(f"{name}: cannot be decoded as an image; get it again.")
    return image


def decode_thermal_counts(
    data: bytes, name: str
) -> UInt8[np.ndarray, "h w"] | UInt16[np.ndarray, "h w"]:
    """Decode a thermal image without changing its values; the array's type tells its bits.

    A 16-bit image is one channel. One of 8 bits may be several equal ones, see `decode_thermal`.

    Raises:
        MdjaxError: Truncated, damaged, a colour image, or neither 8 nor 16 bits per channel.
    """
    image = decode_image(data, name, may_have_16_bits=True)
    if image.dtype == np.uint8:
        return take_grey(image, name, data)
    if image.ndim != 2:
        raise MdjaxError(
            f"{name}: a thermal image of 16 bits needs 1 channel, this one has {image.shape[2]}; "
            "save one of them alone, where they are equal."
        )
    return image
