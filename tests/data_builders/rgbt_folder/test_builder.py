import json
from typing import Any, cast

import numpy as np
import pytest

from data_builders.prepared import make_summary_table
from data_builders.rgbt_folder import PrepareRgbtFolder, RgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.data.decode import decode_pair
from mdjax.data.source import open_split
from mdjax.io.images import decode_labels
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import make_thermal_u16, write, write_rgbt
from tests.data_builders.reading import print_rows, read_metadata, read_records

RANGE = (7000, 9000)


@pytest.fixture
def raw_dir(tmp_path):
    return write_rgbt(tmp_path / "raw", {"train": ("a",), "test": ("b",)})


def _add_yolo(raw_dir):
    for name in "ab":
        write(raw_dir / "labels" / f"{name}.txt", "1 .5 .5 .5 .5\n0 .25 .25 .5 .5\n")


def _add_coco(raw_dir):
    images = [
        {"id": i, "file_name": f"{name}.jpg", "width": 16, "height": 12}
        for i, name in enumerate("ab")
    ]
    boxes = [(1, [4, 3, 8, 6]), (0, [0, 0, 8, 6])]
    content = {
        "images": images,
        "categories": [{"id": 0, "name": "deer"}, {"id": 1, "name": "boar"}],
        "annotations": [
            {"image_id": i, "category_id": label, "bbox": box}
            for i in (0, 1)
            for label, box in boxes
        ],
    }
    write(raw_dir / "annotations.json", json.dumps(content))


def _make_thermal_16_bits(raw_dir):
    for number, path in enumerate(sorted((raw_dir / "thermal").iterdir())):
        write(path, encode_png(make_thermal_u16(number, (6, 8))))


@pytest.mark.parametrize("add", [_add_yolo, _add_coco])
@pytest.mark.parametrize("has_16_bits", [False, True])
def test_records_hold_the_files_and_the_boxes(raw_dir, tmp_path, add, has_16_bits):
    """Of 16x12 pixels: centre and half of each side (4, 3, 12, 9); the upper left quarter."""
    add(raw_dir)
    if has_16_bits:
        _make_thermal_16_bits(raw_dir)
    counts = RANGE if has_16_bits else None
    command = PrepareRgbtFolder(raw_dir, thermal_range_counts=counts, data_dir=tmp_path / "data")
    summary = command.prepare()
    for split, name in (("train", "a"), ("test", "b")):
        (record,) = read_records(summary.folder, split)
        assert record["name"] == name.encode()
        assert record["visible"] == (raw_dir / "visible" / f"{name}.jpg").read_bytes()
        assert record["thermal"] == (raw_dir / "thermal" / f"{name}.png").read_bytes()
        assert not record["is_night"]
        assert "labels" not in record
        boxes = record["objects"]["bbox_xyxy_px"]
        np.testing.assert_array_equal(boxes, [[4, 3, 12, 9], [0, 0, 8, 6]])
        assert list(record["objects"]["label"]) == [1, 0]
        assert not np.any(record["objects"]["occlusion"])
    metadata = read_metadata(summary.folder)
    assert metadata["object_class_names"] == ["deer", "boar"]
    assert metadata["max_objects"] == 2
    assert metadata.get("thermal_range_counts") == ([7000, 9000] if has_16_bits else None)


def test_16_bits_without_a_range_write_nothing(raw_dir, tmp_path):
    _add_yolo(raw_dir)
    _make_thermal_16_bits(raw_dir)
    with pytest.raises(MdjaxError, match=r"--thermal-range-counts.*thermal/a\.png; thermal/b\.png"):
        PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data").prepare()
    assert not (tmp_path / "data").exists()


def test_plain_tfds_calls_give_the_counts(raw_dir, tmp_path):
    _add_yolo(raw_dir)
    _make_thermal_16_bits(raw_dir)
    checked = check_raw_rgbt_folder(raw_dir, thermal_range_counts=RANGE)
    builder = RgbtFolder(checked, data_dir=str(tmp_path / "data"))
    builder.download_and_prepare()
    thermal = cast(Any, builder).as_data_source("train")[0]["thermal"]
    assert thermal.dtype == np.uint16
    np.testing.assert_array_equal(thermal[..., 0], make_thermal_u16(0, (6, 8)))


def test_masks_make_a_data_set_of_segmentation(raw_dir, tmp_path):
    write(raw_dir / "classes.txt", "background\ndeer\nboar\n")
    for number, name in enumerate("ab"):
        mask = np.full((12, 16), 2 * number, np.uint8)
        write(raw_dir / "masks" / f"{name}.png", encode_png(mask))
    summary = PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data", name="deer-1").prepare()
    assert summary.dataset == "rgbt_folder/deer-1"
    (record,) = read_records(summary.folder, "test")
    assert record["labels"] == (raw_dir / "masks" / "b.png").read_bytes()
    assert "objects" not in record
    metadata = read_metadata(summary.folder)
    assert metadata["class_names"] == ["background", "deer", "boar"]
    assert "max_objects" not in metadata
    rows = print_rows(make_summary_table(summary))
    assert ["0", "background", "100.000%", "absent"] in rows
    assert ["2", "boar", "absent", "100.000%"] in rows
    assert not [row for row in rows if "boxes" in row]


def test_reading_scales_16_bits_by_the_range(raw_dir, tmp_path):
    """Counts 7000, 8000, 9000 are 0, 1/2 and 1 (32,767.5 rounds to even); 9999 is cut off."""
    _add_yolo(raw_dir)
    counts = np.full((12, 16), 8000, np.uint16)
    counts[0, :4] = 7000, 8000, 9000, 9999
    for path in (raw_dir / "thermal").iterdir():
        write(path, encode_png(counts))
    summary = PrepareRgbtFolder(raw_dir, RANGE, tmp_path).prepare()
    source = open_split(summary.dataset, "test", tmp_path)
    assert source.get_class_names("objects") == ("deer", "boar")
    _, thermal = decode_pair(source[0], "b")
    np.testing.assert_array_equal(thermal[0, :4], [0, 32_768, 65_535, 65_535])


def test_reading_finds_masks(raw_dir, tmp_path):
    write(raw_dir / "classes.txt", "background\ndeer\n")
    for name in "ab":
        write(raw_dir / "masks" / f"{name}.png", encode_png(np.eye(12, 16, dtype=np.uint8)))
    summary = PrepareRgbtFolder(raw_dir, data_dir=tmp_path).prepare()
    source = open_split(summary.dataset, "train", tmp_path)
    assert source.get_class_names("labels") == ("background", "deer")
    labels_u8 = decode_labels(source[0]["labels"], "a")
    np.testing.assert_array_equal(labels_u8, np.eye(12, 16, dtype=np.uint8))
