import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.published.flir_aligned import PrepareFlirAligned, check_raw_flir_aligned
from mdjax.data.source import open_split
from tests.data_builders.published.raw_published import write_flir_aligned, write_voc
from tests.data_builders.raw_pairs import get_objects, get_problems

NAMES = {"train": ("FLIR_00002", "FLIR_00004"), "test": ("FLIR_08864",)}


@pytest.fixture
def raw_dir(tmp_path):
    return write_flir_aligned(tmp_path / "align", NAMES)


def test_listed_pairs_are_found_and_the_official_validation_is_the_test(raw_dir):
    checked = check_raw_flir_aligned(raw_dir)
    assert {s: tuple(p.name for p in part) for s, part in checked.pairs.items()} == NAMES
    assert checked.class_names.objects == ("person", "car", "bicycle")
    assert checked.notes[0].startswith(
        "FLIR-aligned is a part: has 2 of 4,129 train pairs, 1 of 1,013 test pairs"
    )


def test_dogs_are_dropped_and_that_is_said(raw_dir):
    checked = check_raw_flir_aligned(raw_dir)
    (car,) = get_objects(checked.pairs["test"][0])
    assert (car.label, car.class_id, car.box_xyxy) == ("car", 1, (1.0, 2.0, 9.0, 8.0))
    assert checked.box_counts["train"]["dog"][Role.DROPPED] == 2
    note = "boxes of 'dog' are dropped: too few, the paper keeps the three frequent classes."
    assert note in checked.notes


@pytest.mark.parametrize("suffix", ["", "_PreviewData", "_PreviewData.jpeg"])
def test_lists_are_found_beside_and_in_their_folder(suffix, raw_dir):
    (raw_dir / "ImageSets/Main").mkdir(parents=True)
    before = check_raw_flir_aligned(raw_dir).fingerprint
    for name in ("align_train.txt", "align_validation.txt"):
        text = (raw_dir / name).read_text().replace("_PreviewData", suffix)
        (raw_dir / name).unlink()
        (raw_dir / "ImageSets/Main" / name).write_text(text)
    assert check_raw_flir_aligned(raw_dir).fingerprint == before


def test_records_are_what_training_reads(raw_dir, tmp_path):
    PrepareFlirAligned(raw_dir, data_dir=tmp_path / "data").prepare()
    split = open_split("flir_aligned", "test", tmp_path / "data")
    assert split.get_class_names("objects") == ("person", "car", "bicycle")
    (record,) = (split[i] for i in range(len(split)))
    path = raw_dir / "JPEGImages/FLIR_08864_PreviewData.jpeg"
    assert record["thermal"] == path.read_bytes()
    assert np.array_equal(record["objects"]["label"], [1])


def test_every_fault_is_in_one_message_and_can_be_left_out(raw_dir):
    (raw_dir / "Annotations/FLIR_00002_PreviewData.xml").unlink()
    write_voc(raw_dir / "Annotations/FLIR_08864_PreviewData.xml", [("car", 1, 2, 9, 8)], (512, 640))
    (raw_dir / "JPEGImages/FLIR_00002_RGB.jpg").unlink()
    first, second, third = sorted(get_problems(check_raw_flir_aligned, raw_dir))
    assert first.startswith("Annotations/FLIR_00002_PreviewData.xml: file is missing; each image")
    assert second.startswith("FLIR_08864: the annotations are for an image of 640x512 pixels")
    assert third.startswith("JPEGImages/FLIR_00002_RGB.jpg: file is missing; add it, or remove")
    (raw_dir / "align_validation.txt").unlink()
    checked = check_raw_flir_aligned(raw_dir, skip_faulty=True)
    assert [pair.name for pair in checked.pairs["train"]] == ["FLIR_00004"]


def test_missing_lists_and_folders_are_one_line_each(raw_dir):
    for name in ("align_train.txt", "align_validation.txt"):
        (raw_dir / name).unlink()
    (raw_dir / "Annotations").rename(raw_dir / "xml")
    assert get_problems(check_raw_flir_aligned, raw_dir) == [
        "Annotations/: folder is missing.",
        "align_train.txt and align_validation.txt: files are missing; put them into this folder.",
    ]


def test_list_that_is_no_text_is_one_line(raw_dir):
    (raw_dir / "align_train.txt").write_bytes(b"\xff\xfe")
    (problem,) = get_problems(check_raw_flir_aligned, raw_dir)
    assert problem.startswith("align_train.txt: is not UTF-8 text")
