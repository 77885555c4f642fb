"""Every layout that is recognised, one line each; see the table in docs/datasets.md."""

import os
import re

import pytest

from data_builders.rgbt_folder.splits import find_split_pairs
from mdjax.io.findings import Findings
from mdjax.io.folder_tree import (
    ANNOTATION_FOLDERS,
    CAMERA_FOLDERS,
    CONTAINER_FOLDERS,
    SPLIT_NAMES,
    scan_folders,
)
from mdjax.io.pair_names import THERMAL_WORDS, VISIBLE_WORDS
from tests.conftest import PROJECT_ROOT
from tests.data_builders.raw_pairs import get_thermal, write, write_list
from tests.data_builders.rgbt_folder.layouts import NAMES, NESTED, SPLITS, WITH_LISTS, WITH_SPLITS


def _write(raw_dir, layout, splits=SPLITS):
    """Files without content, which only the reader of images misses."""
    for split, names in splits.items():
        for name in names:
            for file in layout:
                write(raw_dir / file.format(split=split, Split=split.title(), name=name), b"")
    return raw_dir


def _find(raw_dir):
    findings = Findings()
    pairs = find_split_pairs(raw_dir, findings)
    assert findings == Findings()
    return {
        split: {
            pair.name: tuple(
                path.relative_to(raw_dir).as_posix() for path in (pair.visible, get_thermal(pair))
            )
            for pair in part
        }
        for split, part in pairs.items()
    }


def _expect(layout, name="{name}"):
    return {
        split: {
            name.format(name=number): tuple(
                file.format(split=split, Split=split.title(), name=number) for file in layout
            )
            for number in names
        }
        for split, names in SPLITS.items()
    }


def test_table_of_the_documentation_has_every_layout():
    text = (PROJECT_ROOT / "docs/datasets.md").read_text(encoding="utf-8")
    table = text.partition("### Layouts")[2].partition("### Splits")[0]
    named = re.findall(r"^\|.*\| `(\w+)` \|$", table, re.MULTILINE)
    assert sorted(named) == sorted([*WITH_SPLITS, *WITH_LISTS, *NESTED])


def test_table_of_the_documentation_has_every_name():
    text = (PROJECT_ROOT / "docs/datasets.md").read_text(encoding="utf-8")
    table = text.partition("### Layouts")[2].partition("The last column")[0]
    names = [*CAMERA_FOLDERS["visible"], *CAMERA_FOLDERS["thermal"]]
    names += [name for same in SPLIT_NAMES.values() for name in same]
    names += [
        *ANNOTATION_FOLDERS,
        *CONTAINER_FOLDERS,
        *set(VISIBLE_WORDS + THERMAL_WORDS) - set(names),
    ]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted([*names, "modalx"])


@pytest.mark.parametrize("layout", WITH_SPLITS)
def test_layout_with_splits(tmp_path, layout):
    files = WITH_SPLITS[layout]
    assert _find(_write(tmp_path, files)) == _expect(files, NAMES.get(layout, "{name}"))


@pytest.mark.parametrize("layout", WITH_LISTS)
def test_layout_with_lists(tmp_path, layout):
    files = WITH_LISTS[layout]
    _write(tmp_path, files)
    for split, names in SPLITS.items():
        write_list(tmp_path / f"{split}.txt", names)
    assert _find(tmp_path) == _expect(files)


@pytest.mark.parametrize("layout", NESTED)
def test_folders_of_sequences_are_a_part_of_the_name(tmp_path, layout):
    files = NESTED[layout]
    _write(tmp_path, files)
    for split, names in SPLITS.items():
        write_list(tmp_path / f"{split}.txt", [f"s{name}/{name}" for name in names])
    assert _find(tmp_path) == _expect(files, "s{name}/{name}")


@pytest.mark.parametrize(
    "order",
    [
        "visible/{split}/s1/{name}.png",
        "{split}/s1/visible/{name}.png",
        "visible/s1/{split}/{name}.png",
    ],
)
def test_sequences_may_be_inside_splits_or_around_them(tmp_path, order):
    files = (order, order.replace("visible", "thermal"))
    assert _find(_write(tmp_path, files)) == _expect(files, "s1/{name}")


@pytest.mark.parametrize("order", ["{time}/visible/{split}", "{split}/visible/{time}"])
def test_pairs_in_folders_of_the_night_are_of_the_night(tmp_path, order):
    """Unless a list tells: then it alone does."""
    for time, name in (("day", "1"), ("Night", "2")):
        for camera in ("visible", "thermal"):
            folder = order.replace("visible", camera).format(time=time, split="train")
            write(tmp_path / folder / f"{name}.png", b"")
    findings = Findings()
    pairs = find_split_pairs(tmp_path, findings)["train"]
    assert {pair.name: pair.is_night for pair in pairs} == {"day/1": False, "Night/2": True}
    assert [note.partition(" count")[0] for note in findings.notes] == [
        "1 pair in folders named night"
    ]
    write_list(tmp_path / "night.txt", ["day/1"])
    pairs = find_split_pairs(tmp_path, findings)["train"]
    assert {pair.name: pair.is_night for pair in pairs} == {"day/1": True, "Night/2": False}


def test_folders_are_one_in_either_form_of_unicode(tmp_path):
    for file in ("visible/stra\u00dfe \u00f6/0.png", "thermal/stra\u00dfe o\u0308/0.png"):
        write(tmp_path / file, b"")
    write_list(tmp_path / "test.txt", ["stra\u00dfe o\u0308/0"])
    assert list(_find(tmp_path)["test"]) == ["stra\u00dfe \u00f6/0"]


def test_linked_folders_are_followed_but_not_in_circles(tmp_path):
    raw_dir = tmp_path / "raw"
    _write(tmp_path / "store", WITH_SPLITS["camera_split"])
    raw_dir.mkdir()
    for camera in ("visible", "thermal"):
        os.symlink(tmp_path / "store" / camera, raw_dir / camera)
    os.symlink(raw_dir, raw_dir / "again")
    assert list(_find(raw_dir)) == ["train", "val", "test"]
    assert not any("again" in folder.parts for folder in scan_folders(raw_dir))


@pytest.mark.parametrize(
    ("first", "second", "titles"),
    [
        ("camera", "lwir", {"visible/ and thermal/", "visible/ and lwir/"}),
        ("camera", "rgbx", {"visible/ and thermal/", "RGB/ and ModalX/"}),
        ("camera_split", "split_camera", {"visible/ and thermal/", "*/visible/ and */infrared/"}),
        ("msrs", "roboflow", {"*/vi/ and */ir/", "rgb/*/images/ and thermal/*/images/"}),
        ("camera", "words_beside_lists", {"visible/ and thermal/", "the names *_rgb and *_t"}),
        (
            "words",
            "words_in_images",
            {"the names *_co and *_ir", "the names *_visible and *_thermal in images/"},
        ),
    ],
)
def test_two_layouts_are_one_line_that_names_both(tmp_path, first, second, titles):
    for layout in (first, second):
        _write(tmp_path, (WITH_LISTS | WITH_SPLITS)[layout])
    findings = Findings()
    assert find_split_pairs(tmp_path, findings) == {}
    (problem,) = findings.problems
    what, _, remedy = problem.partition("; ")
    assert remedy == "move the images of one of them out of this folder."
    assert set(what.removeprefix("two layouts fit, ").split(" as well as ")) == titles


@pytest.mark.parametrize(
    "files",
    [
        # Neither says more than the other, and each has its own images.
        ("a/visible/0.png", "a/thermal/0.png", "b/rgb/1.png", "b/ir/1.png"),
        ("a/0_co.png", "a/0_ir.png", "b/1_rgb.png", "b/1_t.png"),
        # Two orders, each with splits of its own.
        ("visible/train/0.png", "thermal/train/0.png", "test/visible/1.png", "test/thermal/1.png"),
    ],
)
def test_layouts_that_part_the_images_are_two(tmp_path, files):
    for file in files:
        write(tmp_path / file, b"")
    findings = Findings()
    assert find_split_pairs(tmp_path, findings) == {}
    assert findings.problems[0].startswith("two layouts fit, ")


def test_empty_folder_of_a_split_is_refused(tmp_path):
    _write(tmp_path, WITH_SPLITS["camera_split"], {"train": ("0",)})
    for camera in ("visible", "thermal"):
        (tmp_path / camera / "val").mkdir()
    findings = Findings()
    find_split_pairs(tmp_path, findings)
    assert [problem.partition(" .png")[0] for problem in findings.problems] == [
        f"{tmp_path}/{camera}/val: holds no file that ends in" for camera in ("visible", "thermal")
    ]


def test_older_copy_in_a_folder_is_no_second_layout(tmp_path):
    _write(tmp_path, WITH_SPLITS["camera_split"])
    _write(tmp_path / "old", WITH_LISTS["camera"])
    assert _find(tmp_path) == _expect(WITH_SPLITS["camera_split"])


def test_two_folders_of_one_split_are_refused(tmp_path):
    _write(tmp_path, WITH_SPLITS["camera_split"])
    write(tmp_path / "visible/training/9.png", b"")
    findings = Findings()
    assert find_split_pairs(tmp_path, findings) == {}
    assert findings.problems == [
        "visible/train and visible/training: hold visible images of the same split and sequence; "
        "move them into one folder."
    ]


def test_tree_without_layout_is_one_line_about_what_is_there(tmp_path):
    for file in ("left/0.png", "left/1.png", "right/0.png", "notes.txt"):
        write(tmp_path / file, b"")
    findings = Findings()
    assert find_split_pairs(tmp_path, findings) == {}
    (problem,) = findings.problems
    assert problem.startswith("no layout fits: looked for a folder of visible images (visible, ")
    assert "there is left/ (2 images), right/ (1 image); rename the folders to visible/" in problem
    assert len(problem) < 500  # Longer lines are cut in the middle.


def test_folder_of_one_camera_is_told_that_it_is_one(tmp_path):
    write(tmp_path / "visible/0.png", b"")
    findings = Findings()
    assert find_split_pairs(tmp_path / "visible", findings) == {}
    assert findings.problems[0].endswith(
        f"; give the folder that both cameras' are in, {tmp_path}."
    )


def test_tree_without_images_is_one_line(tmp_path):
    write(tmp_path / "notes.txt", b"")
    findings = Findings()
    find_split_pairs(tmp_path, findings)
    (problem,) = findings.problems
    assert problem.startswith("there are no images in it (*.png, *.jpg")


def test_what_may_be_the_other_camera_is_named(tmp_path):
    """`nir` is near infrared, so that it is not taken for thermal unasked."""
    for folder in ("visible", "nir"):
        write(tmp_path / folder / "a.png", b"")
    findings = Findings()
    find_split_pairs(tmp_path, findings)
    assert findings.problems == [
        f"{tmp_path}/thermal: folder is missing; put the thermal images there (nir/ (1 image) "
        "might hold them)."
    ]


def test_wide_images_of_drones_are_visible(tmp_path):
    files = ("{split}/DJI_{name}_W.JPG", "{split}/DJI_{name}_T.JPG")
    assert _find(_write(tmp_path, files)) == _expect(files, NAMES["drone"])


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("rgb/0.png", "rgb/: holds visible images, but no folder is named after thermal ones;"),
        ("test/ir/0.png", "*/ir/: holds thermal images, but no folder is named after visible"),
    ],
)
def test_camera_without_the_other_is_one_line(tmp_path, file, problem):
    write(tmp_path / file, b"")
    findings = Findings()
    assert find_split_pairs(tmp_path, findings) == {}
    assert findings.problems[0].startswith(problem)
    assert len(findings.problems) == 1


def test_image_without_its_word_is_refused(tmp_path):
    _write(tmp_path, WITH_SPLITS["words"])
    write(tmp_path / "train/9_co.png", b"")
    findings = Findings()
    find_split_pairs(tmp_path, findings)
    assert findings.problems == [
        f"{tmp_path}/train/9_co.png: has no partner in {tmp_path}/train; name both images of a "
        "pair alike but for the camera's word, such as a_rgb and a_ir, or remove this one."
    ]


@pytest.mark.parametrize("name", ["night.txt", "NIGHT.TXT"])
@pytest.mark.parametrize("layout", WITH_SPLITS)
def test_night_is_known_in_every_layout(tmp_path, layout, name):
    """The list names files as they are."""
    visible, _ = WITH_SPLITS[layout]
    _write(tmp_path, WITH_SPLITS[layout])
    line = visible.format(split="train", Split="Train", name="1")
    write_list(tmp_path / name, [line])
    findings = Findings()
    pairs = find_split_pairs(tmp_path, findings)
    assert findings == Findings()
    night = [pair.name for part in pairs.values() for pair in part if pair.is_night]
    assert night == [NAMES.get(layout, "{name}").format(name="1")]
