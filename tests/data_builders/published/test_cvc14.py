import shutil

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.published.cvc14 import PrepareCvc14, check_raw_cvc14
from mdjax.data.decode import decode_pair
from mdjax.data.source import open_split
from tests.data_builders.published.raw_published import write_cvc14, write_cvc14_frame
from tests.data_builders.raw_pairs import get_objects, get_problems, make_image_u8, write

NAMES = {
    "Day/*/Train": ("2014_05_05_17_29_23_323000", "2014_05_05_17_29_24_323000"),
    "Night/*/Train": ("2014_05_04_23_20_07_502000",),
    "Night/*/NewTest": ("2014_05_01_23_18_25_804000",),
}
DAY, NIGHT = "2014_05_05_17_29_23_323000", "2014_05_04_23_20_07_502000"


@pytest.fixture
def raw_dir(tmp_path):
    return write_cvc14(tmp_path / "CVC-14", NAMES)


def _get_names(checked):
    return {split: [pair.name for pair in pairs] for split, pairs in checked.pairs.items()}


def test_pairs_are_found_by_split_and_time(raw_dir):
    checked = check_raw_cvc14(raw_dir)
    assert _get_names(checked) == {
        "train": [f"Day/{DAY}", "Day/2014_05_05_17_29_24_323000", f"Night/{NIGHT}"],
        "test": ["Night/2014_05_01_23_18_25_804000"],
    }
    assert [pair.is_night for pair in checked.pairs["train"]] == [False, False, True]
    assert checked.notes[0].startswith(
        "CVC-14 is a part: has 3 of 7,085 train pairs, 1 of 1,433 test pairs"
    )


def test_boxes_are_those_of_the_visible_image_by_their_centres(raw_dir):
    """Centre (6, 6), 8x10 pixels: from (2, 1) to (10, 11); the optional one is ignored."""
    checked = check_raw_cvc14(raw_dir)
    person, optional = get_objects(checked.pairs["test"][0])
    assert person.box_xyxy == (2.0, 1.0, 10.0, 11.0)
    assert (optional.box_xyxy, optional.role) == ((10.0, 4.0, 14.0, 8.0), Role.IGNORED)
    assert any("both cameras are badly registered" in text for text in checked.warnings)


def test_frames_without_pedestrians_need_no_annotation(raw_dir):
    write_cvc14_frame(raw_dir, "Day/*/Train/FramesNeg", "2014_05_05_17_30_00_000000", 40)
    checked = check_raw_cvc14(raw_dir)
    pairs = {pair.name: pair for pair in checked.pairs["train"]}
    assert len(pairs) == 4
    assert get_objects(pairs["Day/2014_05_05_17_30_00_000000"]) == ()


def test_frames_of_one_camera_alone_are_noted_and_omitted(raw_dir):
    (raw_dir / f"Day/FIR/Train/FramesPos/{DAY}.tif").unlink()
    checked = check_raw_cvc14(raw_dir)
    assert len(checked.pairs["train"]) == 2
    assert f"Day, Train: 1 frame of one camera alone, omitted ({DAY})." in checked.notes


def test_records_are_what_training_reads(raw_dir, tmp_path):
    PrepareCvc14(raw_dir, data_dir=tmp_path / "data").prepare()
    split = open_split("cvc14", "train", tmp_path / "data")
    assert split.get_class_names("objects") == ("person",)
    record = split[0]
    visible_u8, thermal_u8 = decode_pair(record, "a")
    grey_u8 = make_image_u8(0, channels=1)
    assert np.array_equal(visible_u8, np.stack([grey_u8] * 3, axis=-1))
    assert np.array_equal(thermal_u8, make_image_u8(50, channels=1))
    assert np.array_equal(record["objects"]["is_ignored"], [False, True])
    assert "thermal_bbox_xyxy_px" not in record["objects"]


def test_every_fault_is_in_one_message_and_can_be_left_out(raw_dir):
    folder = raw_dir / "Day/Visible/Train/Annotations"
    (folder / f"{DAY}.txt").unlink()
    write(raw_dir / f"Night/Visible/Train/Annotations/{NIGHT}.txt", "6 6 8\n6 6 8 10 2 0\n")
    first, second, third = sorted(get_problems(check_raw_cvc14, raw_dir))
    assert first == (
        f"Day/Visible/Train/Annotations/{DAY}.txt: file is missing; each frame of FramesPos/ has "
        "one."
    )
    assert second.startswith(
        f"Night/Visible/Train/Annotations/{NIGHT}.txt, line 1: needs the numbers x y width height"
    )
    assert third.endswith("line 2: mandatory is 2; write 0 or 1, or remove the line.")
    checked = check_raw_cvc14(raw_dir, skip_faulty=True)
    assert _get_names(checked)["train"] == ["Day/2014_05_05_17_29_24_323000"]


def test_annotation_that_is_no_text_is_a_fault_of_its_pair(raw_dir):
    path = write(raw_dir / f"Day/Visible/Train/Annotations/{DAY}.txt", b"\xff\xfe")
    (problem,) = get_problems(check_raw_cvc14, raw_dir)
    assert problem == f"{path}: is not UTF-8 text; save it as UTF-8."
    assert len(check_raw_cvc14(raw_dir, skip_faulty=True).pairs["train"]) == 2


def test_other_moments_of_the_other_camera_are_one_line(raw_dir):
    folder = raw_dir / "Night/FIR/NewTest/FramesPos"
    for path in folder.iterdir():
        path.rename(folder / f"a{path.name}")
    problems = get_problems(check_raw_cvc14, raw_dir)
    assert problems[0].startswith("Night, NewTest: no frame of Visible/ has the name of one of FIR")


def test_missing_parts_are_one_line(raw_dir):
    for path in raw_dir.glob("*/*/*"):
        shutil.rmtree(path)
    assert get_problems(check_raw_cvc14, raw_dir) == [
        "Train/ and NewTest/: folders are missing below Day/ and Night/."
    ]
    write_cvc14(raw_dir, {"Day/*/Train": (DAY,)})
    shutil.rmtree(raw_dir / "Day/FIR")
    problems = get_problems(check_raw_cvc14, raw_dir)
    assert problems[0] == f"{raw_dir}/Day/FIR/Train/FramesPos: folder is missing."
