"""Label maps of any kind as class ids: grey values, palettes, colours.

A file whose grey values of 8 bits are the class ids goes into the records as it is. Any other one
is converted without loss, and stored as a PNG of such grey values.
"""

import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

import cv2
import numpy as np
import PIL.Image
from jaxtyping import Bool, UInt8

from mdjax.io.images import decode_image, decode_labels
from mdjax.io.png import PngHeader, read_png_header
from mdjax.io.read_file import read_bytes
from mdjax.types import IGNORED_LABEL, MdjaxError, format_count

Rgb = tuple[int, int, int]

_NUM_SHOWN = 5
_OPAQUE = 255
_LINE = "a line NAME:RED,GREEN,BLUE"
_LABELMAP = f"labelmap.txt with {_LINE} for each class"


@dataclasses.dataclass(frozen=True)
class LabelRule:
    """What the pixels of label files mean."""

    ids_by_rgb: Mapping[Rgb, int] | None = None
    """Class ids by colour; None where the pixels' values are the class ids."""
    ignored_id: int = IGNORED_LABEL
    """This class id is not counted either: it becomes `IGNORED_LABEL`."""
    remedy: str = ""
    """What else can be done about a class id that is unknown, for messages."""


class LabelMap(NamedTuple):
    """A label file as class ids."""

    labels_u8: UInt8[np.ndarray, "h w"]
    conversion: str | None
    """How they are stored in the file; None where its grey values are these class ids."""


def decode_label_map(data: bytes, name: str, rule: LabelRule) -> LabelMap:
    """Decode a label PNG by a rule.

    Raises:
        MdjaxError: Truncated, damaged, of too many bits, transparent, or of values or colours that
            the rule does not explain.
    """
    header = read_png_header(data, name)
    if rule.ids_by_rgb is not None:
        rgb_u8 = _decode_rgb(data, header, name)
        labels_u8, is_known = _look_up_colours(rgb_u8, rule.ids_by_rgb)
        # Of Pascal VOC's own masks, the palette's indices are the ids, and 255 is not counted.
        is_explained = is_known.all() or (
            header.is_palette and np.array_equal(labels_u8, _read_indices(data, name))
        )
        if not is_explained:
            _refuse_colours(rgb_u8, is_known, name)
        conversion = "as colours, whose classes labelmap.txt states"
    elif header.is_palette:
        labels_u8 = _read_indices(data, name)
        conversion = "with a palette, whose indices are the class ids"
    elif header.bit_depth == 16 and header.num_channels == 1:
        labels_u8, conversion = _read_u16(data, name), "with 16 bits"
    elif header.bit_depth < 8:
        # Decoders stretch these values: of 2 bits, 0 to 3 become 0, 85, 170, 255.
        step = np.iinfo(np.uint8).max // (2**header.bit_depth - 1)
        grey_u8 = _take_equal_channels(_decode_rgb(data, header, name), name)
        labels_u8 = grey_u8 // np.uint8(step)
        conversion = f"with {format_count(header.bit_depth, 'bit')}"
    elif header.bit_depth == 8 and header.num_channels > 1:
        labels_u8 = _take_equal_channels(_decode_rgb(data, header, name), name)
        conversion = "as several equal channels"
    else:
        labels_u8, conversion = decode_labels(data, name), None
    if rule.ignored_id != IGNORED_LABEL and np.any(labels_u8 == rule.ignored_id):
        labels_u8 = np.where(labels_u8 == rule.ignored_id, np.uint8(IGNORED_LABEL), labels_u8)
        conversion = conversion or f"with {rule.ignored_id} for what is not counted"
    return LabelMap(labels_u8, conversion)


def read_label_png(path: Path, rule: LabelRule) -> Path | bytes:
    """The label file for a record: itself, or the PNG of class ids that it is converted to.

    Raises:
        MdjaxError: As `decode_label_map`, or the file cannot be read.
    """
    label_map = decode_label_map(read_bytes(path, path.name), path.name, rule)
    if label_map.conversion is None:
        return path
    _, png = cv2.imencode(".png", label_map.labels_u8)
    return png.tobytes()


def _read_indices(data: bytes, name: str) -> UInt8[np.ndarray, "h w"]:
    """The indices of an image with a palette; OpenCV would give its colours."""
    try:
        with PIL.Image.open(io.BytesIO(data)) as image:
            return np.array(image)
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
        raise MdjaxError(f"{name}: cannot be decoded as an image ({error}).") from error


def _decode_rgb(data: bytes, header: PngHeader, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an opaque image of any kind; grey ones have three equal channels."""
    image = decode_image(data, name, may_have_16_bits=True)
    if image.dtype != np.uint8:
        raise MdjaxError(f"{name}: has colours of 16 bits; save it with 8 bits per channel.")
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2)
    # Palettes often make their first colour transparent, which is the background.
    if image.shape[2] == 4 and not header.is_palette:
        share = np.mean(image[..., 3] != _OPAQUE)
        if share:
            raise MdjaxError(
                f"{name}: is transparent in {share:.2%} of its pixels; which class these have is "
                "unknown, save it without transparency."
            )
    return np.ascontiguousarray(image[..., 2::-1])


def _read_u16(data: bytes, name: str) -> UInt8[np.ndarray, "h w"]:
    values = decode_image(data, name, may_have_16_bits=True)
    if int(values.max()) > IGNORED_LABEL:
        raise MdjaxError(
            f"{name}: has values up to {int(values.max())}; class ids end at {IGNORED_LABEL}, "
            "save a grey image of 8 bits whose values are the class ids."
        )
    return values.astype(np.uint8)


def _take_equal_channels(rgb_u8: UInt8[np.ndarray, "h w 3"], name: str) -> UInt8[np.ndarray, "h w"]:
    if np.any(rgb_u8[..., :1] != rgb_u8[..., 1:]):
        raise MdjaxError(
            f"{name}: has colours ({_describe_colours(_encode_colours(rgb_u8))}); write what they "
            f"mean into {_LABELMAP}, or save grey images whose values are the class ids."
        )
    return np.ascontiguousarray(rgb_u8[..., 0])


def _look_up_colours(
    rgb_u8: UInt8[np.ndarray, "h w 3"], ids_by_rgb: Mapping[Rgb, int]
) -> tuple[UInt8[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Class ids of colours, 255 for those that are not listed; and which are."""
    codes = _encode_colours(rgb_u8)
    labels_u8 = np.full(codes.shape, IGNORED_LABEL, np.uint8)
    is_known = np.zeros(codes.shape, bool)
    for (red, green, blue), class_id in ids_by_rgb.items():
        is_this = codes == (red << 16) + (green << 8) + blue
        labels_u8[is_this] = class_id
        is_known |= is_this
    return labels_u8, is_known


def _refuse_colours(
    rgb_u8: UInt8[np.ndarray, "h w 3"], is_known: Bool[np.ndarray, "h w"], name: str
) -> NoReturn:
    """Name the colours that are not listed, and what to do about them."""
    colours = _describe_colours(_encode_colours(rgb_u8)[~is_known])
    raise MdjaxError(
        f"{name}: {np.mean(~is_known):.2%} of its pixels have colours that labelmap.txt does not "
        f"list ({colours}); add {_LINE} for each, with the name void for what is not counted, or "
        "export the masks without smoothed edges. If the masks hold class ids, not colours, "
        "replace labelmap.txt by classes.txt, one class name per line."
    )


def _encode_colours(rgb_u8: np.ndarray) -> np.ndarray:
    """One number for each colour."""
    wide = rgb_u8.astype(np.int32)
    return (wide[..., 0] << 16) + (wide[..., 1] << 8) + wide[..., 2]


def _describe_colours(codes: np.ndarray) -> str:
    """The most frequent colours."""
    values, counts = np.unique(codes, return_counts=True)
    common = values[np.argsort(-counts, kind="stable")][:_NUM_SHOWN].tolist()
    shown = [f"{code >> 16},{code >> 8 & 255},{code & 255}" for code in common]
    return " ".join(shown) + ("..." if len(values) > _NUM_SHOWN else "")
