"""`skip_faulty` of every command that prepares pairs: what each reader finds is of a pair."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from data_builders.checks.faults import FaultyFilesError
from data_builders.kaist import PrepareKaist
from data_builders.mfnet import PrepareMfnet
from data_builders.msrs import PrepareMsrs
from data_builders.rgbt_folder import PrepareRgbtFolder
from mdjax.types import MdjaxError
from tests.data.factories import encode_png, write_raw_mfnet
from tests.data_builders.raw_pairs import (
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
    write_msrs,
    write_rgbt,
)
from tests.data_builders.reading import read_metadata, read_records

Edit = Callable[[Path], object]

KAIST_NAMES = tuple(f"set0{i}/V000/I0000{i}" for i in range(4))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _read_names(folder: Path, split: str) -> list[str]:
    return [record["name"].decode() for record in read_records(folder, split)]


MSRS_FAULTS: Mapping[str, Edit] = {
    "no partner": lambda raw: (raw / "train/ir/2N.png").unlink(),
    "neither day nor night": lambda raw: [
        (raw / f"train/{part}/2N{end}").rename(raw / f"train/{part}/2X{end}")
        for part, end in (("vi", ".jpg"), ("ir", ".png"), ("labels", ".txt"))
    ],
    "no boxes": lambda raw: (raw / "train/labels/2N.txt").unlink(),
    "bad line": lambda raw: write(raw / "train/labels/2N.txt", "0 .5 .5\n"),
    "no text": lambda raw: write(raw / "train/labels/2N.txt", b"\xff\xfe\x00"),
    "width 0": lambda raw: write(raw / "train/labels/2N.txt", "0 .5 .5 0 .5\n"),
}


@pytest.mark.parametrize("fault", MSRS_FAULTS)
def test_msrs(tmp_path: Path, fault: str) -> None:
    raw_dir = write_msrs(tmp_path / "raw", ("1D", "2N", "3D"), ("4N",))
    MSRS_FAULTS[fault](raw_dir)
    with pytest.raises(FaultyFilesError):
        PrepareMsrs(raw_dir, val_every=0, data_dir=tmp_path / "data").prepare()
    command = PrepareMsrs(raw_dir, val_every=0, data_dir=tmp_path / "data", skip_faulty=True)
    summary = command.prepare()
    name = "2X" if fault == "neither day nor night" else "2N"
    assert list(summary.left_out) == [name]
    assert _read_names(summary.folder, "train") == ["1D", "3D"]
    notes = read_metadata(summary.folder)["notes"]
    assert any(x.startswith(f"Warning: 1 of 4 pairs left out as faulty ({name});") for x in notes)


KAIST_FAULTS: Mapping[str, Edit] = {
    "no thermal": lambda raw: (raw / f"images/{KAIST_NAMES[1][:10]}/lwir/I00001.png").unlink(),
    "two files": lambda raw: write(
        raw / f"images/{KAIST_NAMES[1][:10]}/visible/I00001.png", b"no image"
    ),
    "no boxes": lambda raw: (raw / f"boxes/{KAIST_NAMES[1]}.txt").unlink(),
    "unknown label": lambda raw: write_annotations(
        raw / "boxes", {KAIST_NAMES[1]: ["cat 2 3 4 5 0"]}
    ),
}


@pytest.mark.parametrize("fault", KAIST_FAULTS)
def test_kaist(tmp_path: Path, fault: str) -> None:
    raw_dir = write_kaist_pairs(tmp_path / "raw", KAIST_NAMES)
    write_annotations(raw_dir / "boxes", {name: ["person 2 3 4 5 0"] for name in KAIST_NAMES})
    KAIST_FAULTS[fault](raw_dir)
    summary = PrepareKaist(
        raw_dir,
        test_list=write_list(tmp_path / "list.txt", KAIST_NAMES),
        test_annotations=raw_dir / "boxes",
        data_dir=tmp_path / "data",
        skip_faulty=True,
    ).prepare()
    assert list(summary.left_out) == [KAIST_NAMES[1]]
    assert _read_names(summary.folder, "test") == [KAIST_NAMES[0], *KAIST_NAMES[2:]]


MFNET_FAULTS: Mapping[str, Edit] = {
    "no image": lambda raw: (raw / "images/00002N.png").unlink(),
    "class id": lambda raw: write(
        raw / "labels/00002N.png", encode_png(np.full((12, 16), 9, np.uint8))
    ),
    "neither day nor night": lambda raw: _replace(raw / "train.txt", "00002N", "00002"),
}


@pytest.mark.parametrize("fault", MFNET_FAULTS)
def test_mfnet(tmp_path: Path, fault: str) -> None:
    raw_dir = write_raw_mfnet(tmp_path / "raw")
    before = PrepareMfnet(raw_dir, tmp_path / "before").prepare()
    assert "00002N" in _read_names(before.folder, "train")
    MFNET_FAULTS[fault](raw_dir)
    summary = PrepareMfnet(raw_dir, tmp_path / "data", skip_faulty=True).prepare()
    name = "00002" if fault == "neither day nor night" else "00002N"
    assert list(summary.left_out) == [name]
    expected = [x for x in _read_names(before.folder, "train") if x != "00002N"]
    assert _read_names(summary.folder, "train") == expected


def _write_yolo(raw_dir: Path) -> None:
    for name in "abcd":
        write(raw_dir / f"labels/{name}.txt", "0 .5 .5 .5 .5\n")


def _write_voc(raw_dir: Path) -> None:
    box = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>6</xmax><ymax>6</ymax></bndbox>"
    for name in "abcd":
        text = f"<annotation><object><name>deer</name>{box}</object></annotation>"
        write(raw_dir / f"annotations/{name}.xml", text)


def _write_coco(raw_dir: Path) -> None:
    content = {
        "images": [
            {"id": i, "file_name": f"images/{name}.jpg", "width": 16, "height": 12}
            for i, name in enumerate("abcd")
        ],
        "categories": [{"id": 1, "name": "deer"}],
        "annotations": [
            {"image_id": i, "category_id": 1, "bbox": [i + 1, 1, 4, 4]} for i in range(4)
        ],
    }
    write(raw_dir / "annotations.json", json.dumps(content))


def _write_masks(raw_dir: Path) -> None:
    for name in "abcd":
        write(raw_dir / f"masks/{name}.png", encode_png(np.ones((12, 16), np.uint8)))


RGBT_FAULTS: Mapping[str, tuple[Edit, Edit]] = {
    "no partner": (_write_yolo, lambda raw: (raw / "thermal/b.png").unlink()),
    "no image": (
        _write_yolo,
        lambda raw: [(raw / x).unlink() for x in ("visible/b.jpg", "thermal/b.png")],
    ),
    "yolo class": (_write_yolo, lambda raw: write(raw / "labels/b.txt", "7 .5 .5 .5 .5\n")),
    "two files": (_write_yolo, lambda raw: write(raw / "labels/x/b.txt", "")),
    "voc file": (_write_voc, lambda raw: write(raw / "annotations/b.xml", "<annotation>")),
    "voc class": (_write_voc, lambda raw: _replace(raw / "annotations/b.xml", "deer", "cat")),
    "coco box": (_write_coco, lambda raw: _replace(raw / "annotations.json", "[2, 1, 4, 4]", "2")),
    "coco size": (
        _write_coco,
        lambda raw: _replace(
            raw / "annotations.json", 'b.jpg", "width": 16', 'b.jpg", "width": 1.5'
        ),
    ),
    "coco name": (_write_coco, lambda raw: _replace(raw / "annotations.json", "b.jpg", "e.jpg")),
    "no mask": (_write_masks, lambda raw: (raw / "masks/b.png").unlink()),
}


@pytest.mark.parametrize("fault", RGBT_FAULTS)
def test_rgbt_folder(tmp_path: Path, fault: str) -> None:
    annotate, edit = RGBT_FAULTS[fault]
    raw_dir = write_rgbt(tmp_path / "raw", {"train": ("a", "b", "c"), "test": ("d",)})
    annotate(raw_dir)
    edit(raw_dir)
    with pytest.raises(FaultyFilesError):
        PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data").prepare()
    summary = PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data", skip_faulty=True).prepare()
    assert list(summary.left_out) == ["b"]
    assert _read_names(summary.folder, "train") == ["a", "c"]


def test_names_of_left_out_pairs_have_their_sequences(tmp_path: Path) -> None:
    first = write_rgbt(tmp_path / "first", {"train": ("a", "b")})
    for camera, end in (("visible", ".jpg"), ("thermal", ".png")):
        for name in "ab":
            data = (first / camera / f"{name}{end}").read_bytes()
            write(tmp_path / f"raw/{camera}/train/seq/{name}{end}", data)
            write(tmp_path / f"raw/labels/train/seq/{name}.txt", "0 .5 .5 .5 .5\n")
    write(tmp_path / "raw/classes.txt", "deer\n")
    (tmp_path / "raw/thermal/train/seq/b.png").unlink()
    summary = PrepareRgbtFolder(
        tmp_path / "raw", data_dir=tmp_path / "data", skip_faulty=True
    ).prepare()
    assert list(summary.left_out) == ["seq/b"]
    assert _read_names(summary.folder, "train") == ["seq/a"]


def _rename_thermal(raw_dir: Path) -> None:
    for name in "abcd":
        (raw_dir / f"thermal/{name}.png").rename(raw_dir / f"thermal/{name}_x.png")


WHOLE_FAULTS: Mapping[str, Edit] = {
    "classes": lambda raw: (raw / "classes.txt").unlink(),
    "list of other names": lambda raw: write_list(raw / "test.txt", ["x", "y"]),
    "no file has a partner": _rename_thermal,
    "no splits": lambda raw: [(raw / f"{split}.txt").unlink() for split in ("train", "test")],
    "split without boxes": lambda raw: (raw / "labels/d.txt").unlink(),
}


@pytest.mark.parametrize("fault", WHOLE_FAULTS)
def test_faults_of_the_whole_folder_are_refused(tmp_path: Path, fault: str) -> None:
    """A fault of one pair is there too, which alone would be left out."""
    raw_dir = write_rgbt(tmp_path / "raw", {"train": ("a", "b", "c"), "test": ("d",)})
    _write_yolo(raw_dir)
    write(raw_dir / "labels/b.txt", "7 .5 .5 .5 .5\n")
    WHOLE_FAULTS[fault](raw_dir)
    with pytest.raises(MdjaxError, match="nothing was written"):
        PrepareRgbtFolder(raw_dir, data_dir=tmp_path / "data", skip_faulty=True).prepare()
    assert not (tmp_path / "data").exists()
