"""Class names come from whichever file states them."""

import json
import shutil

import pytest

from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from tests.data_builders.raw_pairs import get_objects, get_problems, write, write_rgbt
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


def test_names_of_the_classes_come_from_the_categories(raw_dir):
    (raw_dir / "classes.txt").unlink()
    write(raw_dir / "annotations.json", json.dumps(make_coco()))
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.class_names.objects == ("deer", "boar")
    assert {item.class_id for pair in checked.pairs["train"] for item in get_objects(pair)} == {1}
    assert checked.notes == (
        "class names from the annotations, in the order of their ids: deer, boar.",
        "no annotation uses deer: list the classes to be kept in classes.txt.",
    )


@pytest.mark.parametrize(("make", "suffix"), [(make_voc, "xml"), (make_labelme, "json")])
def test_names_of_the_classes_come_from_the_objects(raw_dir, make, suffix):
    (raw_dir / "classes.txt").unlink()
    write_texts(raw_dir, make, f"annotations/{{name}}.{suffix}")
    write(raw_dir / f"annotations/b.{suffix}", make("b").replace("boar", "ape"))
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.class_names.objects == ("ape", "boar")
    assert checked.notes[0] == (
        "class names from the annotations, in alphabetical order: ape, boar."
    )


def test_names_of_the_classes_come_from_the_labelmap_of_voc(raw_dir):
    (raw_dir / "classes.txt").unlink()
    write_texts(raw_dir, make_voc, "Annotations/{name}.xml")
    write(raw_dir / "labelmap.txt", "background:0,0,0::\nelk:1,1,1::\nboar:9,9,9::\n")
    assert check_raw_rgbt_folder(raw_dir).class_names.objects == ("elk", "boar")
    write(raw_dir / "labelmap.txt", "boar\n")
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)[:1]
    assert problem.startswith("labelmap.txt, line 1: needs NAME:RED,GREEN,BLUE")


def test_annotations_without_any_class_name_need_a_list(raw_dir):
    (raw_dir / "classes.txt").unlink()
    write_texts(raw_dir, lambda _: "<annotation/>", "annotations/{name}.xml")
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "classes.txt: file is missing, and the annotations name no class; write one class name "
        "per line."
    ]


def test_unreadable_annotations_are_not_reported_for_their_names(raw_dir):
    (raw_dir / "classes.txt").unlink()
    write_texts(raw_dir, lambda _: "no XML", "annotations/{name}.xml")
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert all("cannot be read as XML" in problem for problem in problems)
    shutil.rmtree(raw_dir / "annotations")
    write(raw_dir / "annotations.json", "no JSON")
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problem.startswith("annotations.json: is not a COCO file")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.yaml", "train: images/train\nnc: 2\nnames: [deer, boar]\n"),
        ("dataset.yml", "names:\n  0: deer\n  1: boar\n"),
        ("obj.names", "deer\nboar\n"),
        ("labels/classes.txt", "deer\nboar\n"),
    ],
)
def test_names_of_the_classes_come_from_the_files_of_yolo(raw_dir, name, text):
    (raw_dir / "classes.txt").unlink()
    write_texts(raw_dir, make_yolo, "labels/{name}.txt")
    write(raw_dir / name, text)
    write(raw_dir / "other.yaml", "seed: 1\n")
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.class_names.objects == ("deer", "boar")
    assert get_boxes(checked) == EXPECTED
    assert checked.notes == ()


@pytest.mark.parametrize("name", ["visible/data.yaml", "visible/labels/data.yml"])
def test_names_of_the_labels_that_are_read_count(raw_dir, name):
    """Each camera's labels have a list of their own, in another order."""
    (raw_dir / "classes.txt").unlink()
    write_texts(raw_dir, make_yolo, "visible/labels/{name}.txt")
    write_texts(raw_dir, lambda _: "0 .5 .5 .5 .5\n", "thermal/labels/{name}.txt")
    write(raw_dir / name, "names: [deer, boar]\n")
    write(raw_dir / "thermal/data.yaml", "names: [boar, deer]\n")
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.class_names.objects == ("deer", "boar")
    assert get_boxes(checked) == EXPECTED
    (warning,) = checked.warnings
    assert warning.startswith("labels/: 4 files not read, because other files of the same pairs")
    write(raw_dir / "data.yaml", "names: [boar, deer]\n")
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problem.startswith(f"{name}: names deer, boar, but data.yaml boar, deer; keep the one")
