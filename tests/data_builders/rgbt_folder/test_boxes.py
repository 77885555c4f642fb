"""What becomes of boxes in the formats of the user's own folder."""

import json
import shutil

import pytest

from data_builders.checks.annotations import Role
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import get_problems, write, write_rgbt
from tests.data_builders.rgbt_folder.same_boxes import (
    NAMES,
    get_boxes,
    make_coco,
    make_voc,
    make_yolo,
    write_texts,
)


@pytest.fixture
def raw_dir(tmp_path):
    return write_rgbt(tmp_path / "raw", NAMES)


def test_voc_is_read_as_edges_where_numbers_say_so(raw_dir):
    """One number that cannot count pixels from 1 holds for all files."""
    write_texts(raw_dir, make_voc, "annotations/{name}.xml")
    write(raw_dir / "annotations/d.xml", make_voc("d").replace("<ymin>4<", "<ymin>0.0<"))
    checked = check_raw_rgbt_folder(raw_dir)
    assert get_boxes(checked)["a"] == [(2, 4, 12, 9)]
    assert get_boxes(checked)["d"] == [(5, 0, 12, 9)]
    assert checked.notes[0] == (
        "annotations/: its numbers are read as edges from 0, as annotations/d.xml, object 1 shows, "
        "which begins at 0 or has a fraction: a box from 1 to 2 is one pixel wide."
    )


def test_fractions_in_the_place_of_pixels_are_refused(raw_dir):
    numbers = "<xmin>.1</xmin><ymin>.2</ymin><xmax>.5</xmax><ymax>.9</ymax>"
    item = f"<object><name>boar</name><bndbox>{numbers}</bndbox></object>"
    write_texts(raw_dir, lambda _: f"<annotation>{item}</annotation>", "annotations/{name}.xml")
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert [problem.partition(":")[0] for problem in problems] == [
        f"split {split!r}" for split in NAMES
    ]
    assert all("fractions of the image's size, not pixels" in problem for problem in problems)


def test_voc_of_another_size_than_the_image_is_refused(raw_dir):
    write_texts(raw_dir, make_voc, "annotations/{name}.xml")
    write(raw_dir / "annotations/a.xml", make_voc("a").replace(">16<", ">32<"))
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problem.startswith("a: the annotations are for an image of 32x12 pixels")


def test_difficult_objects_and_crowds_become_ignored_regions(raw_dir):
    mark = "<name>boar</name><difficult>1</difficult>"
    write_texts(
        raw_dir,
        lambda name: make_voc(name).replace("<name>boar</name>", mark),
        "labels/{name}.xml",
    )
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.box_counts["train"]["boar"] == {
        Role.POSITIVE: 0,
        Role.IGNORED: 2,
        Role.DROPPED: 0,
    }
    shutil.rmtree(raw_dir / "labels")
    content = make_coco()
    for item in content["annotations"]:
        item["iscrowd"] = 1
    write(raw_dir / "annotations.json", json.dumps(content))
    assert check_raw_rgbt_folder(raw_dir).box_counts == checked.box_counts


@pytest.mark.parametrize("label", [-1, 256])
def test_impossible_ignored_label_is_refused(raw_dir, label):
    with pytest.raises(MdjaxError, match=f"ignored_label = {label}: give a class id from 0 to 255"):
        check_raw_rgbt_folder(raw_dir, ignored_label=label)


def test_ignored_label_is_for_masks(raw_dir):
    write_texts(raw_dir, make_yolo, "labels/{name}.txt")
    assert get_problems(check_raw_rgbt_folder, raw_dir, ignored_label=3) == [
        "ignored_label = 3: is for masks, but labels/ holds boxes; omit --ignored-label."
    ]
