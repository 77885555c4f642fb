import numpy as np
import pytest

from data_builders.published.fmb import CLASS_NAMES, PrepareFmb, check_raw_fmb
from mdjax.data.source import open_split
from mdjax.data.truth import LabelMapReader
from mdjax.types import IGNORED_LABEL
from tests.data.factories import encode_png
from tests.data_builders.published.raw_published import write_masks
from tests.data_builders.raw_pairs import SIZE_HW, get_problems, write

NAMES = {"train": ("00001", "00003"), "test": ("00002",)}
MASK = np.full(SIZE_HW, 8, np.uint8)
MASK[0], MASK[1] = 0, 14


@pytest.fixture
def raw_dir(tmp_path):
    folder = write_masks(
        tmp_path / "FMB", ("Visible", "Infrared", "Label"), NAMES, encode_png(MASK)
    )
    write(folder / "train/color/00001.png", encode_png(np.zeros((*SIZE_HW, 3), np.uint8)))
    return folder


def test_unlabelled_pixels_are_not_counted(raw_dir):
    """A row of 16 pixels is 0, one is 14, and ten rows are persons."""
    checked = check_raw_fmb(raw_dir)
    assert {s: tuple(p.name for p in part) for s, part in checked.pairs.items()} == NAMES
    pixels = dict(zip(CLASS_NAMES, checked.class_pixels["test"], strict=True))
    counted = {name: count for name, count in pixels.items() if count}
    assert counted == {"person": 160, "pole": 16}
    notes = "\n".join(checked.notes)
    assert notes.startswith("FMB is a part: has 2 of 1,220 train pairs, 1 of 280 test pairs")
    assert "class 0, unlabelled, is not counted: its pixels are not labelled." in notes
    assert "color" not in notes


def test_records_are_what_training_reads(raw_dir, tmp_path):
    PrepareFmb(raw_dir, data_dir=tmp_path / "data").prepare()
    split = open_split("fmb", "train", tmp_path / "data")
    assert split.get_class_names("labels") == CLASS_NAMES
    assert len(CLASS_NAMES) == 15
    labels_u8 = LabelMapReader().read(split[0])
    assert np.array_equal(labels_u8, np.where(MASK == 0, IGNORED_LABEL, MASK))
    assert split[0]["thermal"] == (raw_dir / "train/Infrared/00001.png").read_bytes()


def test_unknown_ids_are_faults(raw_dir):
    write(raw_dir / "test/Label/00002.png", encode_png(np.full(SIZE_HW, 15, np.uint8)))
    (problem,) = get_problems(check_raw_fmb, raw_dir)
    assert problem.startswith("test/Label/00002.png: class id 15 is outside 0..14; fix the map")
    assert "--ignored-label" not in problem


def test_missing_folders_and_masks_are_named(raw_dir):
    (raw_dir / "train/Infrared").rename(raw_dir / "train/ir")
    (raw_dir / "test/Label/00002.png").unlink()
    problems = get_problems(check_raw_fmb, raw_dir)
    assert f"{raw_dir}/train/Infrared: folder is missing." in problems
    assert any("test/Label" in problem for problem in problems)
