"""Radiometric JPEG files are told from others by their segments alone."""

import cv2
import numpy as np
import pytest

from mdjax.io.flir import holds_flir_counts
from mdjax.io.images import decode_thermal, decode_thermal_counts
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import encode_jpg, make_image_u8


def _make_segment(body: bytes) -> bytes:
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


def _insert(jpeg: bytes, *segments: bytes) -> bytes:
    """Segments right behind the start of the image, as cameras write them."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


FLIR = _make_segment(b"FLIR\0\1\0\0FFF\0" + bytes(50))
EXIF = _make_segment(b"Exif\0\0" + b"the word FLIR\0 in a comment")


def make_radiometric_jpg(image: np.ndarray) -> bytes:
    return _insert(encode_jpg(image), EXIF, FLIR)


def test_files_with_a_segment_of_flir_are_recognised() -> None:
    jpeg = encode_jpg(make_image_u8(1, channels=1))
    assert holds_flir_counts(_insert(jpeg, FLIR))
    assert holds_flir_counts(make_radiometric_jpg(make_image_u8(1)))


def test_other_files_are_not() -> None:
    jpeg = encode_jpg(make_image_u8(1, channels=1))
    for data in (jpeg, _insert(jpeg, EXIF), encode_png(make_image_u8(1)), b"", b"\xff\xd8\xff"):
        assert not holds_flir_counts(data)
    assert not holds_flir_counts(jpeg + FLIR)  # Behind the picture it is no part of the file.
    assert not holds_flir_counts(_insert(jpeg, FLIR)[:6])


def test_false_colours_are_refused_with_what_to_export_instead() -> None:
    coloured = cv2.applyColorMap(make_image_u8(1, (48, 64), channels=1), cv2.COLORMAP_JET)
    with pytest.raises(MdjaxError, match=r"has colours; export it without a colour map.*white hot"):
        decode_thermal(encode_jpg(coloured), "a.jpg")
    for decode in (decode_thermal, decode_thermal_counts):
        with pytest.raises(MdjaxError, match=r"has colours; .*exiftool -b -RawThermalImage FILE"):
            decode(make_radiometric_jpg(coloured), "a.jpg")


def test_grey_radiometric_picture_is_read() -> None:
    thermal_u8 = make_image_u8(1, (48, 64), channels=1)
    decoded = decode_thermal_counts(make_radiometric_jpg(thermal_u8), "a.jpg")
    np.testing.assert_array_equal(decoded, decode_thermal(encode_jpg(thermal_u8), "a.jpg"))
