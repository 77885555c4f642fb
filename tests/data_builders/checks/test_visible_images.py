import cv2
import numpy as np

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import check_pairs
from data_builders.checks.visible_images import decode_visible_or_grey, read_visible_png
from data_builders.common_part import cut_images
from mdjax.align.common_view import CommonView
from mdjax.io.findings import Findings
from mdjax.io.images import decode_visible
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import get_problems, make_image_u8, write

COLOUR_U8 = make_image_u8(1, (12, 16))
GREY_U8 = make_image_u8(2, (12, 16), channels=1)


def test_grey_image_becomes_three_equal_channels(tmp_path):
    visible_u8, was_grey = decode_visible_or_grey(encode_png(GREY_U8), "a.png")
    assert was_grey
    assert np.array_equal(visible_u8, np.stack([GREY_U8] * 3, axis=-1))
    stored = read_visible_png(write(tmp_path / "a.png", encode_png(GREY_U8)))
    assert isinstance(stored, bytes)
    assert np.array_equal(decode_visible(stored, "a.png"), visible_u8)


def test_grey_tiff_is_read_too():
    is_encoded, data = cv2.imencode(".tif", GREY_U8)
    assert is_encoded
    visible_u8, _ = decode_visible_or_grey(data.tobytes(), "a.tif")
    assert np.array_equal(visible_u8[..., 2], GREY_U8)


def test_colour_image_stays_as_it_is(tmp_path):
    path = write(tmp_path / "a.png", encode_png(COLOUR_U8))
    assert read_visible_png(path) == path
    visible_u8, was_grey = decode_visible_or_grey(path.read_bytes(), "a.png")
    assert not was_grey
    assert np.array_equal(visible_u8, decode_visible(path.read_bytes(), "a.png"))


def _check(tmp_path, *, may_be_grey, view=None):
    write(tmp_path / "v.png", encode_png(GREY_U8))
    write(tmp_path / "t.png", encode_png(make_image_u8(3, (12, 16), channels=1)))
    pair = RawPair(
        *("a", tmp_path / "v.png", tmp_path / "t.png", False, ()),
        visible_may_be_grey=may_be_grey,
        view=view,
    )
    return check_pairs(tmp_path, "T", {"test": [pair]}, Findings(), ClassNames(("person",)))


def test_check_of_a_data_set_follows_the_rule(tmp_path):
    checked = _check(tmp_path, may_be_grey=True)
    assert (
        "1 visible image stored in grey: the records hold three equal channels, converted without "
        "loss." in checked.notes
    )
    assert get_problems(_check, tmp_path, may_be_grey=False) == [
        "v.png: a visible image needs 3 channels (RGB), this one has 1; give the colour image (a "
        "camera without colour: three equal channels)."
    ]


def test_part_of_a_grey_image_is_cut_out(tmp_path):
    """Columns 0 to 16 of rows 0 to 12 are all; half of the rows has another aspect."""
    (pair,) = _check(tmp_path, may_be_grey=True, view=CommonView((0, 0, 16, 12))).pairs["test"]
    stored = cut_images(pair, CommonView((3, 2, 11, 8)))["visible"]
    assert isinstance(stored, bytes)
    assert np.array_equal(decode_visible(stored, "a.png")[..., 1], GREY_U8[2:8, 3:11])
    half = CommonView((0, 0, 16, 6))
    (problem,) = get_problems(_check, tmp_path, may_be_grey=True, view=half)
    assert "visible 16x6, thermal 16x12" in problem
