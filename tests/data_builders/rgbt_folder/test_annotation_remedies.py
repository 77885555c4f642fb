"""What a message about annotations tells a person to do is accepted, applied as it is written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import write
from tests.data_builders.rgbt_folder.remedies import (
    BOX,
    Case,
    check_case,
    make_coco,
    write_raw,
)


def split_without_label_files(raw_dir: Path) -> Case:
    (raw_dir / "labels/c.txt").unlink()
    yield "val: none of its 1 image has a file *.txt in labels/; give annotations the names of"
    write(raw_dir / "labels/c.txt", "")


def label_files_of_other_names(raw_dir: Path) -> Case:
    for name in "abcd":
        (raw_dir / f"labels/{name}.txt").rename(raw_dir / f"labels/{name}_box.txt")
    yield "; of no image are a_box.txt, b_box.txt, c_box.txt...; give annotations the names of"
    for name in "abcd":
        (raw_dir / f"labels/{name}_box.txt").rename(raw_dir / f"labels/{name}.txt")


def two_label_files_of_an_image(raw_dir: Path) -> Case:
    write(raw_dir / "labels/old/a.txt", BOX)
    write(raw_dir / "labels/new/a.txt", "")
    (raw_dir / "labels/a.txt").unlink()
    yield "a (labels/new/a.txt, labels/old/a.txt): has several annotation files that differ; keep"
    (raw_dir / "labels/old/a.txt").unlink()


def boxes_and_masks_in_one_folder(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.png", encode_png(np.zeros((12, 16), np.uint8)))
    yield "labels/: holds 1 file *.png (masks) and 4 files *.txt (YOLO); keep one kind there."
    (raw_dir / "labels/a.png").unlink()


def class_names_that_differ(raw_dir: Path) -> Case:
    write(raw_dir / "data.yaml", "names: [boar, deer]\n")
    yield "data.yaml: names boar, deer, but classes.txt deer, boar; keep the one that the labels"
    (raw_dir / "classes.txt").unlink()


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
    yield "has neither bbox nor segmentation; write [left, top, width, height] in pixels"
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


def write_voc(raw_dir: Path, label: str = "boar", start: str = "") -> None:
    box = "<bndbox><xmin>5</xmin><ymin>4</ymin><xmax>12</xmax><ymax>9</ymax></bndbox>"
    for name in "abcd":
        content = f"<object><name>{label}</name>{box}</object>"
        text = f"{start}<annotation>{content}</annotation>"
        write(raw_dir / "annotations" / f"{name}.xml", text)


def voc_of_an_unknown_class(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write_voc(raw_dir, "wolf")
    yield ", object 1: class 'wolf' is unknown; add it to classes.txt, which has deer, boar."
    write(raw_dir / "classes.txt", "deer\nboar\nwolf\n")


def voc_with_a_document_type(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write_voc(raw_dir, start="<!DOCTYPE annotation>")
    yield "has a document type (<!DOCTYPE), which is refused; remove it"
    write_voc(raw_dir)


def labelme_with_a_line(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    shape = {"label": "boar", "shape_type": "rectangle", "points": [[5, 4], [12, 9]]}
    content = {"shapes": [shape, {**shape, "shape_type": "line"}]}
    for name in "abcd":
        write(raw_dir / f"labels/{name}.json", json.dumps(content))
    yield "shape 2: is of the type 'line', which encloses nothing; draw a rectangle instead, or"
    for name in "abcd":
        write(raw_dir / f"labels/{name}.json", json.dumps({"shapes": [shape]}))


def labelme_damaged(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write(raw_dir / "visible/a.json", '{"shapes": [')
    for name in "bcd":
        write(raw_dir / f"visible/{name}.json", '{"shapes": []}')
    yield "visible/a.json: is damaged, truncated or no JSON at all"
    write(raw_dir / "visible/a.json", '{"shapes": []}')


def cvat_file(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write(raw_dir / "annotations.xml", "<annotations/>")
    yield "(annotations.xml is in CVAT's own format, which is not read: export one of these)."
    write_voc(raw_dir)


def coco_with_corners(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    content = make_coco()
    # Three boxes in each image of 16x12, left, top, right, bottom; those of the right end outside.
    corners = [[1, 1, 5, 6], [6, 2, 12, 11], [9, 3, 16, 9]]
    annotations = [
        {"image_id": i, "category_id": 8, "bbox": box} for i in range(4) for box in corners
    ]
    write(raw_dir / "annotations.json", json.dumps({**content, "annotations": annotations}))
    yield (
        "annotations.json: the bboxes look like left, top, right, bottom, as which all 12 lie in "
        "their images; as COCO's left, top, width, height 8 do not. Subtract left from right, and "
        "top from bottom."
    )
    for item in annotations:
        left, top, right, bottom = item["bbox"]
        item["bbox"] = [left, top, right - left, bottom - top]
    write(raw_dir / "annotations.json", json.dumps({**content, "annotations": annotations}))


def coco_of_texts(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    content = make_coco()
    content["annotations"][0]["bbox"] = ["4", "3", "8", "6"]
    write(raw_dir / "annotations.json", json.dumps(content))
    yield (
        "annotations.json, annotation 0: needs image_id, category_id and a bbox of four numbers "
        "(bbox holds the text '4'; write numbers without quotes)."
    )
    write(raw_dir / "annotations.json", json.dumps(make_coco()))


def keypoints(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", f"{BOX.strip()}{' .5 .5 2' * 3}\n")
    yield "which fits a box with 3 keypoints of three numbers each, and these are not read; keep"
    write(raw_dir / "labels/a.txt", BOX)


def table(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write(raw_dir / "boxes/annotations.csv", "name,left,top,width,height\na,4,3,8,6\n")
    write(raw_dir / "rig.json", "{}")
    yield (
        "has no annotations; give one of labels/ (YOLO or labelme), annotations/ (Pascal VOC or "
        "COCO), annotations.json (COCO) and masks/ (class ids) (not read: boxes/annotations.csv, "
        "rig.json; if the annotations are there, export one of these)."
    )
    write_voc(raw_dir)


def masks_as_arrays(raw_dir: Path) -> Case:
    (raw_dir / "labels").rename(raw_dir / "masks")
    for name in "abcd":
        (raw_dir / f"masks/{name}.txt").rename(raw_dir / f"masks/{name}.npy")
    yield "masks/: holds no file that ends in .png, but 4 files *.npy; put the masks there as PNG"
    for name in "abcd":
        write(raw_dir / f"masks/{name}.png", encode_png(np.eye(12, 16, dtype=np.uint8)))


def tasks_of_label_studio(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    tasks = [{"id": 1, "annotations": [{"result": []}], "data": {"image": "/data/upload/a.jpg"}}]
    write(raw_dir / "annotations.json", json.dumps(tasks))
    yield "holds a list of tasks, as Label Studio's own JSON does; export it as COCO, with images"
    write(raw_dir / "annotations.json", json.dumps(make_coco()))


def coco_of_other_names(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write(raw_dir / "annotations.json", json.dumps(make_coco("wxyz")))
    yield (
        "annotations.json: lists none of the 4 images of train, val, test (a...), but w, x, y...; "
        "make file_name equal to the names of the images."
    )
    write(raw_dir / "annotations.json", json.dumps(make_coco()))


def label_file_with_zero_bytes(raw_dir: Path) -> Case:
    write(raw_dir / "labels/a.txt", BOX.encode() + bytes(3))
    yield "labels/a.txt: holds zero bytes"
    write(raw_dir / "labels/a.txt", BOX)


def no_class_names(raw_dir: Path) -> Case:
    (raw_dir / "classes.txt").unlink()
    yield "classes.txt: file is missing; write one class name per line, or put the data.yaml of the"
    write(raw_dir / "data.yaml", "names: [deer, boar]\n")


def two_kinds_of_annotations(raw_dir: Path) -> Case:
    write(raw_dir / "annotations.json", json.dumps(make_coco()))
    yield "has labels and annotations.json, and a data set has one kind of annotations; keep one"
    (raw_dir / "annotations.json").unlink()


CASES: list[Callable[[Path], Case]] = [
    split_without_label_files,
    label_files_of_other_names,
    two_label_files_of_an_image,
    boxes_and_masks_in_one_folder,
    class_names_that_differ,
    class_as_fraction,
    confidence,
    pixels_for_shares,
    unknown_class_number,
    box_without_area,
    every_line_twice,
    coco_without_boxes,
    coco_with_unknown_category,
    coco_without_an_image,
    voc_of_an_unknown_class,
    voc_with_a_document_type,
    labelme_with_a_line,
    labelme_damaged,
    cvat_file,
    coco_with_corners,
    coco_of_texts,
    keypoints,
    table,
    masks_as_arrays,
    tasks_of_label_studio,
    coco_of_other_names,
    label_file_with_zero_bytes,
    no_class_names,
    two_kinds_of_annotations,
]


@pytest.mark.parametrize("make_case", CASES, ids=lambda case: case.__name__)
def test_remedy_is_accepted(tmp_path: Path, make_case: Callable[[Path], Case]) -> None:
    check_case(write_raw(tmp_path), make_case)
