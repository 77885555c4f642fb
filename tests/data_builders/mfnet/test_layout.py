import numpy as np
import pytest

from data_builders.mfnet.layout import CLASS_NAMES, check_raw_mfnet
from mdjax.io.folder_tree import SPLITS
from mdjax.io.images import decode_labels
from mdjax.scenes import CLASS_NAMES as SCENE_CLASS_NAMES
from mdjax.types import MdjaxError
from tests.data.factories import SPLIT_NAMES, encode_png, make_pair_u8, write_raw_mfnet
from tests.data_builders.raw_pairs import encode_jpg, get_problems, make_image_u8

PART = (
    "MFNet is a part: has 3 of 784 train pairs, 1 of 392 val pairs, 1 of 205 test day pairs, 0 of "
    "188 test night pairs; its scores are not comparable with published ones."
)


@pytest.fixture
def raw_dir(tmp_path):
    return write_raw_mfnet(tmp_path / "raw")


def _get_problems(raw_dir, **options) -> list[str]:
    return get_problems(check_raw_mfnet, raw_dir, **options)


def _get_labels_path(pair):
    assert pair.labels is not None
    return pair.labels


def test_faultless_folder_passes_with_its_counts(raw_dir):
    raw = check_raw_mfnet(raw_dir)
    assert {split: [pair.name for pair in raw.pairs[split]] for split in SPLITS} == {
        split: list(names) for split, names in SPLIT_NAMES.items()
    }
    assert [pair.is_night for pair in raw.pairs["train"]] == [False, True, False]
    labels = [decode_labels(_get_labels_path(pair).read_bytes(), "") for pair in raw.pairs["train"]]
    expected = np.bincount(np.stack(labels).ravel(), minlength=9)
    assert raw.class_pixels["train"] == tuple(expected)
    assert raw.notes == (PART,)


def test_fingerprint_changes_with_files_and_lists(raw_dir, tmp_path):
    fingerprint = check_raw_mfnet(raw_dir).fingerprint
    assert check_raw_mfnet(write_raw_mfnet(tmp_path / "copy")).fingerprint == fingerprint
    image, _ = make_pair_u8(9999, (12, 16))
    (raw_dir / "images" / "00001D.png").write_bytes(encode_png(image))
    changed = check_raw_mfnet(raw_dir).fingerprint
    assert changed != fingerprint
    (raw_dir / "train.txt").write_text("00001D\n00003D\n")
    assert check_raw_mfnet(raw_dir).fingerprint not in (fingerprint, changed)


def test_every_fault_is_in_one_message(raw_dir):
    images, labels = raw_dir / "images", raw_dir / "labels"
    image, label = make_pair_u8(5, (12, 16))
    (images / "00001D.png").unlink()
    labels_png = (labels / "00002N.png").read_bytes()
    (labels / "00002N.png").write_bytes(labels_png[: len(labels_png) // 2])
    (images / "00003D.png").write_bytes(encode_png(image[..., :3]))
    label[3, 4] = 9
    (labels / "00004N.png").write_bytes(encode_png(label))
    (images / "00005D.png").write_bytes(encode_png(image[:10]))
    (raw_dir / "val.txt").write_text("00004N\n00001D\n00004N\n")
    problems = _get_problems(raw_dir)
    expected = [
        "00004N: is 2 times in split 'val'.",
        "00001D: is in 2 splits (train, val); remove it from all but one",
        "images/00001D.png: file is missing; add it, or remove its name from the list.",
        "labels/00002N.png: PNG is truncated",
        "images/00003D.png: needs 4 channels of 8 bits (RGB + thermal), has 3 of 8 bits",
        "labels/00004N.png: class id 9 is outside 0..8; fix the map.",
        "labels/00005D.png: is 16x12, the visible image is 16x10; both need the same size.",
    ]
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


@pytest.mark.parametrize("split", SPLITS)
def test_empty_split_is_refused(raw_dir, split):
    (raw_dir / f"{split}.txt").write_text("\n")
    assert _get_problems(raw_dir) == [f"split {split!r} is empty."]


def test_missing_list_and_folder_are_named(raw_dir):
    (raw_dir / "val.txt").unlink()
    (raw_dir / "labels").rename(raw_dir / "label")
    assert _get_problems(raw_dir) == ["val.txt: file is missing.", "labels/: folder is missing."]


def test_faults_of_the_lists_are_found_without_the_images(raw_dir):
    (raw_dir / "images").rename(raw_dir / "image")
    (raw_dir / "val.txt").write_text("00001D\n00004N\n00004N\n")
    assert [problem.partition(";")[0] for problem in _get_problems(raw_dir)] == [
        "images/: folder is missing.",
        "00004N: is 2 times in split 'val'.",
        "00001D: is in 2 splits (train, val)",
    ]


@pytest.mark.parametrize("name", ["train.txt", "test_night.txt"])
def test_list_that_is_no_text_is_refused(raw_dir, name):
    (raw_dir / name).write_bytes(b"\xff\xfe\x00")
    assert _get_problems(raw_dir) == [f"{name}: is not UTF-8 text; save it as UTF-8."]


def test_images_and_labels_need_to_be_png_files(raw_dir):
    for folder in ("images", "labels"):
        (raw_dir / folder / "00001D.png").write_bytes(encode_jpg(make_image_u8(1)))
    assert _get_problems(raw_dir) == [
        f"{folder}/00001D.png: is not a PNG file; convert it or get it again."
        for folder in ("images", "labels")
    ]


def test_pixels_that_do_not_count_are_refused(raw_dir):
    """MFNet has none: 255 is the mark of another data set."""
    _, label = make_pair_u8(5, (12, 16))
    label[0, 0] = 255
    (raw_dir / "labels" / "00001D.png").write_bytes(encode_png(label))
    assert _get_problems(raw_dir) == [
        "labels/00001D.png: class id 255 is outside 0..8; fix the map."
    ]


def test_wrong_folder_names_what_belongs_there(tmp_path):
    with pytest.raises(MdjaxError, match="nowhere: there is no such folder; give the one with"):
        check_raw_mfnet(tmp_path / "nowhere")
    assert len(_get_problems(tmp_path)) == 5


def test_name_without_day_or_night_is_refused(tmp_path):
    raw_dir = write_raw_mfnet(tmp_path / "raw", SPLIT_NAMES | {"val": ("00004",)})
    assert _get_problems(raw_dir) == [
        "val.txt, 00004: ends neither in D (day) nor in N (night); rename it, or remove it."
    ]


def test_lists_may_have_endings_a_mark_of_their_encoding_and_windows_lines(raw_dir):
    before = check_raw_mfnet(raw_dir)
    names = "".join(f"{name}.png\r\n" for name in SPLIT_NAMES["train"])
    (raw_dir / "train.txt").write_bytes(f"\ufeff{names}\r\n".encode())
    assert check_raw_mfnet(raw_dir).pairs == before.pairs


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"00001D\n0000\0002N\n", "holds zero bytes, so it is not UTF-8 text; save it as UTF-8."),
        (b"00001D\n0000\xff2N\n", "is not UTF-8 text; save it as UTF-8."),
    ],
)
def test_list_that_is_no_text_is_one_problem(raw_dir, content, message):
    (raw_dir / "train.txt").write_bytes(content)
    assert _get_problems(raw_dir) == [f"train.txt: {message}"]


def test_folders_that_are_not_read_and_equal_images_are_said(raw_dir):
    """MFNet is what it is: what may be in it is warned of."""
    (raw_dir / "images/00005D.png").write_bytes((raw_dir / "images/00001D.png").read_bytes())
    (raw_dir / "masks").mkdir()
    (raw_dir / "masks/00001D.png").write_bytes(b"")
    checked = check_raw_mfnet(raw_dir)
    assert checked.warnings == (
        "00005D in test, 00001D in train: are the same visible image; remove one of them.",
    )
    assert checked.notes == ("masks/ is not read; read are images/, labels/.", PART)


@pytest.mark.parametrize("name", ["images/00002N.png", "labels/00002N.png"])
def test_folder_in_place_of_a_file_is_reported(raw_dir, name):
    (raw_dir / name).unlink()
    (raw_dir / name).mkdir()
    (problem,) = _get_problems(raw_dir)
    assert problem.startswith(f"{name}: cannot be read")


def test_extra_files_are_noted(raw_dir):
    image, label = make_pair_u8(5, (12, 16))
    for name in ("00006D", "00007N"):
        (raw_dir / "images" / f"{name}.png").write_bytes(encode_png(image))
    (raw_dir / "labels" / "00006D.png").write_bytes(encode_png(label))
    assert check_raw_mfnet(raw_dir).notes == (
        "images/: 2 files in no list, omitted (00006D, 00007N).",
        "labels/: 1 files in no list, omitted (00006D).",
        PART,
    )


def test_disagreeing_day_list_is_noted(raw_dir):
    (raw_dir / "test_day.txt").write_text("00005D\n")
    (raw_dir / "test_night.txt").write_text("00004N\n")
    note, _ = check_raw_mfnet(raw_dir).notes
    assert note.startswith("test_night.txt: 1 names differ")


def test_flips_are_left_out_unless_asked_for(tmp_path):
    names = SPLIT_NAMES | {"train": ("00001D", "00001D_flip", "00002N", "00002N_flip")}
    raw_dir = write_raw_mfnet(tmp_path / "raw", names)
    raw = check_raw_mfnet(raw_dir)
    assert [pair.name for pair in raw.pairs["train"]] == ["00001D", "00002N"]
    part = PART.replace("has 3", "has 2")
    assert raw.notes == ("train.txt: 2 mirror images (*_flip) omitted.", part)
    both = check_raw_mfnet(raw_dir, include_flips=True)
    assert [pair.name for pair in both.pairs["train"]] == list(names["train"])
    assert [pair.is_night for pair in both.pairs["train"]] == [False, False, True, True]
    assert both.notes == (part,)
    assert (raw.config_name, both.config_name) == ("original", "with_flips")


def test_flips_that_were_never_made_matter_only_where_asked_for(raw_dir):
    (raw_dir / "train.txt").write_text("00001D\n00001D_flip\n")
    check_raw_mfnet(raw_dir)
    assert _get_problems(raw_dir, include_flips=True) == [
        "images/00001D_flip.png: file is missing; add it, or remove its name from the list.",
        "labels/00001D_flip.png: file is missing; add it, or remove its name from the list.",
    ]


def test_mirror_image_in_another_split_is_a_leak(tmp_path):
    names = SPLIT_NAMES | {"val": ("00004N", "00001D_flip")}
    raw_dir = write_raw_mfnet(tmp_path / "raw", names)
    check_raw_mfnet(raw_dir)
    assert _get_problems(raw_dir, include_flips=True) == [
        "00001D: the image or its mirror image is in 2 splits (train, val); keep both in one."
    ]


def test_generated_scenes_have_the_same_classes():
    assert CLASS_NAMES == SCENE_CLASS_NAMES


@pytest.mark.parametrize("fourth", [np.full((12, 16), 255), np.zeros((12, 16))])
def test_transparency_is_no_thermal_channel(raw_dir, fourth):
    image, _ = make_pair_u8(1, (12, 16))
    image[..., 3] = fourth
    (raw_dir / "images" / "00001D.png").write_bytes(encode_png(image))
    (problem,) = get_problems(check_raw_mfnet, raw_dir)
    assert problem.startswith("images/00001D.png: ")
    assert "transparency" in problem


def test_test_pairs_at_night_are_counted_apart(tmp_path):
    raw_dir = write_raw_mfnet(tmp_path / "raw", SPLIT_NAMES | {"test": ("00005D", "00006N")})
    (note,) = check_raw_mfnet(raw_dir).notes
    assert "1 of 205 test day pairs, 1 of 188 test night pairs" in note
