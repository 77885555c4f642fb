import dataclasses

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.mfnet.layout import CLASS_NAMES
from data_builders.msrs import PrepareMsrs
from data_builders.prepared import make_summary_table
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import write, write_msrs
from tests.data_builders.reading import print_rows, read_metadata, read_records

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def real_msrs(real_data_dir, tmp_path_factory):
    """The real pairs, prepared: folder of the download and summary."""
    raw_dir = real_data_dir / "msrs"
    return raw_dir, PrepareMsrs(raw_dir, data_dir=tmp_path_factory.mktemp("msrs")).prepare()


@pytest.fixture
def raw_dir(tmp_path):
    return write_msrs(tmp_path / "raw", ("1D", "2N", "3D"), ("4N",))


def test_real_files_are_prepared_with_right_counts_and_identical_bytes(real_msrs):
    """222 images of train/ give 222 // 6 = 37 to choose settings on."""
    raw_dir, summary = real_msrs
    totals = {split: summary.num_day[split] + summary.num_night[split] for split in SPLITS}
    assert totals == {"train": 185, "val": 37, "test": 73}
    for split, part in (("train", "train"), ("val", "train"), ("test", "test")):
        for record in read_records(summary.folder, split):
            name = record["name"].decode()
            assert record["visible"] == (raw_dir / part / "vi" / f"{name}.jpg").read_bytes()
            assert record["thermal"] == (raw_dir / part / "ir" / f"{name}.png").read_bytes()
            assert record["is_night"] == name.endswith("N")
            text = (raw_dir / part / "labels" / f"{name}.txt").read_text()
            persons = [line.split()[1:] for line in text.splitlines() if line.startswith("0 ")]
            x, y, width, height = np.array(persons, float).reshape(-1, 4).T
            expected = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 1)
            found = np.reshape(record["objects"]["bbox_xyxy_px"], (-1, 4))
            np.testing.assert_allclose(found, expected * [640, 480, 640, 480], atol=1e-3)
            assert not np.any(record["objects"]["is_ignored"])


def test_real_summary_counts_boxes(real_msrs):
    _, summary = real_msrs
    numbers = {
        split: sum(
            len(record["objects"]["label"]) for record in read_records(summary.folder, split)
        )
        for split in SPLITS
    }
    for split in SPLITS:
        assert summary.box_counts[split]["person"][Role.POSITIVE] == numbers[split]
    rows = print_rows(make_summary_table(summary))
    assert ["person:", "positive", "boxes", *(str(numbers[split]) for split in SPLITS)] in rows
    assert [row for row in rows if row[:3] == ["car:", "dropped", "boxes"]]
    assert not [row for row in rows if row[:3] == ["car:", "positive", "boxes"]]


def test_real_metadata_tell_classes_and_the_largest_number(real_msrs):
    _, summary = real_msrs
    records = [record for split in SPLITS for record in read_records(summary.folder, split)]
    metadata = read_metadata(summary.folder)
    assert metadata["object_class_names"] == ["person"]
    assert metadata["max_objects"] == max(len(record["objects"]["label"]) for record in records)
    assert "thermal_range_counts" not in metadata
    assert "class_names" not in metadata


def test_label_maps_are_kept_beside_boxes(raw_dir, tmp_path):
    for part, names in (("train", ("1D", "2N", "3D")), ("test", ("4N",))):
        for name in names:
            content = encode_png(np.full((12, 16), 2, np.uint8))
            write(raw_dir / part / "Segmentation_labels" / f"{name}.png", content)
    command = PrepareMsrs(raw_dir, classes=("car", "person"), val_every=3, data_dir=tmp_path)
    summary = command.prepare()
    (record,) = read_records(summary.folder, "val")
    assert record["labels"] == encode_png(np.full((12, 16), 2, np.uint8))
    assert list(record["objects"]["label"]) == [1, 0]
    metadata = read_metadata(summary.folder)
    assert metadata["class_names"] == list(CLASS_NAMES)
    assert metadata["object_class_names"] == ["car", "person"]
    rows = print_rows(make_summary_table(summary))
    assert ["2", "person", "100.000%", "100.000%", "100.000%"] in rows
    assert ["person:", "positive", "boxes", "2", "1", "1"] in rows


def test_other_settings_need_another_name(raw_dir, tmp_path):
    PrepareMsrs(raw_dir, val_every=3, data_dir=tmp_path / "data").prepare()
    half = PrepareMsrs(raw_dir, val_every=2, data_dir=tmp_path / "data")
    with pytest.raises(MdjaxError, match="other files or settings"):
        half.prepare()
    assert dataclasses.replace(half, name="half").prepare().is_new
