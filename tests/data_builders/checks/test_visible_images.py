import cv2
import numpy as np
import pytest

from data_builders.checks.annotations import RawPair
from data_builders.checks.dataset import ClassNames, check_pairs
from data_builders.checks.visible_images import (
    Crop,
    VisibleRule,
    decode_visible_image,
    read_visible_png,
)
from mdjax.io.findings import Findings
from mdjax.io.images import decode_visible
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import encode_jpg, get_problems, make_image_u8, write

GREY = VisibleRule(may_be_grey=True)
COLOUR_U8 = make_image_u8(1, (12, 16))
GREY_U8 = make_image_u8(2, (12, 16), channels=1)


def test_grey_image_becomes_three_equal_channels(tmp_path):
    visible_u8, conversion = decode_visible_image(encode_png(GREY_U8), "a.png", GREY)
    assert conversion == "in grey"
    assert np.array_equal(visible_u8, np.stack([GREY_U8] * 3, axis=-1))
    stored = read_visible_png(write(tmp_path / "a.png", encode_png(GREY_U8)), GREY)
    assert isinstance(stored, bytes)
    assert np.array_equal(decode_visible(stored, "a.png"), visible_u8)


def test_grey_tiff_is_read_too():
    is_encoded, data = cv2.imencode(".tif", GREY_U8)
    assert is_encoded
    visible_u8, _ = decode_visible_image(data.tobytes(), "a.tif", GREY)
    assert np.array_equal(visible_u8[..., 2], GREY_U8)


def test_colour_image_stays_as_it_is(tmp_path):
    path = write(tmp_path / "a.png", encode_png(COLOUR_U8))
    assert read_visible_png(path, GREY) == path
    visible_u8, conversion = decode_visible_image(path.read_bytes(), "a.png", GREY)
    assert conversion is None
    assert np.array_equal(visible_u8, decode_visible(path.read_bytes(), "a.png"))


def test_crop_is_what_lies_between_its_edges(tmp_path):
    """From column 3 to 11 and row 2 to 8: 8x6 pixels, in the order of the colours of the file."""
    rule = VisibleRule(crop=Crop((3, 2, 11, 8), (12, 16)))
    path = write(tmp_path / "a.png", encode_png(COLOUR_U8))
    stored = read_visible_png(path, rule)
    assert isinstance(stored, bytes)
    expected = decode_visible(path.read_bytes(), "a.png")[2:8, 3:11]
    assert expected.shape == (6, 8, 3)
    assert np.array_equal(decode_visible(stored, "a.png"), expected)


def test_grey_image_is_a_fault_without_the_rule():
    with pytest.raises(MdjaxError, match="a visible image needs 3 channels"):
        decode_visible_image(encode_png(GREY_U8), "a.png", VisibleRule())


def test_image_of_another_size_than_was_annotated_is_refused():
    rule = VisibleRule(crop=Crop((0, 0, 4, 4), (12, 15)))
    with pytest.raises(MdjaxError, match=r"a.jpg: is 16x12, but its annotations are for 15x12"):
        decode_visible_image(encode_jpg(COLOUR_U8), "a.jpg", rule)


def _check(tmp_path, rule):
    write(tmp_path / "v.png", encode_png(GREY_U8))
    write(tmp_path / "t.png", encode_png(make_image_u8(3, (12, 16), channels=1)))
    pair = RawPair("a", tmp_path / "v.png", tmp_path / "t.png", False, (), visible_rule=rule)
    return check_pairs(tmp_path, "T", {"test": [pair]}, Findings(), ClassNames(("person",)))


def test_check_of_a_data_set_follows_the_rule(tmp_path):
    checked = _check(tmp_path, GREY)
    assert (
        "1 visible image stored in grey: the records hold three channels of what is used, "
        "converted without loss." in checked.notes
    )
    half = _check(tmp_path, VisibleRule(may_be_grey=True, crop=Crop((0, 0, 16, 12), (12, 16))))
    assert half.fingerprint == checked.fingerprint
    assert get_problems(_check, tmp_path, None) == [
        "v.png: a visible image needs 3 channels (RGB), this one has 1; give the colour image (a "
        "camera without colour: three equal channels)."
    ]


def test_thermal_image_is_compared_with_the_crop(tmp_path):
    """Half of the rows has another aspect than the thermal image."""
    rule = VisibleRule(may_be_grey=True, crop=Crop((0, 0, 16, 6), (12, 16)))
    (problem,) = get_problems(_check, tmp_path, rule)
    assert "visible 16x6, thermal 16x12" in problem
