import dataclasses
import json
import subprocess
import sys
from typing import Any, cast

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.kaist import Kaist, PrepareKaist
from data_builders.kaist.labels import TEST_RULE, TRAIN_RULE
from data_builders.kaist.layout import KaistSplit, check_raw_kaist
from data_builders.prepared import make_summary_table
from mdjax.data.source import open_split
from mdjax.io.kaist_text import read_annotation
from mdjax.types import MdjaxError
from tests.data_builders.raw_pairs import (
    encode_jpg,
    make_image_u8,
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
)
from tests.data_builders.reading import print_rows, read_metadata, read_records

TRAIN, TEST = "set00/V000/I00001", "set09/V001/I00007"


@pytest.fixture
def raw_dir(tmp_path):
    return write_kaist_pairs(tmp_path / "raw", [TRAIN, TEST])


@pytest.fixture
def splits(raw_dir):
    """Paired annotations to train on, flat ones to test with."""
    train = write_annotations(
        raw_dir / "paired",
        {
            "set00/V000/visible/I00001": ["person 2 3 4 5 1", "people 1 1 8 8 0"],
            "set00/V000/lwir/I00001": ["person 3 3 4 5 1", "people 1 1 9 8 0"],
        },
    )
    test = write_annotations(raw_dir / "flat", {TEST.replace("/", "_"): ["person 5 5 2 4 2"]})
    return {
        "train": KaistSplit(write_list(raw_dir / "train.txt", [TRAIN]), train, TRAIN_RULE),
        "test": KaistSplit(write_list(raw_dir / "test.txt", [TEST]), test, TEST_RULE),
    }


@pytest.fixture
def command(raw_dir, splits, tmp_path):
    train, test = splits["train"], splits["test"]
    return PrepareKaist(
        raw_dir,
        train_list=train.image_list,
        test_list=test.image_list,
        train_annotations=train.annotations,
        test_annotations=test.annotations,
        data_dir=tmp_path / "data",
    )


@pytest.fixture
def test_only(command):
    return dataclasses.replace(command, train_list=None)


@pytest.fixture(scope="module")
def real_kaist(real_data_dir, tmp_path_factory):
    """The nine real test pairs, prepared: folder of the download, names, summary."""
    raw_dir = real_data_dir / "kaist"
    present = {
        f"{path.parts[-4]}/{path.parts[-3]}/{path.stem}"
        for path in raw_dir.glob("images/*/*/visible/*.png")
    }
    listed = (raw_dir / "test-all-20.txt").read_text().split()
    names = [name for name in listed if name in present]
    folder = tmp_path_factory.mktemp("kaist")
    image_list = write_list(folder / "nine.txt", names)
    annotations = raw_dir / "annotations_liu"
    command = PrepareKaist(
        raw_dir, test_list=image_list, test_annotations=annotations, data_dir=folder / "data"
    )
    return raw_dir, names, command.prepare()


def test_real_pairs_are_prepared_with_identical_bytes_in_the_order_of_the_list(real_kaist):
    raw_dir, names, summary = real_kaist
    records = read_records(summary.folder, "test")
    assert [record["name"].decode() for record in records] == names
    assert len(names) == 9
    for record, name in zip(records, names, strict=True):
        video, _, image = name.rpartition("/")
        folder = raw_dir / "images" / video
        assert record["visible"] == (folder / "visible" / f"{image}.png").read_bytes()
        assert record["thermal"] == (folder / "lwir" / f"{image}.png").read_bytes()
        assert record["is_night"] == (name[:5] in {"set09", "set10", "set11"})


def test_real_annotations_count_from_0_in_the_records(real_kaist):
    raw_dir, names, summary = real_kaist
    num_objects = []
    for record, name in zip(read_records(summary.folder, "test"), names, strict=True):
        path = raw_dir / "annotations_liu" / f"{name.replace('/', '_')}.txt"
        lines = [line.split() for line in path.read_text().splitlines()[1:]]
        boxes = np.array([line[1:5] for line in lines], np.float32).reshape(-1, 4)
        expected = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1) - 1
        objects = record["objects"]
        assert set(objects) == {"bbox_xyxy_px", "label", "is_ignored", "occlusion"}
        found = np.reshape(objects["bbox_xyxy_px"], (-1, 4))
        np.testing.assert_array_equal(found, np.clip(expected, 0, [640, 512, 640, 512]))
        assert list(objects["is_ignored"]) == [line[0] != "person" for line in lines]
        assert list(objects["occlusion"]) == [int(line[5]) for line in lines]
        assert not np.any(objects["label"])
        num_objects.append(len(lines))
    metadata = read_metadata(summary.folder)
    assert metadata["max_objects"] == max(num_objects)
    assert metadata["object_class_names"] == ["person"]
    assert metadata["raw_dir"] == str(raw_dir.resolve())
    assert sum(map(sum, ([*r.values()] for r in summary.box_counts["test"].values()))) == sum(
        num_objects
    )


def test_test_split_alone_has_a_summary(real_kaist):
    _, _, summary = real_kaist
    rows = print_rows(make_summary_table(summary))
    assert ["day", "images", "4"] in rows
    assert ["night", "images", "5"] in rows
    assert ["images", "9"] in rows
    persons = summary.box_counts["test"]["person"][Role.POSITIVE]
    assert ["person:", "positive", "boxes", str(persons)] in rows
    assert any(row[:3] == ["Note:", "test:", "positive:"] for row in rows)
    assert not any("unlabelled" in row for row in rows)


def test_paired_boxes_are_kept_and_others_serve_for_both_images(command):
    summary = dataclasses.replace(command, name="paired").prepare()
    assert summary.dataset == "kaist/paired"
    (train,), (test,) = (read_records(summary.folder, split) for split in ("train", "test"))
    np.testing.assert_array_equal(train["objects"]["bbox_xyxy_px"], [[1, 2, 5, 7], [0, 0, 8, 8]])
    thermal = train["objects"]["thermal_bbox_xyxy_px"]
    np.testing.assert_array_equal(thermal, [[2, 2, 6, 7], [0, 0, 9, 8]])
    assert list(train["objects"]["is_ignored"]) == [False, True]
    np.testing.assert_array_equal(train["objects"]["occlusion"], [1, 0])
    for key in ("bbox_xyxy_px", "thermal_bbox_xyxy_px"):
        np.testing.assert_array_equal(test["objects"][key], [[4, 4, 6, 8]])
    assert read_metadata(summary.folder)["max_objects"] == 2


def test_preparations_are_found_by_their_names(command, test_only, tmp_path):
    command.prepare()
    dataclasses.replace(test_only, name="test_only").prepare()
    default = open_split("kaist", "train", tmp_path / "data")
    assert default.dataset_name == "kaist/default/1.0.0"
    assert default.get_class_names("objects") == ("person",)
    other = open_split("kaist/test_only", "test", tmp_path / "data")
    assert other.dataset_name == "kaist/test_only/1.0.0"
    assert len(other) == 1


def test_annotation_reader_and_records_agree(raw_dir, command):
    summary = command.prepare()
    (record,) = read_records(summary.folder, "test")
    annotation = read_annotation(raw_dir / "flat" / f"{TEST.replace('/', '_')}.txt")
    np.testing.assert_array_equal(record["objects"]["bbox_xyxy_px"], annotation.to_boxes_xyxy_px())


def test_image_without_objects_has_an_empty_sequence(raw_dir, test_only):
    write_annotations(raw_dir / "flat", {TEST.replace("/", "_"): []})
    summary = test_only.prepare()
    (record,) = read_records(summary.folder, "test")
    assert np.reshape(record["objects"]["bbox_xyxy_px"], (-1, 4)).shape == (0, 4)
    assert len(record["objects"]["label"]) == 0
    assert read_metadata(summary.folder)["max_objects"] == 0


def test_plain_tfds_calls_work(raw_dir, splits, tmp_path):
    builder = Kaist(check_raw_kaist(raw_dir, splits), data_dir=str(tmp_path / "data"))
    builder.download_and_prepare()
    record = cast(Any, builder).as_data_source("train")[0]
    assert record["visible"].shape == (12, 16, 3)
    assert record["thermal"].shape == (12, 16, 1)


def test_plain_tfds_calls_give_thermal_jpegs_one_shape(raw_dir, splits, tmp_path):
    grey = make_image_u8(1, channels=1)
    for name, image in ((TRAIN, grey), (TEST, np.dstack([grey] * 3))):
        video, _, stem = name.rpartition("/")
        folder = raw_dir / "images" / video / "lwir"
        (folder / f"{stem}.png").unlink()
        write(folder / f"{stem}.jpg", encode_jpg(image))
    builder = Kaist(check_raw_kaist(raw_dir, splits), data_dir=str(tmp_path / "data"))
    builder.download_and_prepare()
    for split in ("train", "test"):
        assert cast(Any, builder).as_data_source(split)[0]["thermal"].shape == (12, 16, 3)


def test_faulty_files_write_nothing(raw_dir, command, tmp_path):
    (raw_dir / "images" / "set00/V000/lwir/I00001.png").unlink()
    with pytest.raises(MdjaxError, match=r"I00001\.{jpg,png}: file is missing"):
        command.prepare()
    assert not (tmp_path / "data").exists()


def test_preparing_twice_says_so_and_refuses_other_files(
    raw_dir, command, test_only, tmp_path, capsys
):
    assert command.prepare().is_new
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["kaist"]
    assert not command.prepare().is_new
    with pytest.raises(MdjaxError, match=rf"other files.*{raw_dir}.*--overwrite.*--name"):
        test_only.prepare()
    assert dataclasses.replace(test_only, name="test").prepare().is_new
    again = dataclasses.replace(test_only, overwrite=True).prepare()
    assert again.is_new
    assert "thermal_bbox_xyxy_px" not in read_records(again.folder, "test")[0]["objects"]
    assert read_metadata(again.folder)["max_objects"] == 1
    assert not test_only.prepare().is_new
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""


def test_folder_with_other_counts_is_refused(command):
    """Of a data set that has no checksums yet."""
    summary = command.prepare()
    (summary.folder / "checksums.json").unlink()
    path = summary.folder / "dataset_info.json"
    info = json.loads(path.read_text())
    info["splits"][0]["shardLengths"] = ["2"]
    path.write_text(json.dumps(info))
    with pytest.raises(MdjaxError, match=r"holds .*'train': 2.* records, but .*--overwrite"):
        command.prepare()


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b"])
def test_name_that_is_no_folder_is_refused(command, name):
    with pytest.raises(MdjaxError, match="use only letters, digits"):
        dataclasses.replace(command, name=name).prepare()


def test_preparing_never_imports_tensorflow(command):
    program = f"""
import sys
from pathlib import Path, PosixPath, WindowsPath
from data_builders.kaist import PrepareKaist
from data_builders.kaist.labels import KaistLabelRule
{command!r}.prepare()
sys.exit("tensorflow" in sys.modules)
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
