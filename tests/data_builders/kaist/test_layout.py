import dataclasses
import shlex

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.kaist import layout as kaist
from data_builders.kaist.labels import TEST_RULE, TRAIN_RULE, KaistLabelRule
from data_builders.kaist.layout import KaistSplit, check_raw_kaist
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import (
    HEADER,
    get_objects,
    get_problems,
    make_image_u8,
    write,
    write_annotations,
    write_kaist_pairs,
    write_list,
)

NAMES = ("set00/V000/I00001", "set03/V001/I00007")
LINES = {
    NAMES[0]: ["person 2 3 4 5 0", "person 2 3 4 5 2", "cyclist 1 1 8 8 2", "people 1 1 16 12 0"],
    NAMES[1]: [],
}


@pytest.fixture
def raw_dir(tmp_path):
    return write_kaist_pairs(tmp_path / "raw", NAMES)


def _make_splits(raw_dir, lines=LINES, rule=TRAIN_RULE, split="train"):
    """One split with the layout of the original annotations."""
    image_list = write_list(raw_dir / "list.txt", NAMES)
    return {split: KaistSplit(image_list, write_annotations(raw_dir / "a", lines), rule)}


def _get_objects(checked, split="train"):
    return [get_objects(pair) for pair in checked.pairs[split]]


def test_boxes_count_from_0_and_have_their_roles(raw_dir):
    """(2, 3) from 1 is (1, 2) from 0; 4 wide and 5 high: up to (5, 7)."""
    first, second = _get_objects(check_raw_kaist(raw_dir, _make_splits(raw_dir)))
    assert first[0].box_xyxy == (1.0, 2.0, 5.0, 7.0)
    assert [item.role for item in first] == [
        Role.POSITIVE,
        Role.IGNORED,
        Role.POSITIVE,
        Role.IGNORED,
    ]
    assert [item.occlusion for item in first] == [0, 2, 2, 0]
    assert {item.class_id for item in first} == {0}
    assert first[3].box_xyxy == (0.0, 0.0, 16.0, 12.0)
    assert second == ()


def test_day_and_night_follow_the_set(raw_dir):
    checked = check_raw_kaist(raw_dir, _make_splits(raw_dir))
    assert [pair.is_night for pair in checked.pairs["train"]] == [False, True]


def test_testing_takes_persons_alone_whatever_hides_them(raw_dir):
    checked = check_raw_kaist(raw_dir, _make_splits(raw_dir, rule=TEST_RULE, split="test"))
    roles = [item.role for item in _get_objects(checked, "test")[0]]
    assert roles == [Role.POSITIVE, Role.POSITIVE, Role.IGNORED, Role.IGNORED]


def test_rule_of_ones_own_is_obeyed_and_printed(raw_dir):
    rule = KaistLabelRule(positive=("cyclist",), ignored=("person",), dropped=("people", "person?"))
    checked = check_raw_kaist(raw_dir, _make_splits(raw_dir, rule=rule))
    first = _get_objects(checked)[0]
    assert [item.role for item in first] == [Role.IGNORED, Role.IGNORED, Role.POSITIVE]
    assert checked.box_counts["train"]["people"][Role.DROPPED] == 1
    assert (
        "train: positive: cyclist; ignored: person, boxes marked so; dropped: people, person?."
    ) in checked.notes


def test_default_rules_are_printed_with_the_counts_of_the_lists(raw_dir):
    splits = _make_splits(raw_dir)
    notes = check_raw_kaist(raw_dir, splits).notes
    assert notes[0] == (
        f"train: 2 names in {raw_dir}/list.txt, annotations setXX/VYYY/IZZZZZ.txt in {raw_dir}/a."
    )
    assert notes[1] == (
        "train: positive: person, cyclist; ignored: people, person?, person?a, unpaired, person "
        "under heavy occlusion, boxes marked so; dropped: none."
    )


def test_box_that_the_file_marks_is_ignored(raw_dir):
    splits = _make_splits(raw_dir)
    path = raw_dir / "a" / f"{NAMES[1]}.txt"
    write(path, "% bbGt version=3\nperson 2 3 4 5 0 0 0 0 0 1 0\n")
    assert _get_objects(check_raw_kaist(raw_dir, splits))[1][0].role is Role.IGNORED


def test_flat_layout_is_found(raw_dir):
    flat = {name.replace("/", "_"): lines for name, lines in LINES.items()}
    checked = check_raw_kaist(raw_dir, _make_splits(raw_dir, flat))
    assert [len(objects) for objects in _get_objects(checked)] == [4, 0]
    assert "annotations setXX_VYYY_IZZZZZ.txt in" in checked.notes[0]


def _make_paired(raw_dir, thermal_lines):
    lines = {}
    for name in NAMES:
        video, _, image = name.rpartition("/")
        lines[f"{video}/visible/{image}"] = ["person 2 3 4 5 0", "people 1 1 8 8 1"]
        lines[f"{video}/lwir/{image}"] = thermal_lines
    return _make_splits(raw_dir, lines)


def test_paired_annotations_keep_the_boxes_of_both_images(raw_dir):
    splits = _make_paired(raw_dir, ["person 3 3 4 5 0", "people 1 1 9 8 1"])
    checked = check_raw_kaist(raw_dir, splits)
    assert checked.has_thermal_boxes
    for objects in _get_objects(checked):
        assert [item.box_xyxy for item in objects] == [(1.0, 2, 5, 7), (0.0, 0, 8, 8)]
        thermal = [item.thermal_box_xyxy_px for item in objects]
        assert thermal == [(2.0, 2, 6, 7), (0.0, 0, 9, 8)]


@pytest.mark.parametrize(
    "thermal_lines", [["person 3 3 4 5 0"], ["people 1 1 9 8 1", "person 3 3 4 5 0"]]
)
def test_paired_annotations_of_other_count_or_order_are_refused(raw_dir, thermal_lines):
    problems = get_problems(check_raw_kaist, raw_dir, _make_paired(raw_dir, thermal_lines))
    assert len(problems) == 2
    assert all("visible" in line and "lwir" in line for line in problems)
    assert all(line.endswith("both need the same in the same order.") for line in problems)


@pytest.mark.parametrize("part", ["visible", "lwir"])
def test_paired_object_is_as_hidden_and_ignored_as_either_file_says(raw_dir, part):
    """One file says nothing; the other: person 1 partly hidden, 2 heavily, 3 marked as ignored."""
    splits = _make_paired(raw_dir, [])
    lines = {"visible": ["person 2 3 4 5 0 0 0 0 0 0 0\n"] * 3}
    lines["lwir"] = list(lines["visible"])
    lines[part] = [
        f"person 2 3 4 5 {end}\n" for end in ("1 0 0 0 0 0 0", "2 0 0 0 0 0 0", "0 0 0 0 0 1 0")
    ]
    for folder, content in lines.items():
        write(raw_dir / "a/set00/V000" / folder / "I00001.txt", HEADER + "".join(content))
        write(raw_dir / "a/set03/V001" / folder / "I00007.txt", HEADER)
    objects = _get_objects(check_raw_kaist(raw_dir, splits))[0]
    assert [item.occlusion for item in objects] == [1, 2, 0]
    assert [item.role for item in objects] == [Role.POSITIVE, Role.IGNORED, Role.IGNORED]


def test_half_of_a_paired_annotation_is_refused(raw_dir):
    splits = _make_paired(raw_dir, ["person 3 3 4 5 0", "people 1 1 9 8 1"])
    (raw_dir / "a/set00/V000/lwir/I00001.txt").unlink()
    (problem,) = get_problems(check_raw_kaist, raw_dir, splits)
    assert problem.startswith(f"{raw_dir}/a/set00/V000/lwir/I00001.txt: file is missing")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPG", ".PNG"])
def test_both_endings_of_images_are_found(raw_dir, suffix):
    for number, part in enumerate(("visible", "lwir")):
        folder = raw_dir / "images/set00/V000" / part
        for path in list(folder.iterdir()):
            path.unlink()
        grey = make_image_u8(number, channels=1)
        content = encode_png(np.dstack([grey] * 3))
        write(folder / f"I00001{suffix}", content)
    checked = check_raw_kaist(raw_dir, _make_splits(raw_dir))
    assert checked.pairs["train"][0].visible.suffix == suffix


def test_image_with_both_endings_is_refused(raw_dir):
    folder = raw_dir / "images/set00/V000/visible"
    write(folder / "I00001.png", encode_png(make_image_u8(3)))
    assert get_problems(check_raw_kaist, raw_dir, _make_splits(raw_dir)) == [
        f"{folder}/I00001.jpg: I00001.png has the same name; keep one of them."
    ]


def test_missing_folders_are_one_line_each(raw_dir):
    """Not one for every file that would be in them."""
    splits = _make_splits(raw_dir)
    (raw_dir / "images").rename(raw_dir / "other")
    write(raw_dir / "a" / f"{NAMES[0]}.txt", "no header")
    splits["val"] = dataclasses.replace(splits["train"], annotations=raw_dir / "nowhere")
    splits["test"] = dataclasses.replace(splits["train"], annotations=raw_dir / "a/set00")
    problems = get_problems(check_raw_kaist, raw_dir, splits)
    assert len(problems) == 6
    assert (
        problems[0] == f"{raw_dir}/images: folder is missing; give --raw the folder that holds it."
    )
    assert problems[1].startswith(f"{raw_dir}/a/{NAMES[0]}.txt: line 1: 'no header'")
    assert problems[2] == f"{raw_dir}/nowhere: folder of annotations is missing."
    assert problems[3].startswith(
        f"{raw_dir}/a/set00: holds no annotation of the 2 listed images, neither as setXX/VYYY/"
    )
    assert [problem.partition(";")[0] for problem in problems[4:]] == [
        f"{name}: is in 3 splits (train, val, test)" for name in NAMES
    ]


def test_images_are_checked_where_annotations_are_missing(raw_dir):
    splits = _make_splits(raw_dir)
    splits["train"] = dataclasses.replace(splits["train"], annotations=raw_dir / "nowhere")
    (raw_dir / "images/set03/V001/lwir/I00007.png").unlink()
    assert get_problems(check_raw_kaist, raw_dir, splits) == [
        f"{raw_dir}/nowhere: folder of annotations is missing.",
        "images/set03/V001/lwir/I00007.{jpg,png}: file is missing; add it, or remove its name from "
        "the list.",
    ]


def test_every_missing_file_is_in_one_message(raw_dir):
    splits = _make_splits(raw_dir)
    (raw_dir / "a" / f"{NAMES[0]}.txt").unlink()
    (raw_dir / "images/set00/V000/visible/I00001.jpg").unlink()
    (raw_dir / "images/set03/V001/lwir/I00007.png").unlink()
    assert [line.partition(": ")[0] for line in get_problems(check_raw_kaist, raw_dir, splits)] == [
        f"{raw_dir}/a/{NAMES[0]}.txt",
        "images/set00/V000/visible/I00001.{jpg,png}",
        "images/set03/V001/lwir/I00007.{jpg,png}",
    ]


def test_bad_boxes_and_labels_are_in_one_message(raw_dir):
    lines = {
        NAMES[0]: ["dog 1 1 2 2 0"],
        NAMES[1]: ["person 17 1 2 2 0", "person 1 13 2 2 0", "people 10 6 9 9 0"],
    }
    problems = get_problems(check_raw_kaist, raw_dir, _make_splits(raw_dir, lines))
    assert len(problems) == 4
    assert "unknown label 'dog'" in problems[0]
    assert "split 'train' has unknown labels" in problems[1]
    assert "box 1: box from (16, 0) to (18, 2) lies outside its image of 16x12" in problems[2]
    assert "box 2: box from (0, 12)" in problems[3]


@pytest.mark.parametrize("size", ["0 5", "-3 5", "nan 5"])
def test_box_without_area_is_refused(raw_dir, size):
    lines = LINES | {NAMES[1]: [f"person 2 2 {size} 0"]}
    (problem,) = get_problems(check_raw_kaist, raw_dir, _make_splits(raw_dir, lines))
    assert f"{NAMES[1]}.txt" in problem


def test_name_in_two_splits_is_refused(raw_dir):
    splits = _make_splits(raw_dir)
    splits["test"] = dataclasses.replace(
        splits["train"], image_list=write_list(raw_dir / "test.txt", NAMES[1:]), rule=TEST_RULE
    )
    assert get_problems(check_raw_kaist, raw_dir, splits) == [
        f"{NAMES[1]}: is in 2 splits (train, test); remove it from all but one, or "
        "rename it where the images differ."
    ]


def test_bad_lists_and_folders_are_in_one_message(raw_dir):
    splits = {
        "train": KaistSplit(write_list(raw_dir / "bad.txt", ["I00001"]), raw_dir, TRAIN_RULE),
        "val": KaistSplit(write(raw_dir / "none.txt", ""), raw_dir, TRAIN_RULE),
        "test": KaistSplit(raw_dir / "nowhere.txt", raw_dir, TEST_RULE),
    }
    problems = get_problems(check_raw_kaist, raw_dir, splits)
    assert [raw_dir / name for name in ("bad.txt", "none.txt", "nowhere.txt")] == [
        type(raw_dir)(problem.partition(":")[0]) for problem in problems
    ]


def test_set_of_unknown_time_of_day_is_refused(raw_dir):
    write_list(raw_dir / "list.txt", ["set12/V000/I00001"])
    write_annotations(raw_dir / "a", {"set12/V000/I00001": []})
    splits = {"test": KaistSplit(raw_dir / "list.txt", raw_dir / "a", TEST_RULE)}
    problems = get_problems(check_raw_kaist, raw_dir, splits)
    assert "'set12/V000/I00001' is no name" in problems[0]


def test_labels_need_one_place_each_in_a_rule(raw_dir):
    rule = KaistLabelRule(
        positive=("person", "people"), ignored=("people", "person?"), ignored_when_heavy=("dog",)
    )
    problems = get_problems(check_raw_kaist, raw_dir, _make_splits(raw_dir, {}, rule=rule))
    assert [line.partition(";")[0] for line in problems[:3]] == [
        "rule of split 'train': names the label 'people' 2 times",
        "rule of split 'train': names the label 'cyclist' 0 times",
        "rule of split 'train': 'dog' is ignored when heavily occluded, but not positive.",
    ]


def test_labels_of_training_annotations_are_known_in_training_alone(raw_dir):
    lines = LINES | {NAMES[1]: ["person?a 2 2 3 3 0", "unpaired 2 2 3 3 0"]}
    checked = check_raw_kaist(raw_dir, _make_splits(raw_dir, lines))
    assert [item.role for item in _get_objects(checked)[1]] == [Role.IGNORED, Role.IGNORED]
    problem, remedy = get_problems(
        check_raw_kaist, raw_dir, _make_splits(raw_dir, lines, TEST_RULE, split="test")
    )
    assert "line 2: unknown label 'person?a'" in problem
    assert "line 3: unknown label 'unpaired'" in problem
    assert remedy.startswith(
        "split 'test' has unknown labels: --test-rule.ignored people 'person?' cyclist LABEL"
    )


def test_remedy_for_unknown_labels_works_as_it_is_typed(raw_dir):
    """The rule that the command line makes of it knows the label, in training and in testing."""
    lines = LINES | {NAMES[1]: ["dog 2 2 3 3 0"]}
    for split, rule in (("val", TRAIN_RULE), ("test", TEST_RULE)):
        splits = _make_splits(raw_dir, lines, rule, split)
        *_, remedy = get_problems(check_raw_kaist, raw_dir, splits)
        typed = remedy.partition("labels: ")[2].partition(" defines")[0].replace("LABEL", "dog")
        option, *labels = shlex.split(typed)
        assert option == ("--test-rule.ignored" if split == "test" else "--train-rule.ignored")
        rule = dataclasses.replace(rule, ignored=tuple(labels))
        checked = check_raw_kaist(raw_dir, _make_splits(raw_dir, lines, rule, split))
        assert _get_objects(checked, split)[1][0].role is Role.IGNORED


def test_label_of_ones_own_is_known_where_the_rule_names_it(raw_dir):
    lines = LINES | {NAMES[1]: ["dog 2 2 3 3 0"]}
    rule = dataclasses.replace(TRAIN_RULE, dropped=("dog",))
    checked = check_raw_kaist(raw_dir, _make_splits(raw_dir, lines, rule))
    assert _get_objects(checked)[1] == ()
    assert checked.box_counts["train"]["dog"][Role.DROPPED] == 1


def test_object_that_one_of_paired_images_lacks_is_ignored(raw_dir):
    splits = _make_paired(raw_dir, ["unpaired 3 3 4 5 0", "people 1 1 9 8 1"])
    objects = _get_objects(check_raw_kaist(raw_dir, splits))[0]
    assert [(item.label, item.role) for item in objects] == [
        ("unpaired", Role.IGNORED),
        ("people", Role.IGNORED),
    ]


def test_no_split_is_refused(raw_dir):
    with pytest.raises(MdjaxError, match="--train-list or --test-list"):
        check_raw_kaist(raw_dir, {})


def test_known_lists_are_called_by_name(raw_dir, monkeypatch):
    monkeypatch.setitem(kaist._KNOWN_LISTS, 2, "the short list")
    notes = check_raw_kaist(raw_dir, _make_splits(raw_dir)).notes
    assert notes[0].startswith(f"train: 2 names in {raw_dir}/list.txt (the short list), annot")


def test_every_missing_image_of_the_real_test_list_is_named(tmp_path, real_data_dir):
    (tmp_path / "images").mkdir()
    folder = real_data_dir / "kaist"
    splits = {"test": KaistSplit(folder / "test-all-20.txt", folder / "annotations_liu", TEST_RULE)}
    problems = get_problems(check_raw_kaist, tmp_path, splits)
    assert len(problems) == 2 * 2252
    assert all(
        problem.endswith(".{jpg,png}: file is missing; add it, or remove its name from the list.")
        for problem in problems
    )
