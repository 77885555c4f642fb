import cv2
import numpy as np
import pytest

from mdjax.io.images import decode_thermal_counts
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import encode_jpg, make_image_u8, make_thermal_u16


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_counts_of_16_bits_stay_as_they_are(suffix):
    counts = make_thermal_u16(1)
    _, data = cv2.imencode(suffix, counts)
    decoded = decode_thermal_counts(data.tobytes(), "a")
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, counts)


def test_8_bits_come_from_one_channel_or_equal_ones():
    grey = make_image_u8(2, channels=1)
    for image in (grey, np.dstack([grey] * 3)):
        decoded = decode_thermal_counts(encode_png(image), "a")
        assert decoded.dtype == np.uint8
        np.testing.assert_array_equal(decoded, grey)
    assert decode_thermal_counts(encode_jpg(grey), "a").dtype == np.uint8


def test_several_channels_of_16_bits_are_refused():
    with pytest.raises(MdjaxError, match=r"a\.png: .* 16 bits needs 1 channel, this one has 3;"):
        decode_thermal_counts(encode_png(np.dstack([make_thermal_u16(1)] * 3)), "a.png")


def test_other_depths_colours_and_damage_are_refused():
    _, floats = cv2.imencode(".tiff", make_thermal_u16(1).astype(np.float32))
    data = encode_png(make_thermal_u16(1))
    for content in (floats.tobytes(), encode_png(make_image_u8(1)), data[:100], b"", b"text"):
        with pytest.raises(MdjaxError, match=r"^a\.png: "):
            decode_thermal_counts(content, "a.png")
