import json
import shutil
from typing import Any

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import (
    encode_jpg,
    get_objects,
    get_problems,
    make_image_u8,
    make_thermal_u16,
    write,
    write_list,
    write_rgbt,
)

NAMES = {"train": ("a", "b"), "val": ("c",), "test": ("d",)}


@pytest.fixture
def raw_dir(tmp_path):
    return write_rgbt(tmp_path / "raw", NAMES)


def _add_yolo(raw_dir, text="1 .5 .5 .5 .5\n"):
    for names in NAMES.values():
        for name in names:
            write(raw_dir / "labels" / f"{name}.txt", text)
    return raw_dir


def _make_coco(names) -> dict[str, Any]:
    images = [
        {"id": i, "file_name": f"{name}.jpg", "width": 16, "height": 12}
        for i, name in enumerate(names)
    ]
    annotations = [
        {"image_id": i, "category_id": 8, "bbox": [4, 3, 8, 6]} for i in range(len(names))
    ]
    categories = [{"id": 8, "name": "boar"}, {"id": 9, "name": "deer"}]
    return {"images": images, "annotations": annotations, "categories": categories}


def _add_coco(raw_dir, names="abcd"):
    write(raw_dir / "annotations.json", json.dumps(_make_coco(names)))
    return raw_dir


def _add_masks(raw_dir):
    write(raw_dir / "classes.txt", "background\ndeer\nboar\n")
    for names in NAMES.values():
        for name in names:
            write(raw_dir / "masks" / f"{name}.png", encode_png(np.full((12, 16), 2, np.uint8)))
    return raw_dir


def _sort_into_folders(raw_dir):
    """From lists to folders of splits."""
    for split, names in NAMES.items():
        (raw_dir / f"{split}.txt").unlink()
        for name in names:
            for kind in ("visible", "thermal", "labels", "masks"):
                for path in (raw_dir / kind).glob(f"{name}.*"):
                    (raw_dir / kind / split).mkdir(exist_ok=True)
                    path.rename(raw_dir / kind / split / path.name)


def _get_names(checked):
    return {split: tuple(pair.name for pair in pairs) for split, pairs in checked.pairs.items()}


@pytest.mark.parametrize("add", [_add_yolo, _add_coco])
def test_both_formats_of_boxes_give_the_same(raw_dir, add):
    """Centre of 16x12, half of each side: (4, 3, 12, 9)."""
    checked = check_raw_rgbt_folder(add(raw_dir))
    assert _get_names(checked) == NAMES
    assert checked.class_names.objects == ("deer", "boar")
    for pairs in checked.pairs.values():
        for pair in pairs:
            (boar,) = get_objects(pair)
            assert boar.box_xyxy == (4.0, 3.0, 12.0, 9.0)
            assert (boar.class_id, boar.role) == (1, Role.POSITIVE)
            assert not pair.is_night
    assert checked.notes == ()


def test_coco_files_may_be_one_a_split(raw_dir):
    for split, names in NAMES.items():
        write(raw_dir / "annotations" / f"{split}.json", json.dumps(_make_coco(names)))
    checked = check_raw_rgbt_folder(raw_dir)
    assert checked.box_counts["train"]["boar"][Role.POSITIVE] == 2
    (raw_dir / "annotations/val.json").unlink()
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "val: none of the files test.json, train.json is by its name or folder the COCO file of "
        "this split; call it val.json, or give one file for all splits."
    ]


def test_masks_are_label_maps_with_a_background(raw_dir):
    checked = check_raw_rgbt_folder(_add_masks(raw_dir))
    assert checked.class_names.labels == ("background", "deer", "boar")
    assert checked.class_names.objects == ()
    assert checked.class_pixels["train"] == (0, 0, 2 * 192)
    assert all(pair.objects is None for pair in checked.pairs["train"])


@pytest.mark.parametrize("add", [_add_yolo, _add_masks, _add_coco])
def test_splits_may_be_folders(raw_dir, add):
    before = check_raw_rgbt_folder(add(raw_dir))
    _sort_into_folders(raw_dir)
    checked = check_raw_rgbt_folder(raw_dir)
    assert _get_names(checked) == NAMES
    assert checked.fingerprint == before.fingerprint


def test_not_every_split_needs_to_be_there(raw_dir):
    _add_yolo(raw_dir)
    (raw_dir / "train.txt").unlink()
    checked = check_raw_rgbt_folder(raw_dir)
    assert _get_names(checked) == {"val": ("c",), "test": ("d",)}
    assert checked.notes == ("2 pairs in no list, omitted (a...).",)


def test_names_in_lists_may_have_the_ending_of_images(raw_dir):
    write_list(_add_yolo(raw_dir) / "train.txt", ["a.jpg", "b.png"])
    assert _get_names(check_raw_rgbt_folder(raw_dir)) == NAMES


def test_night_is_what_the_list_says(raw_dir):
    write_list(_add_yolo(raw_dir) / "night.txt", ["b", "d"])
    checked = check_raw_rgbt_folder(raw_dir)
    is_night = {pair.name: pair.is_night for pairs in checked.pairs.values() for pair in pairs}
    assert is_night == {"a": False, "b": True, "c": False, "d": True}
    write_list(raw_dir / "day.txt", ["a"])
    checked = check_raw_rgbt_folder(raw_dir)
    (note,) = [note for note in checked.notes if "day.txt" in note]
    assert note == "1 pair in neither night.txt nor day.txt count as taken by day (c)."
    write_list(raw_dir / "day.txt", ["a", "b"])
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "b: is in night.txt and in day.txt; take it out of one."
    ]
    (raw_dir / "night.txt").unlink()
    checked = check_raw_rgbt_folder(raw_dir)
    night = {pair.name for pairs in checked.pairs.values() for pair in pairs if pair.is_night}
    assert night == {"c", "d"}
    assert "2 pairs not in day.txt count as taken at night." in checked.notes
    (raw_dir / "day.txt").unlink()
    write_list(raw_dir / "night.txt", ["b", "z"])
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "night.txt, z: there is no such pair; correct the name, or remove it."
    ]


def test_thermal_of_its_own_resolution_and_16_bits_passes_with_a_range(raw_dir):
    _add_yolo(raw_dir)
    for number, path in enumerate(sorted((raw_dir / "thermal").iterdir())):
        write(path, encode_png(make_thermal_u16(number, (6, 8))))
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert [problem.partition(";")[0] for problem in problems] == [
        f"thermal/{name}.png: has 16 bits" for name in "abcd"
    ]
    checked = check_raw_rgbt_folder(raw_dir, thermal_range_counts=(7000, 9000))
    assert checked.thermal_range_counts == (7000, 9000)


def test_folders_of_data_that_are_not_read_are_warned_of(raw_dir):
    """Hidden ones are not, nor those without data."""
    _add_yolo(raw_dir)
    for name in ("labels_thermal/a.txt", ".cache/a.txt", "notes/todo.md"):
        write(raw_dir / name, "")
    assert check_raw_rgbt_folder(raw_dir).warnings == (
        "labels_thermal/ is not read; read are labels/, thermal/, visible/.",
    )


@pytest.mark.parametrize("counts", [(5, 5), (9, 3), (-1, 5), (0, 65536)])
def test_impossible_range_is_refused(raw_dir, counts):
    with pytest.raises(MdjaxError, match="thermal_range_counts = "):
        check_raw_rgbt_folder(raw_dir, thermal_range_counts=counts)


def test_other_aspect_is_refused(raw_dir):
    _add_yolo(raw_dir)
    write(raw_dir / "thermal/c.png", encode_png(make_image_u8(1, (6, 6), channels=1)))
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problem.startswith("c: visible and thermal have different aspects")


def test_every_fault_of_yolo_files_is_in_one_message(raw_dir):
    _add_yolo(raw_dir)
    write(raw_dir / "labels/b.txt", "2 .5 .5 .1 .1\n")
    write(raw_dir / "labels/c.txt", "0 -.5 .5 .1 .1\n")
    (raw_dir / "thermal/d.png").unlink()
    expected = [
        f"{raw_dir}/visible/d.jpg: has no partner in {raw_dir}/thermal;",
        "labels/b.txt, line 1: class 2 is unknown",
        "labels/c.txt, line 1: box from (-8.8, 5.4) to (-7.2, 6.6) lies outside",
    ]
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


def test_every_fault_of_coco_files_is_in_one_message(raw_dir):
    content = _make_coco("abcx")
    content["images"][0]["width"] = 32
    content["annotations"] = [
        {"image_id": 0, "category_id": 7, "bbox": [1, 1, 2, 2]},
        {"image_id": 1, "category_id": 8, "bbox": [1, 1, 0, 2]},
    ]
    write(raw_dir / "annotations.json", json.dumps(content))
    expected = [
        "annotations.json, annotation 0: category_id 7 is not among the categories; correct",
        "annotations.json, d: the image is not listed; list it",
        "a: the annotations are for an image of 32x12 pixels",
        "annotations.json, annotation 1 (b): box from (1, 1) to (1, 3)",
    ]
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert len(problems) == len(expected)
    for problem, start in zip(problems, expected, strict=True):
        assert problem.startswith(start)


def test_images_of_coco_files_in_no_split_are_noted(raw_dir):
    _add_coco(raw_dir, "abcdxy")
    assert check_raw_rgbt_folder(raw_dir).notes == (
        "annotations.json: 2 images are in no split, omitted (x...).",
    )


def test_mask_faults_are_in_one_message(raw_dir):
    _add_masks(raw_dir)
    (raw_dir / "masks/a.png").unlink()
    write(raw_dir / "masks/b.png", encode_png(np.full((12, 16), 3, np.uint8)))
    missing, unknown = get_problems(check_raw_rgbt_folder, raw_dir)
    assert missing == "masks/a.png: file is missing; each image needs one."
    assert unknown.startswith("masks/b.png: class id 3 is outside 0..2; ")


def test_damaged_images_are_named(raw_dir):
    _add_yolo(raw_dir)
    write(raw_dir / "visible/a.jpg", b"no image")
    write(raw_dir / "visible/b.jpg", encode_jpg(make_image_u8(1))[:-2])
    write(raw_dir / "thermal/c.png", encode_png(make_image_u8(1)))
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert [problem.partition(":")[0] for problem in problems] == [
        "visible/a.jpg",
        "visible/b.jpg",
        "thermal/c.png",
    ]


def test_name_in_two_splits_is_refused(raw_dir):
    write_list(_add_yolo(raw_dir) / "val.txt", ["c", "a"])
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problem.startswith("a: is in 2 splits (train, val); remove it from all but one")


def test_layout_needs_one_kind_of_annotation_and_of_splits(raw_dir):
    assert get_problems(check_raw_rgbt_folder, raw_dir)[0].startswith("has no annotations; give")
    _add_yolo(_add_coco(raw_dir))
    assert get_problems(check_raw_rgbt_folder, raw_dir)[0].startswith(
        "has labels and annotations.json, and a data set has one kind of annotations; keep one"
    )
    (raw_dir / "annotations.json").unlink()
    shutil.copytree(raw_dir / "visible", raw_dir / "visible" / "test")
    assert get_problems(check_raw_rgbt_folder, raw_dir)[0].startswith(
        "has both the folders visible/test and the lists train.txt, val.txt, test.txt"
    )
    shutil.rmtree(raw_dir / "visible/test")
    for split in NAMES:
        (raw_dir / f"{split}.txt").unlink()
    assert get_problems(check_raw_rgbt_folder, raw_dir)[0].startswith("has no splits: sort")


def test_missing_class_names_are_one_line(raw_dir):
    (_add_yolo(raw_dir) / "classes.txt").unlink()
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "classes.txt: file is missing; write one class name per line, or put the data.yaml of "
        "the labels here."
    ]


def test_missing_raw_folder_is_the_only_fault(tmp_path):
    with pytest.raises(MdjaxError, match="raw: there is no such folder; give the one with visible"):
        check_raw_rgbt_folder(tmp_path / "raw")


@pytest.mark.parametrize("name", ["classes.txt"])
def test_name_in_upper_case_is_the_only_fault(raw_dir, name):
    """Else what it holds would be omitted, or its absence reported by many lines."""
    write_list(_add_yolo(raw_dir) / "night.txt", ["b"])
    (raw_dir / name).rename(raw_dir / name.upper())
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        f"{name.upper()}: rename it to {name}, or remove it."
    ]


@pytest.mark.parametrize("kind", ["visible", "thermal"])
@pytest.mark.parametrize("add", [_add_yolo, _add_coco, _add_masks])
def test_folder_without_images_is_one_line(raw_dir, kind, add):
    write_list(add(raw_dir) / "night.txt", ["b"])
    for path in (raw_dir / kind).iterdir():
        path.unlink()
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert problem.startswith(f"{raw_dir}/{kind}: holds no file that ends in .png, ")


@pytest.mark.parametrize("kind", ["visible", "thermal"])
def test_image_without_partner_is_one_line(raw_dir, kind):
    write_list(_add_yolo(raw_dir) / "night.txt", ["d"])
    (path,) = (raw_dir / kind).glob("d.*")
    path.unlink()
    (problem,) = get_problems(check_raw_rgbt_folder, raw_dir)
    assert f"has no partner in {raw_dir}/{kind}; give both" in problem


@pytest.mark.parametrize("add", [_add_yolo, _add_masks])
@pytest.mark.parametrize("has_folders", [False, True])
def test_upper_case_endings_of_annotations_are_found(raw_dir, add, has_folders):
    add(raw_dir)
    if has_folders:
        _sort_into_folders(raw_dir)
    before = check_raw_rgbt_folder(raw_dir)
    for kind in ("labels", "masks"):
        for path in [path for path in (raw_dir / kind).rglob("*.*") if path.is_file()]:
            path.rename(path.with_suffix(path.suffix.upper()))
    assert check_raw_rgbt_folder(raw_dir).fingerprint == before.fingerprint


def test_annotations_of_a_split_that_are_missing_are_one_line(raw_dir):
    _sort_into_folders(_add_yolo(raw_dir))
    shutil.rmtree(raw_dir / "labels/train")
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "train: none of its 2 images has a file *.txt in labels/; give annotations the names of "
        "their images, and an image without objects an empty file."
    ]
