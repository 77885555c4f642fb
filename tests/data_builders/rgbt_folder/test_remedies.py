"""What a message tells a person to do is accepted: every remedy is applied as it is written.

A case makes a fault, yields what the message says of it, and then does what the message says.
"""

import json
import re
import shutil
import struct
import zlib
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import (
    encode_jpg,
    get_problems,
    make_image_u8,
    make_thermal_u16,
    write,
    write_list,
    write_rgbt,
)

NAMES = {"train": ("a", "b"), "val": ("c",), "test": ("d",)}
BOX = "1 .5 .5 .5 .5\n"

Case = Generator[str, list[str], None]


@pytest.fixture
def raw_dir(tmp_path: Path) -> Path:
    """Lists, and boxes of YOLO."""
    raw_dir = write_rgbt(tmp_path / "raw", NAMES)
    for name in "abcd":
        write(raw_dir / "labels" / f"{name}.txt", BOX)
    return raw_dir


def _sort_into_folders(raw_dir: Path, *kinds: str) -> None:
    for split, names in NAMES.items():
        (raw_dir / f"{split}.txt").unlink(missing_ok=True)
        for kind in kinds:
            (raw_dir / kind / split).mkdir()
            for name in names:
                for path in (raw_dir / kind).glob(f"{name}.*"):
                    path.rename(raw_dir / kind / split / path.name)


def _take_labels_away(raw_dir: Path) -> None:
    shutil.rmtree(raw_dir / "labels")


def _make_coco(names: str = "abcd") -> dict[str, Any]:
    return {
        "images": [
            {"id": i, "file_name": f"{name}.jpg", "width": 16, "height": 12}
            for i, name in enumerate(names)
        ],
        "annotations": [
            {"image_id": i, "category_id": 8, "bbox": [4, 3, 8, 6]} for i in range(len(names))
        ],
        "categories": [{"id": 8, "name": "boar"}, {"id": 9, "name": "wolf"}],
    }


def _write_masks(raw_dir: Path, mask: np.ndarray) -> None:
    for name in "abcd":
        write(raw_dir / "masks" / f"{name}.png", encode_png(mask))


def missing_label_file(raw_dir: Path) -> Case:
    (raw_dir / "labels/a.txt").unlink()
    yield "file is missing; an image without objects has an empty one"
    write(raw_dir / "labels/a.txt", "")


def class_as_float(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", "1.0 .5 .5 .5 .5\n")
    yield "the class is '1.0'; write a whole number, such as 0."
    write(raw_dir / "labels/a.txt", "0 .5 .5 .5 .5\n")


def confidence(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", "1 .5 .5 .5 .5 .91\n")
    yield "take the sixth away"
    write(raw_dir / "labels/a.txt", BOX)


def polygon(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", "1 .2 .3 .6 .3 .6 .7 .2 .7\n")
    yield "if it is a polygon of 4 corners, write the box around it"
    write(raw_dir / "labels/a.txt", "1 .4 .5 .4 .4\n")


def pixels_for_shares(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", "1 8 6 4 3\n")
    yield "looks like pixels; divide by the image's width and height"
    write(raw_dir / "labels/a.txt", f"1 {8 / 16} {6 / 12} {4 / 16} {3 / 12}\n")


def unknown_class_number(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", "3 .5 .5 .5 .5\n")
    yield "classes.txt names 0..1; add lines to it"
    write(raw_dir / "classes.txt", "deer\nboar\nfox\nwolf\n")


def box_without_area(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", f"{BOX}1 .5 .5 0 .2\n1 1.4 .5 .1 .1\n1 nan .5 .1 .1\n")
    yield "correct it"
    write(raw_dir / "labels/a.txt", BOX)


def every_line_twice(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", BOX * 2)
    yield "labels/a.txt, line 2: is the same box as one before it; take it out."
    write(raw_dir / "labels/a.txt", BOX)


def coco_without_boxes(raw_dir: Path) -> Case:
    _take_labels_away(raw_dir)
    content = _make_coco()
    del content["annotations"][1]["bbox"]
    write(raw_dir / "annotations.json", json.dumps(content))
    yield "has no bbox; write [left, top, width, height] in pixels"
    write(raw_dir / "annotations.json", json.dumps(_make_coco()))


def coco_with_unknown_category(raw_dir: Path) -> Case:
    _take_labels_away(raw_dir)
    content = _make_coco()
    content["annotations"][1]["category_id"] = 9
    write(raw_dir / "annotations.json", json.dumps(content))
    yield "category 'wolf' is unknown; add it to classes.txt"
    write(raw_dir / "classes.txt", "deer\nboar\nwolf\n")


def coco_without_an_image(raw_dir: Path) -> Case:
    _take_labels_away(raw_dir)
    write(raw_dir / "annotations.json", json.dumps(_make_coco("abc")))
    yield "annotations.json, d: the image is not listed; list it, without annotations"
    content = _make_coco()
    del content["annotations"][3]
    write(raw_dir / "annotations.json", json.dumps(content))


def voc_files(raw_dir: Path) -> Case:
    (raw_dir / "labels").rename(raw_dir / "kept")
    for name in "abcd":
        write(raw_dir / "annotations" / f"{name}.xml", "<annotation/>")
    yield "write the boxes as YOLO's into labels/, or"
    (raw_dir / "kept").rename(raw_dir / "labels")
    shutil.rmtree(raw_dir / "annotations")


def labels_beside_each_other(raw_dir: Path) -> Case:
    _sort_into_folders(raw_dir, "visible", "thermal")
    yield "labels/: its 4 files lie beside each other"
    _sort_into_folders(raw_dir, "labels")


def labels_in_folders(raw_dir: Path) -> Case:
    for name in "abcd":
        (raw_dir / "labels/all").mkdir(exist_ok=True)
        (raw_dir / f"labels/{name}.txt").rename(raw_dir / f"labels/all/{name}.txt")
    yield "labels/: its 4 files lie in folders"
    for path in (raw_dir / "labels/all").iterdir():
        path.rename(raw_dir / "labels" / path.name)


def other_suffixes(raw_dir: Path) -> Case:
    (raw_dir / "visible/a.jpg").rename(raw_dir / "visible/a_vi.jpg")
    (raw_dir / "thermal/a.png").rename(raw_dir / "thermal/a_ir.png")
    write_list(raw_dir / "train.txt", ["b"])
    yield "give both images of a pair the same name"
    (raw_dir / "visible/a_vi.jpg").rename(raw_dir / "visible/a.jpg")
    (raw_dir / "thermal/a_ir.png").rename(raw_dir / "thermal/a.png")


def folders_of_sequences(raw_dir: Path) -> Case:
    for kind in ("visible", "thermal", "labels"):
        (raw_dir / kind / "seq1").mkdir()
        for path in list((raw_dir / kind).glob("[ab].*")):
            path.rename(raw_dir / kind / "seq1" / path.name)
    write_list(raw_dir / "train.txt", ["seq1/a", "seq1/b"])
    yield "move its images there, under names that tell the folder (FOLDER_NAME), and write these"
    for kind in ("visible", "thermal", "labels"):
        for path in (raw_dir / kind / "seq1").iterdir():
            path.rename(raw_dir / kind / f"seq1_{path.name}")
        (raw_dir / kind / "seq1").rmdir()
    write_list(raw_dir / "train.txt", ["seq1_a", "seq1_b"])


def split_of_another_name(raw_dir: Path) -> Case:
    _sort_into_folders(raw_dir, "visible", "thermal", "labels")
    for kind in ("visible", "thermal", "labels"):
        (raw_dir / kind / "train").rename(raw_dir / kind / "training")
    yield "is no split; rename it to train, val or test"
    for kind in ("visible", "thermal", "labels"):
        (raw_dir / kind / "training").rename(raw_dir / kind / "train")


def lists_and_folders(raw_dir: Path) -> Case:
    _sort_into_folders(raw_dir, "visible", "thermal", "labels")
    write_list(raw_dir / "train.txt", ["a"])
    yield "leave one kind"
    (raw_dir / "train.txt").unlink()


def no_splits(raw_dir: Path) -> Case:
    for split in NAMES:
        (raw_dir / f"{split}.txt").unlink()
    yield "write their names into train.txt, val.txt, test.txt"
    for split, names in NAMES.items():
        write_list(raw_dir / f"{split}.txt", names)


def unknown_name_in_a_list(raw_dir: Path) -> Case:
    write_list(raw_dir / "train.txt", ["a", "b", "z"])
    yield "train.txt, z: there is no such pair in visible/ and thermal/; correct the name, or take"
    write_list(raw_dir / "train.txt", ["a", "b"])


def name_twice_in_a_list(raw_dir: Path) -> Case:
    write_list(raw_dir / "train.txt", ["a", "b", "a"])
    yield "train.txt, a: is listed 2 times; leave one."
    write_list(raw_dir / "train.txt", ["a", "b"])


def list_in_another_encoding(raw_dir: Path) -> Case:
    write(raw_dir / "train.txt", "a\nä\n".encode("latin-1"))
    yield "train.txt: is no text in UTF-8; save it as UTF-8."
    write(raw_dir / "train.txt", "\ufeffa\r\nb\r\n")


def list_with_zero_bytes(raw_dir: Path) -> Case:
    write(raw_dir / "train.txt", "a\nb\n".encode("utf-16-le"))
    yield "train.txt: holds zero bytes, so it is no text in UTF-8; save it as UTF-8."
    write(raw_dir / "train.txt", "a\nb\n")


def label_file_with_zero_bytes(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", BOX.encode() + bytes(3))
    yield "labels/a.txt: holds zero bytes"
    write(raw_dir / "labels/a.txt", BOX)


def no_class_names(raw_dir: Path) -> Case:
    (raw_dir / "classes.txt").unlink()
    yield "classes.txt: file is missing; write one class name a line."
    write(raw_dir / "classes.txt", "deer\nboar\n")


def two_kinds_of_annotations(raw_dir: Path) -> Case:
    write(raw_dir / "annotations.json", json.dumps(_make_coco()))
    yield "has labels and annotations.json; give one of"
    (raw_dir / "annotations.json").unlink()


def names_in_upper_case(raw_dir: Path) -> Case:
    (raw_dir / "labels").rename(raw_dir / "Labels")
    yield "Labels: rename it to labels"
    (raw_dir / "Labels").rename(raw_dir / "labels")


def thermal_image_of_another_aspect(raw_dir: Path) -> Case:
    """Larger as well: to scale it down first would be refused again."""
    thermal = make_image_u8(5, (20, 20), channels=1)
    write(raw_dir / "thermal/a.png", encode_png(thermal))
    (problem,) = yield "cut the thermal one to its 20x15 pixels, and scale it down to the visible"
    width, height = map(int, re.findall(r"to its (\d+)x(\d+)", problem)[0])
    write(raw_dir / "thermal/a.png", encode_png(cv2.resize(thermal[:height, :width], (16, 12))))


def thermal_image_of_another_aspect_and_few_pixels(raw_dir: Path) -> Case:
    thermal = make_image_u8(5, (12, 12), channels=1)
    write(raw_dir / "thermal/a.png", encode_png(thermal))
    (problem,) = yield "cut the thermal one to its 12x9 pixels."
    width, height = map(int, re.findall(r"to its (\d+)x(\d+)", problem)[0])
    write(raw_dir / "thermal/a.png", encode_png(thermal[:height, :width]))


def larger_thermal_image(raw_dir: Path) -> Case:
    thermal = make_image_u8(5, (24, 32), channels=1)
    write(raw_dir / "thermal/a.png", encode_png(thermal))
    yield "scale it down to 16x12 or less"
    write(raw_dir / "thermal/a.png", encode_png(cv2.resize(thermal, (16, 12))))


def false_colours(raw_dir: Path) -> Case:
    thermal = make_image_u8(5, channels=1)
    coloured = cv2.applyColorMap(thermal, cv2.COLORMAP_INFERNO)
    write(raw_dir / "thermal/a.png", encode_png(coloured))
    yield "export it without a colour map"
    write(raw_dir / "thermal/a.png", encode_png(thermal))


def three_channels_of_16_bits(raw_dir: Path) -> Case:
    for i, name in enumerate("abcd"):
        thermal = np.dstack([make_thermal_u16(i)] * 3)
        write(raw_dir / f"thermal/{name}.png", encode_png(thermal))
    yield "save one of them alone"
    for i, name in enumerate("abcd"):
        write(raw_dir / f"thermal/{name}.png", encode_png(make_thermal_u16(i)))


def transparency(raw_dir: Path) -> Case:
    pixels = make_image_u8(5, channels=4)
    write(raw_dir / "visible/a.png", encode_png(pixels))
    (raw_dir / "visible/a.jpg").unlink()
    yield "this one has 4; save it without transparency"
    write(raw_dir / "visible/a.png", encode_png(pixels[..., :3]))


def grey_visible_image(raw_dir: Path) -> Case:
    pixels = make_image_u8(5, channels=1)
    write(raw_dir / "visible/a.jpg", encode_jpg(pixels))
    yield "give the colour image (a camera without colour: three equal channels)"
    write(raw_dir / "visible/a.jpg", encode_jpg(np.dstack([pixels] * 3)))


def masks_with_a_palette(raw_dir: Path) -> Case:
    """A palette image is a grey one with another colour type and a chunk of colours."""
    _take_labels_away(raw_dir)
    mask = np.eye(12, 16, dtype=np.uint8)
    _write_masks(raw_dir, mask)
    data = bytearray(encode_png(mask))
    data[25] = 3
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    palette = b"PLTE" + bytes(range(6))
    chunk = struct.pack(">I", 6) + palette + struct.pack(">I", zlib.crc32(palette))
    write(raw_dir / "masks/a.png", bytes(data[:33]) + chunk + bytes(data[33:]))
    yield "save them as 8-bit grey whose values are the class ids"
    write(raw_dir / "masks/a.png", encode_png(mask))


def masks_in_colours(raw_dir: Path) -> Case:
    _take_labels_away(raw_dir)
    mask = np.eye(12, 16, dtype=np.uint8)
    _write_masks(raw_dir, np.dstack([128 * mask] * 3))
    yield "save a grey image whose values are the class ids"
    _write_masks(raw_dir, mask)


def masks_of_0_and_255(raw_dir: Path) -> Case:
    _take_labels_away(raw_dir)
    mask = np.eye(12, 16, dtype=np.uint8)
    _write_masks(raw_dir, 255 * mask)
    yield "write the class id instead of 255, which for the second class is 1"
    _write_masks(raw_dir, mask)


def masks_with_unknown_ids(raw_dir: Path) -> Case:
    _take_labels_away(raw_dir)
    _write_masks(raw_dir, 2 * np.eye(12, 16, dtype=np.uint8))
    yield "class id 2 is outside 0..1; fix the map (255 is not counted), or the list of class names"
    write(raw_dir / "classes.txt", "ground\ndeer\nboar\n")


CASES: list[Callable[[Path], Case]] = [
    missing_label_file,
    class_as_float,
    confidence,
    polygon,
    pixels_for_shares,
    unknown_class_number,
    box_without_area,
    every_line_twice,
    coco_without_boxes,
    coco_with_unknown_category,
    coco_without_an_image,
    voc_files,
    labels_beside_each_other,
    labels_in_folders,
    other_suffixes,
    folders_of_sequences,
    split_of_another_name,
    lists_and_folders,
    no_splits,
    unknown_name_in_a_list,
    name_twice_in_a_list,
    list_in_another_encoding,
    list_with_zero_bytes,
    label_file_with_zero_bytes,
    no_class_names,
    two_kinds_of_annotations,
    names_in_upper_case,
    thermal_image_of_another_aspect,
    thermal_image_of_another_aspect_and_few_pixels,
    larger_thermal_image,
    false_colours,
    three_channels_of_16_bits,
    transparency,
    grey_visible_image,
    masks_with_a_palette,
    masks_in_colours,
    masks_of_0_and_255,
    masks_with_unknown_ids,
]


@pytest.mark.parametrize("make_case", CASES, ids=lambda case: case.__name__)
def test_remedy_is_accepted(raw_dir: Path, make_case: Callable[[Path], Case]) -> None:
    case = make_case(raw_dir)
    expected = next(case)
    has_16_bits = make_case is three_channels_of_16_bits
    options: dict[str, Any] = {"thermal_range_counts": (7000, 9000)} if has_16_bits else {}
    problems = get_problems(check_raw_rgbt_folder, raw_dir, **options)
    assert [problem for problem in problems if expected not in problem] == []
    with pytest.raises(StopIteration):
        case.send(problems)
    check_raw_rgbt_folder(raw_dir, **options)


def test_names_of_either_spelling_are_one_name(raw_dir: Path) -> None:
    """An umlaut as one character (NFC) or as a letter and dots (NFD), as file systems differ."""
    composed, apart = "stra\u00dfe \u00f6", "stra\u00dfe o\u0308"
    (raw_dir / "visible/a.jpg").rename(raw_dir / f"visible/{composed}.jpg")
    (raw_dir / "thermal/a.png").rename(raw_dir / f"thermal/{apart}.png")
    (raw_dir / "labels/a.txt").rename(raw_dir / f"labels/{apart}.txt")
    for name in (composed, apart):
        write_list(raw_dir / "train.txt", [name, "b"])
        write_list(raw_dir / "night.txt", [name])
        pairs = check_raw_rgbt_folder(raw_dir).pairs["train"]
        assert [(pair.name, pair.is_night) for pair in pairs] == [(composed, True), ("b", False)]
