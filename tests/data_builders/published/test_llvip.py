import shutil

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.published.llvip import PrepareLlvip, check_raw_llvip
from mdjax.data.source import open_split
from mdjax.types import MdjaxError
from tests.data_builders.published.raw_published import write_llvip, write_voc
from tests.data_builders.raw_pairs import get_objects, get_problems

NAMES = {"train": ("010001", "020001"), "test": ("190001",)}


@pytest.fixture
def raw_dir(tmp_path):
    return write_llvip(tmp_path / "LLVIP", NAMES)


def test_pairs_are_found_by_split(raw_dir):
    checked = check_raw_llvip(raw_dir)
    assert {s: tuple(p.name for p in part) for s, part in checked.pairs.items()} == NAMES
    assert all(pair.is_night for part in checked.pairs.values() for pair in part)
    assert checked.class_names.objects == ("person",)
    assert checked.notes[0].startswith("LLVIP is a part: has 2 of 12,025 train pairs, 1 of 3,463")


def test_boxes_are_edges_from_0(raw_dir):
    """As in the authors' conversion to YOLO: the width is 8 - 2, nothing is subtracted."""
    checked = check_raw_llvip(raw_dir)
    (person,) = get_objects(checked.pairs["test"][0])
    assert (person.box_xyxy, person.label, person.class_id) == ((2.0, 3.0, 8.0, 12.0), "person", 0)
    assert checked.box_counts["train"]["person"][Role.POSITIVE] == 2


def test_records_are_what_training_reads(raw_dir, tmp_path):
    summary = PrepareLlvip(raw_dir, data_dir=tmp_path / "data").prepare()
    assert summary.dataset == "llvip/default"
    split = open_split("llvip", "train", tmp_path / "data")
    assert split.get_class_names("objects") == ("person",)
    record = split[1]
    assert record["name"] == b"020001"
    assert record["visible"] == (raw_dir / "visible/train/020001.jpg").read_bytes()
    assert record["thermal"] == (raw_dir / "infrared/train/020001.jpg").read_bytes()
    assert np.array_equal(record["objects"]["bbox_xyxy_px"], [[2, 3, 8, 12]])


def test_one_split_is_enough(raw_dir):
    for camera in ("visible", "infrared"):
        shutil.rmtree(raw_dir / camera / "train")
    checked = check_raw_llvip(raw_dir)
    assert list(checked.pairs) == ["test"]
    assert "has 0 of 12,025 train pairs, 1 of 3,463 test pairs" in checked.notes[0]


def test_no_split_is_one_fault(raw_dir):
    for camera in ("visible", "infrared"):
        shutil.rmtree(raw_dir / camera)
    assert get_problems(check_raw_llvip, raw_dir) == [
        "visible/train/ and visible/test/: folders are missing."
    ]


def test_every_fault_is_in_one_message_and_can_be_left_out(raw_dir):
    write_voc(raw_dir / "Annotations/010001.xml", [("dog", 2, 3, 8, 12)])
    write_llvip(raw_dir, {"train": ("030001", "030002", "030003")})
    (raw_dir / "Annotations/030001.xml").unlink()
    (raw_dir / "infrared/train/030002.jpg").unlink()
    (raw_dir / "Annotations/030003.xml").write_text("<annotation")
    expected = [
        "Annotations/010001.xml, object 1: 'dog' is no class of LLVIP (person); correct it, or",
        "Annotations/030003.xml: cannot be read as XML",
        f"{raw_dir}/Annotations/030001.xml: file is missing; each image has one, get it again",
        f"{raw_dir}/visible/train/030002.jpg: has no partner in ",
    ]
    problems = sorted(get_problems(check_raw_llvip, raw_dir))
    for problem, start in zip(problems, sorted(expected), strict=True):
        assert problem.startswith(start)
    checked = check_raw_llvip(raw_dir, skip_faulty=True)
    assert [pair.name for pair in checked.pairs["train"]] == ["020001"]


def test_folder_around_the_right_one_names_it(raw_dir):
    with pytest.raises(MdjaxError, match="but LLVIP/ has; give that"):
        check_raw_llvip(raw_dir.parent)
