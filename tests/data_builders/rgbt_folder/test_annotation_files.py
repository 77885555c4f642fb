"""Annotations are found wherever tools put them."""

import json

import pytest

from data_builders.checks.annotations import Role
from data_builders.rgbt_folder.annotation_files import find_annotation_place
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.io.findings import Findings
from tests.data_builders.raw_pairs import get_problems, write, write_rgbt
from tests.data_builders.rgbt_folder.remedies import sort_into_folders
from tests.data_builders.rgbt_folder.same_boxes import (
    EXPECTED,
    NAMES,
    get_boxes,
    make_coco,
    make_labelme,
    make_voc,
    make_yolo,
    write_texts,
)


@pytest.fixture
def raw_dir(tmp_path):
    return write_rgbt(tmp_path / "raw", NAMES)


@pytest.mark.parametrize("has_folders", [False, True])
@pytest.mark.parametrize(
    ("make", "pattern"),
    [
        (make_yolo, "labels/{name}.txt"),
        (make_yolo, "labels/{split}/{name}.txt"),
        (make_yolo, "{split}/labels/{name}.txt"),
        (make_yolo, "labels/all/{name}.txt"),
        (make_yolo, "Labels/{name}.TXT"),
        (make_yolo, "annotations/{name}.txt"),
        (make_voc, "annotations/{name}.xml"),
        (make_voc, "Annotations/{split}/{name}.xml"),
        (make_voc, "labels/{name}.xml"),
        (make_labelme, "labels/{name}.json"),
        (make_labelme, "annotations/{split}/{name}.json"),
    ],
)
def test_files_of_images_are_found_wherever_they_are(raw_dir, make, pattern, has_folders):
    write_texts(raw_dir, make, pattern)
    if has_folders:
        sort_into_folders(raw_dir, "visible", "thermal")
    checked = check_raw_rgbt_folder(raw_dir)
    assert get_boxes(checked) == EXPECTED
    assert checked.class_names.objects == ("deer", "boar")
    assert checked.box_counts["train"]["boar"][Role.POSITIVE] == 2


def test_folders_may_be_links(raw_dir, tmp_path):
    """One of them leads to a folder that it is in."""
    write_texts(tmp_path, make_yolo, "elsewhere/labels/{name}.txt")
    (raw_dir / "train").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (raw_dir / "visible/loop").symlink_to(raw_dir, target_is_directory=True)
    findings = Findings()
    place = find_annotation_place(raw_dir, {"train": []}, findings)
    assert place is not None
    assert set(place.files.values()) == {("train", name) for name in "abcd"}
    assert findings == Findings()


@pytest.mark.parametrize("kind", ["visible", "thermal"])
@pytest.mark.parametrize(
    ("make", "suffix"), [(make_yolo, "txt"), (make_voc, "xml"), (make_labelme, "json")]
)
def test_files_may_be_beside_the_images(raw_dir, make, suffix, kind):
    write_texts(raw_dir, make, f"{kind}/{{name}}.{suffix}")
    write(raw_dir / kind / "notes.txt", "no labels")
    assert get_boxes(check_raw_rgbt_folder(raw_dir)) == EXPECTED


@pytest.mark.parametrize(
    "names",
    [
        {split: f"annotations/{split}.json" for split in NAMES},
        {split: f"annotations/instances_{split}2017.json" for split in NAMES},
        {
            "train": "annotations/instances_Train.json",
            "val": "annotations/instances_Validation.json",
            "test": "annotations/instances_Test.json",
        },
        {
            "train": "train/_annotations.coco.json",
            "val": "valid/_annotations.coco.json",
            "test": "test/_annotations.coco.json",
        },
    ],
)
def test_coco_files_of_splits_may_have_the_names_that_tools_give(raw_dir, names):
    for split, name in names.items():
        write(raw_dir / name, json.dumps(make_coco("".join(NAMES[split]))))
    checked = check_raw_rgbt_folder(raw_dir)
    assert get_boxes(checked) == EXPECTED
    assert checked.warnings == ()


@pytest.mark.parametrize(
    "name", ["annotations.json", "annotations/instances_default.json", "Annotations.json"]
)
@pytest.mark.parametrize(
    "file_name", ["{}.jpg", "visible/{}.jpg", "C:\\deer\\{}.png", "up/0a1b2c3d-{}.jpg"]
)
def test_one_coco_file_may_be_of_all_splits(raw_dir, name, file_name):
    write(raw_dir / name, json.dumps(make_coco(file_name=file_name)))
    assert get_boxes(check_raw_rgbt_folder(raw_dir)) == EXPECTED


def test_coco_file_of_any_name_may_be_in_the_folder(raw_dir):
    write(raw_dir / "result.json", json.dumps(make_coco(file_name="images/{}.jpg")))
    write(raw_dir / "rig.json", json.dumps({"images": 2}))
    assert get_boxes(check_raw_rgbt_folder(raw_dir)) == EXPECTED
    write(raw_dir / "second.json", json.dumps(make_coco()))
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problems[0].startswith(
        "train: none of the files result.json, second.json is by its name or folder the COCO file"
    )
    write_texts(raw_dir, make_yolo, "labels/{name}.txt")
    assert get_boxes(check_raw_rgbt_folder(raw_dir)) == EXPECTED


def test_coco_files_of_splits_may_be_in_the_folder(raw_dir):
    for split, names in NAMES.items():
        write(raw_dir / f"{split}.json", json.dumps(make_coco("".join(names))))
    assert get_boxes(check_raw_rgbt_folder(raw_dir)) == EXPECTED


def test_files_of_labelme_and_of_coco_are_two_kinds(raw_dir):
    write_texts(raw_dir, make_labelme, "labels/{name}.json")
    write(raw_dir / "labels/all.json", json.dumps(make_coco()))
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "labels/: holds 1 file *.json (COCO) and 4 files *.json (labelme); keep one kind there."
    ]


def test_coco_file_of_objects_counts_beside_those_of_captions(raw_dir):
    for split, names in NAMES.items():
        content = json.dumps(make_coco("".join(names)))
        write(raw_dir / f"annotations/instances_{split}2017.json", content)
        write(raw_dir / f"annotations/captions_{split}2017.json", "{}")
    assert get_boxes(check_raw_rgbt_folder(raw_dir)) == EXPECTED


def test_coco_entry_of_the_visible_image_counts(raw_dir):
    content, thermal = (
        make_coco(file_name="visible/{}.jpg"),
        make_coco(file_name="thermal/{}.png"),
    )
    for image in thermal["images"]:
        image["id"] += 10
    content["images"] += thermal["images"]
    write(raw_dir / "annotations.json", json.dumps(content))
    checked = check_raw_rgbt_folder(raw_dir)
    assert get_boxes(checked) == EXPECTED
    assert checked.notes == ("annotations.json: 4 images are in no split, omitted (thermal/a...).",)
    for image in thermal["images"]:
        image["file_name"] = image["file_name"].replace("thermal", "other")
        content["images"][image["id"] - 10]["file_name"] = f"more/{image['file_name'][6:]}"
    write(raw_dir / "annotations.json", json.dumps(content))
    assert get_problems(check_raw_rgbt_folder, raw_dir)[0] == (
        "annotations.json, a: 2 images have this name (more/a, other/a); keep one."
    )
