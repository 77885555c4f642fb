import cv2
import numpy as np
import pytest

from data_builders.published.pst900 import CLASS_NAMES, PreparePst900, check_raw_pst900
from mdjax.data.source import open_split
from mdjax.data.truth import LabelMapReader
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.published.raw_published import write_masks
from tests.data_builders.raw_pairs import SIZE_HW, get_problems, make_thermal_u16, write

NAMES = {
    "train": ("31_bag1a_rect_rgb_frame0000000007", "31_bag1a_rect_rgb_frame0000000013"),
    "test": ("09_bag2_rect_rgb_frame0000000001",),
}
MASK = np.zeros(SIZE_HW, np.uint8)
MASK[:6], MASK[6:, :4] = 1, 4


@pytest.fixture
def raw_dir(tmp_path):
    folder = tmp_path / "PST900_RGBT_Dataset"
    write_masks(folder, ("rgb", "thermal", "labels"), NAMES, encode_png(MASK))
    for kind in ("thermal_raw", "depth"):
        write(folder / f"train/{kind}/{NAMES['train'][0]}.png", encode_png(make_thermal_u16(1)))
    return folder


def test_pairs_are_found_and_pixels_counted(raw_dir):
    """Of 12x16 pixels, 6 rows are class 1 and 6 rows of 4 pixels class 4: 96 and 24 of 192."""
    checked = check_raw_pst900(raw_dir)
    assert {s: tuple(p.name for p in part) for s, part in checked.pairs.items()} == NAMES
    assert checked.class_pixels["test"] == (72, 96, 0, 0, 24)
    assert checked.class_names.labels == CLASS_NAMES
    assert CLASS_NAMES[4] == "survivor"
    assert checked.notes[0].startswith("PST900 is a part: has 2 of 597 train pairs, 1 of 288 test")


def test_raw_thermal_images_and_depth_are_noted_once(raw_dir):
    notes = check_raw_pst900(raw_dir).notes
    assert [note for note in notes if "thermal_raw" in note] == [
        "thermal_raw/ and depth/ are not read: the 8-bit thermal images are those of the paper."
    ]
    write(raw_dir / "train/annotations/a.txt", "")
    assert any(
        note.startswith("train/annotations/ is not") for note in check_raw_pst900(raw_dir).notes
    )


def test_records_are_what_training_reads(raw_dir, tmp_path):
    PreparePst900(raw_dir, data_dir=tmp_path / "data").prepare()
    split = open_split("pst900", "test", tmp_path / "data")
    assert split.get_class_names("labels") == CLASS_NAMES
    record = split[0]
    assert np.array_equal(LabelMapReader().read(record), MASK)
    assert record["visible"] == (raw_dir / f"test/rgb/{NAMES['test'][0]}.png").read_bytes()


def test_masks_of_equal_channels_are_read_alike(raw_dir):
    for path in raw_dir.glob("*/labels/*.png"):
        write(path, encode_png(cv2.merge([MASK] * 3)))
    assert check_raw_pst900(raw_dir).class_pixels["test"] == (72, 96, 0, 0, 24)


@pytest.mark.parametrize("class_id", [5, 255])
def test_other_ids_are_faults(class_id, raw_dir):
    mask = MASK.copy()
    mask[0, 0] = class_id
    write(raw_dir / f"test/labels/{NAMES['test'][0]}.png", encode_png(mask))
    (problem,) = get_problems(check_raw_pst900, raw_dir)
    assert problem.endswith(f": class id {class_id} is outside 0..4; fix the map.")


def test_faults_can_be_left_out(raw_dir):
    (raw_dir / f"train/labels/{NAMES['train'][0]}.png").unlink()
    (problem,) = get_problems(check_raw_pst900, raw_dir)
    assert problem.startswith(f"{raw_dir}/train/labels/{NAMES['train'][0]}.png: file is missing; ")
    checked = check_raw_pst900(raw_dir, skip_faulty=True)
    assert [pair.name for pair in checked.pairs["train"]] == [NAMES["train"][1]]


def test_other_folder_is_refused(raw_dir):
    with pytest.raises(MdjaxError, match="but PST900_RGBT_Dataset/ has; give that"):
        check_raw_pst900(raw_dir.parent)
