"""TIFF files of several images are refused; copies and masks of one image are not."""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
import PIL.Image
import PIL.TiffImagePlugin
import pytest

from mdjax.io.images import decode_thermal_counts, decode_visible
from mdjax.io.tiff import check_single_page
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import make_image_u8, make_thermal_u16


def _encode(*pages: np.ndarray, subfile_types: Sequence[int] = ()) -> bytes:
    """A TIFF of these pages, each with its type where one is given."""
    buffer = io.BytesIO()
    with PIL.TiffImagePlugin.AppendingTiffWriter(buffer, new=True) as writer:
        for k, page in enumerate(pages):
            tags = {254: subfile_types[k]} if subfile_types else {}
            PIL.Image.fromarray(page).save(writer, "TIFF", tiffinfo=tags)
            writer.newFrame()
    return buffer.getvalue()


def _encode_big(*pages: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    images = [PIL.Image.fromarray(page) for page in pages]
    images[0].save(buffer, "TIFF", save_all=True, append_images=images[1:], big_tiff=True)
    return buffer.getvalue()


COUNTS, OTHER = make_thermal_u16(1), make_thermal_u16(2)


def test_thermal_and_visible_file_of_several_pages_is_refused() -> None:
    with pytest.raises(MdjaxError, match=r"^a\.tif: holds 2 images \(pages\), .*; save each as a"):
        decode_thermal_counts(_encode(COUNTS, OTHER), "a.tif")
    with pytest.raises(MdjaxError, match=r"^a\.tif: holds 3 images"):
        decode_visible(_encode(*(make_image_u8(i) for i in range(3))), "a.tif")


def test_one_page_is_read() -> None:
    for data in (_encode(COUNTS), _encode_big(COUNTS)):
        np.testing.assert_array_equal(decode_thermal_counts(data, "a.tif"), COUNTS)


@pytest.mark.parametrize("subfile_type", [1, 4, 5])
def test_smaller_copy_or_mask_of_the_image_is_no_page(subfile_type: int) -> None:
    """Bit 0: reduced resolution, bit 2: mask of transparency."""
    data = _encode(COUNTS, COUNTS[::2, ::2].copy(), subfile_types=(0, subfile_type))
    np.testing.assert_array_equal(decode_thermal_counts(data, "a.tif"), COUNTS)


def test_page_that_says_it_is_one_of_several_is_an_image() -> None:
    """Bit 1."""
    with pytest.raises(MdjaxError, match="holds 2 images"):
        check_single_page(_encode(COUNTS, OTHER, subfile_types=(2, 2)), "a.tif")


def test_pages_of_large_files_and_of_other_byte_order_are_counted() -> None:
    with pytest.raises(MdjaxError, match="holds 2 images"):
        check_single_page(_encode_big(COUNTS, OTHER), "a.tif")
    page = bytes.fromhex("0001 00fe 0004 00000001 00000000")
    # Directories of one entry each: the first at 8 leads to the second at 26.
    data = b"MM\0*" + (8).to_bytes(4, "big") + page + (26).to_bytes(4, "big") + page + bytes(4)
    with pytest.raises(MdjaxError, match="holds 2 images"):
        check_single_page(data, "a.tif")


def test_damage_is_left_to_the_decoder() -> None:
    data = _encode(COUNTS, OTHER)
    for length in range(4, len(data), 7):
        with contextlib.suppress(MdjaxError):
            check_single_page(data[:length], "a.tif")
    endless = b"II*\0" + (8).to_bytes(4, "little") + bytes(2) + (8).to_bytes(4, "little")
    check_single_page(endless, "a.tif")
    check_single_page(b"no TIFF", "a.tif")
