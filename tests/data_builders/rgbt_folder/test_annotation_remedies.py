"""What a message about annotations tells a person to do is accepted, applied as it is written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data_builders.raw_pairs import (
    write,
)
from tests.data_builders.rgbt_folder.remedies import (
    BOX,
    Case,
    check_case,
    make_coco,
    sort_into_folders,
    write_raw,
)


def missing_label_file(raw_dir: Path) -> Case:
    (raw_dir / "labels/a.txt").unlink()
    yield "file is missing; an image without objects has an empty one"
    write(raw_dir / "labels/a.txt", "")


def class_as_fraction(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", "0.5 .5 .5 .5 .5\n")
    yield "the class is '0.5'; write a whole number, such as 0."
    write(raw_dir / "labels/a.txt", "0 .5 .5 .5 .5\n")


def confidence(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", "1 .5 .5 .5 .5 .91\n")
    yield "remove the sixth"
    write(raw_dir / "labels/a.txt", BOX)


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
    yield "labels/a.txt, line 2: is a duplicate of an earlier box; remove it."
    write(raw_dir / "labels/a.txt", BOX)


def coco_without_boxes(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    content = make_coco()
    del content["annotations"][1]["bbox"]
    write(raw_dir / "annotations.json", json.dumps(content))
    yield "has no bbox; write [left, top, width, height] in pixels"
    write(raw_dir / "annotations.json", json.dumps(make_coco()))


def coco_with_unknown_category(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    content = make_coco()
    content["annotations"][1]["category_id"] = 9
    write(raw_dir / "annotations.json", json.dumps(content))
    yield "category 'wolf' is unknown; add it to classes.txt"
    write(raw_dir / "classes.txt", "deer\nboar\nwolf\n")


def coco_without_an_image(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write(raw_dir / "annotations.json", json.dumps(make_coco("abc")))
    yield "annotations.json, d: the image is not listed; list it, without annotations"
    content = make_coco()
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
    sort_into_folders(raw_dir, "visible", "thermal")
    yield "labels/: its 4 files are in one folder"
    sort_into_folders(raw_dir, "labels")


def labels_in_folders(raw_dir: Path) -> Case:
    for name in "abcd":
        (raw_dir / "labels/all").mkdir(exist_ok=True)
        (raw_dir / f"labels/{name}.txt").rename(raw_dir / f"labels/all/{name}.txt")
    yield "labels/: its 4 files are in folders"
    for path in (raw_dir / "labels/all").iterdir():
        path.rename(raw_dir / "labels" / path.name)


def label_file_with_zero_bytes(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", BOX.encode() + bytes(3))
    yield "labels/a.txt: holds zero bytes"
    write(raw_dir / "labels/a.txt", BOX)


def no_class_names(raw_dir: Path) -> Case:
    (raw_dir / "classes.txt").unlink()
    yield "classes.txt: file is missing; write one class name per line."
    write(raw_dir / "classes.txt", "deer\nboar\n")


def two_kinds_of_annotations(raw_dir: Path) -> Case:
    write(raw_dir / "annotations.json", json.dumps(make_coco()))
    yield "has labels and annotations.json; give one of"
    (raw_dir / "annotations.json").unlink()


CASES: list[Callable[[Path], Case]] = [
    missing_label_file,
    class_as_fraction,
    confidence,
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
    label_file_with_zero_bytes,
    no_class_names,
    two_kinds_of_annotations,
]


@pytest.mark.parametrize("make_case", CASES, ids=lambda case: case.__name__)
def test_remedy_is_accepted(tmp_path: Path, make_case: Callable[[Path], Case]) -> None:
    check_case(write_raw(tmp_path), make_case)
