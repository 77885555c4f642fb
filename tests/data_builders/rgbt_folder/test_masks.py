"""Masks of any kind end as the same class ids in the records."""

import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from data_builders.rgbt_folder import PrepareRgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.io.images import decode_labels
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import get_problems, write, write_rgbt
from tests.data_builders.reading import read_metadata, read_records

COLOURS_U8 = np.array([[0, 0, 0], [192, 128, 64], [0, 0, 142]], np.uint8)
LABELMAP = """# label:color_rgb:parts:actions
boar:0,0,142::
background:0,0,0::
deer:192,128,64::
ignored:224,224,192::
"""


@pytest.fixture
def raw_dir(tmp_path):
    raw_dir = write_rgbt(tmp_path / "raw", {"train": ("a",), "test": ("b",)})
    write(raw_dir / "classes.txt", "background\ndeer\nboar\n")
    return raw_dir


def _make_labels_u8(name: str) -> np.ndarray:
    return np.random.default_rng(ord(name)).integers(0, 3, (12, 16), np.uint8)


def _write_grey(path: Path, labels_u8: np.ndarray) -> None:
    write(path, encode_png(labels_u8))


def _write_palette(path: Path, labels_u8: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = PIL.Image.fromarray(labels_u8)
    image.putpalette(COLOURS_U8.ravel().tolist())
    image.save(path)


def _write_colours(path: Path, labels_u8: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(COLOURS_U8[labels_u8]).save(path)


def _write_opaque_colours(path: Path, labels_u8: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(COLOURS_U8[labels_u8]).convert("RGBA").save(path)


KINDS = [
    (_write_grey, False, None),
    (_write_palette, False, "with a palette, whose indices are the class ids"),
    (_write_colours, True, "as colours, whose classes labelmap.txt states"),
    (_write_opaque_colours, True, "as colours, whose classes labelmap.txt states"),
    (_write_palette, True, "as colours, whose classes labelmap.txt states"),
]


@pytest.mark.parametrize("folder", ["masks", "SegmentationClass", "Label", "labels"])
@pytest.mark.parametrize(("write_mask", "has_labelmap", "how"), KINDS)
def test_records_hold_class_ids(raw_dir, tmp_path, write_mask, has_labelmap, how, folder):
    for name in "ab":
        write_mask(raw_dir / folder / f"{name}.png", _make_labels_u8(name))
    if has_labelmap:
        write(raw_dir / "labelmap.txt", LABELMAP)
    summary = PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data").prepare()
    assert summary.class_names == ("background", "deer", "boar")
    for split, name in (("train", "a"), ("test", "b")):
        (record,) = read_records(summary.folder, split)
        np.testing.assert_array_equal(decode_labels(record["labels"], ""), _make_labels_u8(name))
        is_kept = record["labels"] == (raw_dir / folder / f"{name}.png").read_bytes()
        assert is_kept == (how is None)
        assert record["visible"] == (raw_dir / "visible" / f"{name}.jpg").read_bytes()
    expected = (
        []
        if how is None
        else [
            f"2 label maps stored {how}: the records hold the class ids as grey values, converted "
            "without loss."
        ]
    )
    assert [x for x in summary.notes if "label maps" in x] == expected


@pytest.mark.parametrize("place", ["labelmap.txt", "masks/labelmap.txt"])
def test_labelmap_names_the_classes(raw_dir, place):
    """The background is the first class."""
    (raw_dir / "classes.txt").unlink()
    for name in "ab":
        _write_colours(raw_dir / "masks" / f"{name}.png", _make_labels_u8(name))
    write(raw_dir / place, LABELMAP)
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.class_names.labels == ("background", "boar", "deer")
    counts = np.bincount(_make_labels_u8("a").ravel())
    assert checked.class_pixels["train"] == (counts[0], counts[2], counts[1])
    assert checked.notes[0] == "class names from labelmap.txt: background, boar, deer."


def test_ignored_colour_is_not_counted(raw_dir):
    for name in "ab":
        _write_colours(raw_dir / "masks" / f"{name}.png", _make_labels_u8(name))
    write(raw_dir / "labelmap.txt", LABELMAP.replace("deer", "void").replace("ignored", "deer"))
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.class_pixels["train"][1] == 0
    num_deer = sum(int(np.sum(_make_labels_u8(name) == 1)) for name in "ab")
    assert f"{num_deer} pixels have label 255, which no loss and no metric counts." in checked.notes


@pytest.mark.parametrize("label", [1, 7])
def test_another_label_is_not_counted(raw_dir, tmp_path, label):
    """One of the classes, and one beyond them."""
    labels_u8 = {name: _make_labels_u8(name) for name in "ab"}
    for name in "ab":
        labels_u8[name][labels_u8[name] == 1] = label
    for name in "ab":
        _write_grey(raw_dir / "masks" / f"{name}.png", labels_u8[name])
    if label == 7:
        (problem, _) = get_problems(check_raw_rgbt_folder, raw_dir)
        assert problem.endswith("; --ignored-label ID names another id that is not counted.")
    command = PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data", ignored_label=label)
    summary = command.prepare()
    (record,) = read_records(summary.folder, "test")
    expected = np.where(labels_u8["b"] == label, 255, labels_u8["b"])
    np.testing.assert_array_equal(decode_labels(record["labels"], ""), expected)
    is_class = "class 1, deer, is not counted (--ignored-label)." in summary.notes
    assert is_class == (label == 1)


def test_another_rule_is_another_data_set(raw_dir):
    for name in "ab":
        _write_grey(raw_dir / "masks" / f"{name}.png", _make_labels_u8(name))
    kept = check_raw_rgbt_folder(raw_dir)
    assert check_raw_rgbt_folder(raw_dir, ignored_label=9).fingerprint == kept.fingerprint
    assert check_raw_rgbt_folder(raw_dir, ignored_label=2).fingerprint != kept.fingerprint


def test_binary_masks_are_read_by_a_list_of_colours(raw_dir, tmp_path):
    write(raw_dir / "classes.txt", "background\ndeer\n")
    for name in "ab":
        mask = np.where(_make_labels_u8(name) == 1, 255, 0).astype(np.uint8)
        _write_grey(raw_dir / "masks" / f"{name}.png", mask)
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problem.startswith("all label maps hold only 0 and 255")
    write(raw_dir / "labelmap.txt", "background:0,0,0\ndeer:255,255,255\n")
    summary = PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data").prepare()
    (record,) = read_records(summary.folder, "train")
    expected = _make_labels_u8("a") == 1
    np.testing.assert_array_equal(decode_labels(record["labels"], ""), expected)
    assert read_metadata(summary.folder)["class_names"] == ["background", "deer"]


def test_bad_labelmap_is_named(raw_dir):
    for name in "ab":
        _write_colours(raw_dir / "masks" / f"{name}.png", _make_labels_u8(name))
    write(raw_dir / "labelmap.txt", LABELMAP + "elk:5,5,5::\n")
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "labelmap.txt, line 6: 'elk' is not in classes.txt, which has background, deer, boar; make "
        "the names equal."
    ]


def test_folder_without_masks_is_one_line(raw_dir):
    (raw_dir / "masks").mkdir()
    write(raw_dir / "masks/a.jpg", "")
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "masks/: holds no file that ends in .png, but 1 file *.jpg; put the masks there as PNG, "
        "under the names of the images."
    ]


def test_mask_of_another_name_is_named(raw_dir):
    for name in "ab":
        _write_grey(raw_dir / "masks" / f"{name}.png", _make_labels_u8(name))
    shutil.move(raw_dir / "masks/b.png", raw_dir / "masks/b_mask.png")
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "masks/b.png: file is missing; each image needs one, of its image's name (b_mask.png is of "
        "none)."
    ]
