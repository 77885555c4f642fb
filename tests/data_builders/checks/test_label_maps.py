import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from data_builders.checks.label_maps import LabelRule, decode_label_map, read_label_png
from mdjax.io.images import decode_labels
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import write

LABELS_U8 = np.array([[0, 1, 2, 0], [1, 1, 255, 0], [2, 2, 2, 2]], np.uint8)
COLOURS: dict[tuple[int, int, int], int] = {
    (0, 0, 0): 0,
    (128, 0, 0): 1,
    (0, 0, 200): 2,
    (224, 224, 192): 255,
}
BY_COLOUR = LabelRule(ids_by_rgb=COLOURS)
PLAIN = LabelRule()


def _save(image: PIL.Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "png", **options)
    return file.getvalue()


def _make_palette_png(labels_u8: np.ndarray, **options: Any) -> bytes:
    """Indices with the colours of VOC in random order: they must not matter."""
    image = PIL.Image.fromarray(labels_u8)
    image.putpalette(np.random.default_rng(0).permutation(256 * 3).astype(np.uint8).tolist())
    return _save(image, **options)


def _make_voc_png(labels_u8: np.ndarray, colours: Any = tuple(COLOURS)[:3]) -> bytes:
    """Indices with these colours; all others, 255 among them, have one that no list has."""
    image = PIL.Image.fromarray(labels_u8)
    image.putpalette(np.array([*colours, *[(9, 9, 9)] * (256 - len(colours))], np.uint8).tobytes())
    return _save(image)


def _make_rgb_u8(labels_u8: np.ndarray) -> np.ndarray:
    rgb_u8 = np.zeros((*labels_u8.shape, 3), np.uint8)
    for colour, class_id in COLOURS.items():
        rgb_u8[labels_u8 == class_id] = colour
    return rgb_u8


def _add_alpha(rgb_u8: np.ndarray, alpha: int) -> np.ndarray:
    return np.dstack([rgb_u8, np.full(rgb_u8.shape[:2], alpha, np.uint8)])


def test_grey_values_of_8_bits_are_the_ids_and_their_file_is_kept(tmp_path):
    path = write(tmp_path / "a.png", encode_png(LABELS_U8))
    decoded = decode_label_map(path.read_bytes(), "a.png", PLAIN)
    np.testing.assert_array_equal(decoded.labels_u8, LABELS_U8)
    assert decoded.conversion is None
    assert read_label_png(path, PLAIN) == path


_GREY_RGB = np.repeat(LABELS_U8[..., None], 3, axis=2)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (_make_palette_png(LABELS_U8), PLAIN),
        (_make_palette_png(LABELS_U8, transparency=0), PLAIN),
        (encode_png(LABELS_U8.astype(np.uint16)), PLAIN),
        (_save(PIL.Image.fromarray(_GREY_RGB)), PLAIN),
        (_save(PIL.Image.fromarray(_add_alpha(_GREY_RGB, 255))), PLAIN),
        (_save(PIL.Image.fromarray(_add_alpha(_GREY_RGB, 255)).convert("LA")), PLAIN),
        (_save(PIL.Image.fromarray(_make_rgb_u8(LABELS_U8))), BY_COLOUR),
        (_save(PIL.Image.fromarray(_add_alpha(_make_rgb_u8(LABELS_U8), 255))), BY_COLOUR),
        (_save(PIL.Image.fromarray(_make_rgb_u8(LABELS_U8)).quantize(4)), BY_COLOUR),
    ],
    ids=["palette", "holed palette", "16 bits", "RGB", "RGBA", "LA", "colours", "with A", "few"],
)
def test_other_files_are_converted_without_loss(tmp_path, data, rule):
    decoded = decode_label_map(data, "a.png", rule)
    np.testing.assert_array_equal(decoded.labels_u8, LABELS_U8)
    assert decoded.conversion is not None
    png = read_label_png(write(tmp_path / "a.png", data), rule)
    assert isinstance(png, bytes)
    np.testing.assert_array_equal(decode_labels(png, "a.png"), LABELS_U8)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palettes_of_few_colours_keep_their_indices(bits):
    """A PNG of four colours or fewer takes a bit or two for each pixel."""
    labels_u8 = np.arange(12, dtype=np.uint8).reshape(3, 4) % 2**bits
    data = _make_palette_png(labels_u8, bits=bits)
    assert data[24] == bits
    np.testing.assert_array_equal(decode_label_map(data, "a.png", PLAIN).labels_u8, labels_u8)


@pytest.mark.parametrize("ignored_id", [0, 2])
def test_another_id_may_be_what_is_not_counted(tmp_path, ignored_id):
    """255 is not counted in any case; a file without that id is kept."""
    rule = LabelRule(ignored_id=ignored_id)
    expected = LABELS_U8.copy()
    expected[ignored_id == LABELS_U8] = 255
    decoded = decode_label_map(encode_png(LABELS_U8), "a.png", rule)
    np.testing.assert_array_equal(decoded.labels_u8, expected)
    assert decoded.conversion == f"with {ignored_id} for what is not counted"
    path = write(tmp_path / "a.png", encode_png(np.ones((3, 4), np.uint8)))
    assert read_label_png(path, rule) == path


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_values_of_few_bits_are_the_ids(bits):
    """PNG packs pixels from the high bits of each byte on (its specification, section 7.2)."""
    labels_u8 = np.arange(24, dtype=np.uint8).reshape(3, 8) % 2**bits
    rows = np.unpackbits(labels_u8[..., None], axis=2)[..., -bits:].reshape(3, -1)
    data = encode_png(np.zeros((3, 8), np.uint8))
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in np.packbits(rows, axis=1)))
    header = data[16:24] + bytes([bits, 0, 0, 0, 0])
    data = data[:8]
    for kind, body in ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")):
        chunk = kind + body
        data += len(body).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    decoded = decode_label_map(data, "a.png", PLAIN)
    np.testing.assert_array_equal(decoded.labels_u8, labels_u8)
    assert decoded.conversion == f"with {bits} bit{'s' * (bits > 1)}"


def test_mask_of_one_bit_holds_two_classes():
    mask = LABELS_U8 == 1
    decoded = decode_label_map(_save(PIL.Image.fromarray(mask)), "a.png", PLAIN)
    np.testing.assert_array_equal(decoded.labels_u8, mask)


def test_index_255_of_a_palette_of_class_ids_is_not_counted():
    """Masks of Pascal VOC, with a list of colours that omits the outlines."""
    decoded = decode_label_map(_make_voc_png(LABELS_U8), "a.png", BY_COLOUR)
    np.testing.assert_array_equal(decoded.labels_u8, LABELS_U8)


def test_grey_values_may_be_colours():
    """A binary mask of 0 and 255, explained by a list of colours."""
    rule = LabelRule(ids_by_rgb={(0, 0, 0): 0, (255, 255, 255): 1})
    mask = np.array([[0, 255], [255, 0]], np.uint8)
    for data in (encode_png(mask), _save(PIL.Image.fromarray(mask).convert("1"))):
        decoded = decode_label_map(data, "a.png", rule)
        np.testing.assert_array_equal(decoded.labels_u8, mask // 255)


_RGB = _make_rgb_u8(LABELS_U8)


@pytest.mark.parametrize(
    ("data", "rule", "message"),
    [
        (
            _save(PIL.Image.fromarray(_RGB)),
            PLAIN,
            r"has colours \(0,0,200 0,0,0 128,0,0 224,224,192\); write what they mean into "
            r"labelmap\.txt with a line NAME:RED,GREEN,BLUE",
        ),
        (
            _save(PIL.Image.fromarray(_RGB)),
            LabelRule(ids_by_rgb={(0, 0, 0): 0, (0, 0, 200): 1}),
            r"33\.33% of its pixels have colours that labelmap\.txt does not list \(128,0,0 "
            r"224,224,192\); add a line NAME:RED,GREEN,BLUE for each, with the name void for what "
            r"is not counted, or export the masks",
        ),
        (_save(PIL.Image.fromarray(_add_alpha(_RGB, 200))), BY_COLOUR, "transparent in 100.00%"),
        (_save(PIL.Image.fromarray(_add_alpha(_GREY_RGB, 0))), PLAIN, "without transparency"),
        (encode_png(np.full((3, 4), 256, np.uint16)), PLAIN, "has values up to 256; class ids end"),
        (encode_png(np.zeros((3, 4, 3), np.uint16)), BY_COLOUR, "colours of 16 bits; save it"),
        # Index 1 has the colour of class 2, so the indices are not the class ids.
        (
            _make_voc_png(LABELS_U8, [(0, 0, 0), (0, 0, 200), (128, 0, 0)]),
            BY_COLOUR,
            r"8\.33% of its pixels have colours that labelmap\.txt does not list \(9,9,9\)",
        ),
        (
            _make_voc_png(np.where(LABELS_U8 == 255, 3, LABELS_U8).astype(np.uint8)),
            BY_COLOUR,
            r"8\.33% of its pixels have colours that labelmap\.txt does not list \(9,9,9\)",
        ),
        (encode_png(LABELS_U8)[:-5], PLAIN, "truncated"),
        (b"no image", BY_COLOUR, "is not a PNG file"),
    ],
    ids=[
        *("colours", "unlisted colours", "half transparent", "empty", "large id", "deep colours"),
        *("other order", "other index", "truncated", "no image"),
    ],
)
def test_what_the_rule_does_not_explain_is_refused(data, rule, message):
    with pytest.raises(MdjaxError, match=rf"^a\.png: .*{message}"):
        decode_label_map(data, "a.png", rule)


def test_missing_file_is_named():
    with pytest.raises(MdjaxError, match=r"a\.png: file is missing"):
        read_label_png(Path("nowhere") / "a.png", PLAIN)
