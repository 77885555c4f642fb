import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from mdjax.io.images import (
    check_orientation,
    check_pair_sizes,
    decode_labels,
    decode_thermal,
    decode_visible,
    decode_visible_thermal,
)
from mdjax.io.png import read_png_header
from mdjax.types import MdjaxError
from tests.data.factories import encode_png, make_pair_u8

SIZE_HW = (12, 16)
BGRT_U8, LABELS_U8 = make_pair_u8(0, SIZE_HW)
PAIR_PNG, LABELS_PNG = encode_png(BGRT_U8), encode_png(LABELS_U8)


def _make_chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + checksum


def _make_png(width: int, height: int, colour_type: int, packed: bytes) -> bytes:
    """An 8-bit PNG with well-formed chunks, whatever `packed` holds."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, colour_type, 0, 0, 0])
    chunks = {b"IHDR": header, b"IDAT": packed, b"IEND": b""}
    parts = [_make_chunk(kind, body) for kind, body in chunks.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_pair_decodes_to_rgb_and_thermal():
    visible_u8, thermal_u8 = decode_visible_thermal(PAIR_PNG, "a.png")
    np.testing.assert_array_equal(visible_u8, BGRT_U8[..., [2, 1, 0]])
    np.testing.assert_array_equal(thermal_u8, BGRT_U8[..., 3])


def test_labels_decode_unchanged():
    np.testing.assert_array_equal(decode_labels(LABELS_PNG, "a.png"), LABELS_U8)


@hypothesis.given(length=st.integers(0, len(PAIR_PNG) - 1))
def test_pair_cut_anywhere_is_refused(length):
    with pytest.raises(MdjaxError, match=r"^00001D\.png: "):
        decode_visible_thermal(PAIR_PNG[:length], "00001D.png")


@hypothesis.given(position=st.integers(0, len(LABELS_PNG) - 1), bit=st.integers(0, 7))
def test_one_flipped_bit_is_refused(position, bit):
    damaged = bytearray(LABELS_PNG)
    damaged[position] ^= 1 << bit
    with pytest.raises(MdjaxError, match=r"^00001D\.png: "):
        decode_labels(bytes(damaged), "00001D.png")


def test_png_whose_writer_stopped_early_is_found_by_the_thorough_check():
    rows = np.zeros((4, 1 + 6), np.uint8).tobytes()
    whole = _make_png(6, 4, 0, zlib.compress(rows))
    short = _make_png(6, 4, 0, zlib.compress(rows[:-7]))
    cut = _make_png(6, 4, 0, zlib.compress(rows)[:-5])
    assert read_png_header(whole, "a.png", is_thorough=True).num_channels == 1
    for data in (short, cut):
        assert read_png_header(data, "a.png").width == 6
        with pytest.raises(MdjaxError, match="fewer pixels"):
            read_png_header(data, "a.png", is_thorough=True)
    with pytest.raises(MdjaxError, match="damaged"):
        read_png_header(_make_png(6, 4, 0, b"no zlib"), "a.png", is_thorough=True)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (BGRT_U8[..., :3], "3 of 8 bits"),
        (LABELS_U8, "1 of 8 bits"),
        (BGRT_U8.astype(np.uint16) * 257, "4 of 16 bits"),
    ],
)
def test_pair_of_other_channels_or_depth_is_refused(image, found):
    with pytest.raises(MdjaxError, match=f"a.png: needs 4 channels.*has {found}"):
        decode_visible_thermal(encode_png(image), "a.png")


@pytest.mark.parametrize("image", [BGRT_U8, BGRT_U8[..., :3], LABELS_U8.astype(np.uint16)])
def test_labels_of_other_channels_or_depth_are_refused(image):
    with pytest.raises(MdjaxError, match=r"a\.png: labels need 1 channel of 8 bits"):
        decode_labels(encode_png(image), "a.png")


def test_labels_with_a_palette_are_refused():
    data = _make_png(6, 4, 3, zlib.compress(bytes(28)))
    with pytest.raises(MdjaxError, match="palette"):
        decode_labels(data, "a.png")


@pytest.mark.parametrize("data", [b"", b"hello", b"\x89PNG\r\n\x1a\n", PAIR_PNG[8:]])
def test_what_is_no_image_is_refused(data):
    for decode in (decode_visible_thermal, decode_labels, decode_visible, decode_thermal):
        with pytest.raises(MdjaxError, match=r"^a\.png: "):
            decode(data, "a.png")


def test_visible_decodes_from_jpeg_and_refuses_a_cut_one():
    grey = np.full((40, 48, 3), 128, np.uint8)
    data = cv2.imencode(".jpg", grey)[1].tobytes()
    visible_u8 = decode_visible(data, "a.jpg")
    assert np.abs(visible_u8.astype(int) - 128).max() <= 2
    with pytest.raises(MdjaxError, match="JPEG is truncated"):
        decode_visible(data[:-20], "a.jpg")


def test_visible_swaps_channels_to_rgb_and_refuses_grey():
    image = BGRT_U8[..., :3]
    np.testing.assert_array_equal(decode_visible(encode_png(image), "a"), image[..., ::-1])
    with pytest.raises(MdjaxError, match=r"needs 3 channels.* has 1; give the colour image \("):
        decode_visible(encode_png(LABELS_U8), "a.png")
    with pytest.raises(MdjaxError, match=r"has 4; save it without transparency\."):
        decode_visible(PAIR_PNG, "a.png")
    with pytest.raises(MdjaxError, match="16 bits"):
        decode_visible(encode_png(image.astype(np.uint16)), "a.png")


def test_visible_may_have_a_channel_that_is_opaque_everywhere():
    image = BGRT_U8.copy()
    image[..., 3] = 255
    decoded = decode_visible(encode_png(image), "a.png")
    np.testing.assert_array_equal(decoded, image[..., 2::-1])
    assert decoded.flags.c_contiguous
    image[-1, -1, 3] = 254
    with pytest.raises(MdjaxError, match="has 4; save it without transparency"):
        decode_visible(encode_png(image), "a.png")


def test_thermal_decodes_from_one_or_equal_channels_and_refuses_colours():
    grey = BGRT_U8[..., 3]
    np.testing.assert_array_equal(decode_thermal(encode_png(grey), "a.png"), grey)
    tripled = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode_thermal(encode_png(tripled), "a.png"), grey)
    with pytest.raises(MdjaxError, match="has colours"):
        decode_thermal(encode_png(BGRT_U8[..., :3]), "a.png")


def _add_orientation(data: bytes, orientation: int) -> bytes:
    """The image with EXIF data of one field, the orientation (tag 274, a short)."""
    exif = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)
    if data.startswith(b"\xff\xd8"):
        segment = b"Exif\0\0" + exif
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    if data.startswith(b"RIFF"):
        # The extended header: flag 8 for EXIF data, width and height less 1 in 24 bits.
        height, width = SIZE_HW
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        header = b"VP8X" + struct.pack("<II", 10, 8) + sides
        body = b"WEBP" + header + data[12:] + b"EXIF" + struct.pack("<I", len(exif)) + exif
        return b"RIFF" + struct.pack("<I", len(body)) + body
    return data[:33] + _make_chunk(b"eXIf", exif) + data[33:]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_orientation_other_than_as_stored_is_refused(suffix, orientation):
    """1 is as stored, 2 mirrored, 3 upside down, and so on up to 8."""
    plain = cv2.imencode(suffix, BGRT_U8[..., :3])[1].tobytes()
    data = _add_orientation(plain, orientation)
    check_orientation(plain, "a")
    np.testing.assert_array_equal(decode_visible(data, "a"), decode_visible(plain, "a"))
    if orientation == 1:
        check_orientation(data, "a")
    else:
        with pytest.raises(MdjaxError, match=r"^a: its EXIF orientation .*-auto-orient"):
            check_orientation(data, "a")


@pytest.mark.parametrize("thermal_hw", [(480, 640), (120, 160), (60, 80), (43, 57), (1, 1)])
def test_pair_of_one_aspect_is_accepted(thermal_hw):
    """43 x 57 is 480 x 640 scaled to a width of 57: 480 · 57 / 640 = 42.75 rows."""
    check_pair_sizes((480, 640), thermal_hw, "a")


@pytest.mark.parametrize(
    ("thermal_hw", "reason"),
    [
        ((512, 640), "aspects.* cut the thermal one to its 640x480 pixels\\."),
        ((120, 120), "aspects.*visible 640x480, thermal 120x120"),
        ((256, 320), "aspects"),
        ((600, 400), "aspects.* cut the thermal one to its 400x300 pixels\\."),
        ((640, 480), "one of both images lies on its side .*480x640.; turn it by 90 degrees"),
        ((600, 800), "larger.* scale it down to 640x480 or less"),
        ((1000, 700), "aspects.* to its 700x525 pixels, and scale it down"),
    ],
)
def test_pair_of_other_aspect_is_refused(thermal_hw, reason):
    with pytest.raises(MdjaxError, match=f"a.png: .*{reason}"):
        check_pair_sizes((480, 640), thermal_hw, "a.png")


def test_opencv_keeps_its_log_level_for_the_rest_of_the_process():
    """Also when several threads decode, and where a file is damaged."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_INFO)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: decode_visible(encode_png(BGRT_U8[..., :3]), "a"), range(40)))
        with pytest.raises(MdjaxError, match="cannot be decoded"):
            decode_visible(b"BM damaged", "a")
        assert cv2.utils.logging.getLogLevel() == cv2.utils.logging.LOG_LEVEL_INFO
    finally:
        cv2.utils.logging.setLogLevel(level)


def test_opencv_prints_nothing_about_damaged_files(capfd):
    """Each of these makes OpenCV print `[ERROR...` or `[ WARN...` unless it is told not to."""
    tiff = cv2.imencode(".tif", BGRT_U8[..., :3])[1].tobytes()
    packed = zlib.compress(bytes(4 * 7))
    for data in (tiff[:200], _make_png(1_000_000, 1_000_000, 2, packed)):
        with pytest.raises(MdjaxError, match=r"^a: cannot be decoded"):
            decode_visible(data, "a")
    printed = capfd.readouterr()
    assert printed.out == printed.err == ""
