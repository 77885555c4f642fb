import shutil

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.mfnet.layout import CLASS_NAMES
from data_builders.msrs.layout import check_raw_msrs
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import get_objects, get_problems, write, write_msrs

TRAIN = tuple(f"{i:05d}{'DN'[i % 2]}" for i in range(7))
TEST = ("00010D", "00011N")


@pytest.fixture
def raw_dir(tmp_path):
    return write_msrs(tmp_path / "raw", TRAIN, TEST)


def _get_names(checked):
    return {split: [pair.name for pair in pairs] for split, pairs in checked.pairs.items()}


def test_every_sixth_name_of_train_chooses_settings(raw_dir):
    assert _get_names(check_raw_msrs(raw_dir)) == {
        "train": [*TRAIN[:5], TRAIN[6]],
        "val": [TRAIN[5]],
        "test": [*TEST],
    }
    assert _get_names(check_raw_msrs(raw_dir, val_every=3))["val"] == [TRAIN[2], TRAIN[5]]


def test_train_stays_whole_without_a_validation_part(raw_dir):
    checked = check_raw_msrs(raw_dir, val_every=0)
    assert _get_names(checked) == {"train": [*TRAIN], "test": [*TEST]}
    assert checked.notes == ("kept: person; dropped: bicycle, car.",)


@pytest.mark.parametrize("val_every", [1, -6])
def test_validation_part_that_takes_all_is_refused(raw_dir, val_every):
    with pytest.raises(MdjaxError, match="val_every = "):
        check_raw_msrs(raw_dir, val_every=val_every)


def test_boxes_are_pixels_and_other_classes_are_dropped(raw_dir):
    """Of 16x12 pixels: centre (.25, .5), size (.5, 1) is (0, 0, 8, 12)."""
    checked = check_raw_msrs(raw_dir)
    (person,) = get_objects(checked.pairs["test"][0])
    assert (person.box_xyxy, person.class_id) == ((0.0, 0.0, 8.0, 12.0), 0)
    assert checked.box_counts["test"]["car"][Role.DROPPED] == 2
    assert checked.box_counts["test"]["person"][Role.POSITIVE] == 2


def test_classes_have_the_order_that_is_asked_for(raw_dir):
    checked = check_raw_msrs(raw_dir, classes=("car", "person"))
    assert checked.class_names.objects == ("car", "person")
    assert [item.class_id for item in get_objects(checked.pairs["test"][0])] == [1, 0]
    assert checked.max_objects == 2


def test_last_letter_tells_the_time_of_day(raw_dir):
    checked = check_raw_msrs(raw_dir)
    assert [pair.is_night for pair in checked.pairs["test"]] == [False, True]
    write(raw_dir / "test/labels/00012.txt", "")
    for part, suffix in (("vi", ".jpg"), ("ir", ".png")):
        path = raw_dir / "test" / part / f"{TEST[0]}{suffix}"
        path.rename(path.with_stem("00012"))
    problem = "test/00012: ends neither in D (day) nor in N (night); rename it, or remove it."
    assert problem in get_problems(check_raw_msrs, raw_dir)


def _add_label_maps(raw_dir, folder="Segmentation_labels"):
    for part, names in (("train", TRAIN), ("test", TEST)):
        for name in names:
            labels = np.full((12, 16), 2, np.uint8)
            write(raw_dir / part / folder / f"{name}.png", encode_png(labels))


@pytest.mark.parametrize("folder", ["Segmentation_labels", "maps"])
def test_label_maps_are_found_where_they_are(raw_dir, folder):
    _add_label_maps(raw_dir, folder)
    checked = check_raw_msrs(raw_dir, segmentation_folder=folder)
    assert checked.class_names.labels == CLASS_NAMES
    assert checked.class_pixels["test"][:4] == (0, 0, 2 * 192, 0)
    assert checked.pairs["test"][0].objects


def test_missing_label_map_is_named_where_others_are(raw_dir):
    _add_label_maps(raw_dir)
    (raw_dir / "test/Segmentation_labels/00011N.png").unlink()
    assert get_problems(check_raw_msrs, raw_dir) == [
        f"{raw_dir}/test/Segmentation_labels/00011N.png: file is missing; if one image has a "
        "label map, each needs one."
    ]


def test_every_fault_is_in_one_message(raw_dir):
    (raw_dir / "train/labels/00000D.txt").unlink()
    (raw_dir / "train/vi/00001N.jpg").unlink()
    write(
        raw_dir / "test/labels/00010D.txt",
        "0 15 .5 .2 .2\n0 .5 .5 0 .2\n0 .5 .5 .2 -.2\n3 0 0 1 1",
    )
    write(raw_dir / "test/labels/00011N.txt", "0 .5 .5 nan .2\n0 1 1 .2 .2\n")
    expected = [
        f"{raw_dir}/train/labels/00000D.txt: file is missing; an image without objects",
        f"{raw_dir}/train/ir/00001N.png: has no partner in ",
        "test/labels/00010D.txt, line 1: centre and size are fractions",
        "test/labels/00010D.txt, line 2: box from (8, 4.8) to (8, 7.2) has a width of 0",
        "test/labels/00010D.txt, line 3: box from (6.4, 7.2) to (9.6, 4.8) has a width of 3.2",
        "test/labels/00010D.txt, line 4: class 3 is unknown",
        "test/labels/00011N.txt, line 1: box from (nan",
        "test/labels/00011N.txt, line 2: box from (14.4, 10.8) to (17.6, 13.2) has 25.0% of",
    ]
    problems = sorted(get_problems(check_raw_msrs, raw_dir))
    for problem, start in zip(problems, sorted(expected), strict=True):
        assert problem.startswith(start)


def test_folders_that_are_not_read_are_noted(raw_dir):
    write(raw_dir / "test/labels_thermal/00010D.txt", "")
    notes = check_raw_msrs(raw_dir).notes
    assert "test/labels_thermal/ is not read; read are ir/, labels/, vi/." in notes


def test_missing_class_names_are_one_line(raw_dir):
    (raw_dir / "classes.txt").unlink()
    assert get_problems(check_raw_msrs, raw_dir) == [
        "classes.txt: file is missing; write one class name per line."
    ]


def test_images_are_checked_without_class_names_too(raw_dir):
    (raw_dir / "classes.txt").unlink()
    write(raw_dir / "test/vi/00010D.jpg", b"no image")
    first, second = get_problems(check_raw_msrs, raw_dir)
    assert first.startswith("classes.txt: file is missing")
    assert second.startswith("test/vi/00010D.jpg: ")


def test_missing_raw_folder_is_the_only_fault(tmp_path):
    with pytest.raises(MdjaxError, match="raw: there is no such folder; give the one with train/"):
        check_raw_msrs(tmp_path / "raw")


@pytest.mark.parametrize("part", ["train", "test"])
def test_missing_part_is_one_line(raw_dir, part):
    shutil.rmtree(raw_dir / part)
    assert get_problems(check_raw_msrs, raw_dir) == [f"{raw_dir}/{part}: folder is missing."]


@pytest.mark.parametrize("kind", ["vi", "ir"])
def test_folder_without_images_is_one_line(raw_dir, kind):
    for path in (raw_dir / "test" / kind).iterdir():
        path.unlink()
    (problem,) = get_problems(check_raw_msrs, raw_dir)
    assert problem.startswith(f"{raw_dir}/test/{kind}: holds no file that ends in .png, ")


def test_too_few_images_to_choose_settings_on_name_the_option(tmp_path):
    raw_dir = write_msrs(tmp_path / "raw", TRAIN[:3], TEST)
    (problem,) = get_problems(check_raw_msrs, raw_dir)
    assert problem.startswith("train/ has 3 images, so that the split 'val' gets none of every 6")
    assert "--val-every 0" in problem
    assert _get_names(check_raw_msrs(raw_dir, val_every=0))["train"] == [*TRAIN[:3]]


def test_upper_case_endings_are_found(raw_dir):
    _add_label_maps(raw_dir)
    before = check_raw_msrs(raw_dir)
    for path in [*raw_dir.glob("*/labels/*.txt"), *raw_dir.glob("*/Segmentation_labels/*.png")]:
        path.rename(path.with_suffix(path.suffix.upper()))
    assert check_raw_msrs(raw_dir).fingerprint == before.fingerprint


@pytest.mark.parametrize(
    ("classes", "message"),
    [(("dog",), "class 'dog' is not in classes.txt (person, bicycle, car)."), ((), "no class is")],
)
def test_unknown_and_no_classes_are_refused(raw_dir, classes, message):
    assert get_problems(check_raw_msrs, raw_dir, classes=classes)[0].startswith(message)
