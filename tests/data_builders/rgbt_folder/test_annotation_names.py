"""Each image gets the annotations of its name, and one without any is counted."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from data_builders.checks.annotations import RawPair
from data_builders.rgbt_folder.annotations import add_annotations
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.io.findings import Findings, group_problems
from tests.data_builders.raw_pairs import get_objects, get_problems, write, write_pair, write_rgbt
from tests.data_builders.rgbt_folder.same_boxes import (
    EXPECTED,
    NAMES,
    get_boxes,
    make_voc,
    make_yolo,
    write_texts,
)


@pytest.fixture
def raw_dir(tmp_path):
    return write_rgbt(tmp_path / "raw", NAMES)


@pytest.mark.parametrize("make", [make_yolo, make_voc])
def test_image_without_a_file_has_no_objects_and_is_counted(raw_dir, make):
    suffix = ".txt" if make is make_yolo else ".xml"
    write_texts(raw_dir, make, f"labels/{{name}}{suffix}")
    (raw_dir / f"labels/a{suffix}").unlink()
    checked = check_raw_rgbt_folder(raw_dir)
    assert get_boxes(checked) == {**EXPECTED, "a": []}
    assert (
        f"1 of 4 images have no file *{suffix} in labels/, so they count as images without "
        "objects (a)."
    ) in checked.notes
    assert checked.warnings == ()


def test_file_of_no_image_is_warned_of_where_files_are_missing(raw_dir):
    write_texts(raw_dir, make_yolo, "labels/{name}.txt")
    write(raw_dir / "labels/other.txt", "")
    assert check_raw_rgbt_folder(raw_dir).warnings == ()
    (raw_dir / "labels/b.txt").rename(raw_dir / "labels/B.txt")
    assert check_raw_rgbt_folder(raw_dir).warnings == (
        "labels/: 2 files without an image of the same name (B.txt, other.txt), and 1 image "
        "without a file (b); give annotations the names of their images.",
    )


def test_images_in_no_list_keep_their_files(raw_dir):
    write_texts(raw_dir, make_yolo, "labels/{name}.txt")
    (raw_dir / "labels/a.txt").unlink()
    (raw_dir / "val.txt").unlink()
    assert check_raw_rgbt_folder(raw_dir).warnings == ()


def test_all_files_missing_is_a_fault(raw_dir):
    (raw_dir / "labels").mkdir()
    assert get_problems(check_raw_rgbt_folder, raw_dir) == [
        "labels/: holds no file that ends in .txt; put the annotations there, under the "
        "names of the images."
    ]
    write(raw_dir / "labels/x.txt", "")
    problems = get_problems(check_raw_rgbt_folder, raw_dir)
    assert [problem.partition(";")[0] for problem in problems] == [
        f"{split}: none of its {count} has a file *.txt in labels/"
        for split, count in (("train", "2 images"), ("val", "1 image"), ("test", "1 image"))
    ]
    assert all("of no image are x.txt" in problem for problem in problems)


def _make_pairs(raw_dir: Path, names: Mapping[str, tuple[str, str]]) -> dict[str, list[RawPair]]:
    """Pairs by name, with the stems of their images, as other layouts name them."""
    pairs: list[RawPair] = []
    for number, (name, (visible, thermal)) in enumerate(names.items()):
        write_pair(raw_dir / "visible" / visible, raw_dir / "thermal" / thermal, number)
        visible_path = raw_dir / "visible" / f"{visible}.jpg"
        thermal_path = raw_dir / "thermal" / f"{thermal}.png"
        pairs.append(RawPair(name, visible_path, thermal_path, is_night=False))
    return {"train": pairs}


def _add(raw_dir: Path, names: Mapping[str, tuple[str, str]]) -> tuple[dict[str, str], Findings]:
    """Which file each pair got its only box from."""
    write(raw_dir / "classes.txt", "deer\nboar\n")
    findings = Findings()
    pairs = add_annotations(raw_dir, _make_pairs(raw_dir, names), findings).pairs["train"]
    return {
        pair.name: item.where.partition(",")[0] for pair in pairs for item in get_objects(pair)
    }, findings


@pytest.mark.parametrize(
    ("pair", "stem"),
    [
        (("1", ("1_co", "1_ir")), "1"),
        (("1", ("1_co", "1_ir")), "1_co"),
        (("1", ("1_co", "1_ir")), "1_ir"),
        (("1", ("1_jpg.rf.0f3c", "1_jpg.rf.77e1")), "1_jpg.rf.0f3c"),
        (("s/1", ("s/1", "s/1")), "s/1"),
        (("s/1", ("s/1", "s/1")), "1"),
        (("s/1", ("s/1", "s/1")), "s_1"),
        (("s/1", ("s/1", "s/1")), "train/s/1"),
        (("1", ("1_co", "1_ir")), "0a1b2c3d-1_co"),
        (("s/1", ("s/1", "s/1")), "s/0a1b2c3d-1"),
    ],
)
def test_file_may_be_named_like_the_pair_or_one_of_its_images(tmp_path, pair, stem):
    write(tmp_path / f"labels/{stem}.txt", "1 .5 .5 .5 .5\n")
    name, images = pair
    assert _add(tmp_path, {name: images}) == ({name: f"labels/{stem}.txt"}, Findings())


@pytest.mark.parametrize(
    ("visible", "thermal", "images"),
    [
        ("labels/1_co", "labels/1_ir", ("1_co", "1_ir")),
        ("visible/labels/s/1", "thermal/labels/s/1", ("images/s/1", "images/s/1")),
        ("visible/s/labels/1", "thermal/s/labels/1", ("s/images/1", "s/images/1")),
    ],
)
@pytest.mark.parametrize("text", ["1 .5 .5 .5 .5\r\n", ""])
def test_file_of_the_visible_image_counts_and_the_other_is_told_of(
    tmp_path, visible, thermal, images, text
):
    write(tmp_path / f"{visible}.txt", "1 .5 .5 .5 .5\n")
    write(tmp_path / f"{thermal}.txt", text)
    # What the images of another pair hold says nothing of this one.
    write(tmp_path / "labels/2.txt", "")
    files, findings = _add(tmp_path, {"1": images, "2": ("2", "2")})
    assert files == {"1": f"{visible}.txt"}
    told = (
        "labels/: 1 file not read, because other files of the same pairs are, those of visible "
        f"images first; they hold {'the same as these' if text else 'something else'} "
        f"({thermal}.txt)."
    )
    assert findings.problems == []
    assert [*findings.notes, *findings.warnings] == [told]
    assert bool(findings.warnings) == (text == "")


def test_files_of_a_pair_that_hold_the_same_are_no_conflict(tmp_path):
    for folder in ("old", "new"):
        write(tmp_path / f"labels/{folder}/1.txt", "1 .5 .5 .5 .5\n")
        write(tmp_path / f"labels/{folder}/2.txt", "")
    files, findings = _add(tmp_path, {"1": ("1", "1"), "2": ("2", "2")})
    assert files == {"1": "labels/new/1.txt"}
    assert findings.problems == findings.warnings == []
    assert findings.notes == [
        "labels/: 2 files not read, because other files of the same pairs are, those of visible "
        "images first; they hold the same as these (labels/old/1.txt, labels/old/2.txt)."
    ]
    write(tmp_path / "labels/old/1.txt", "0 .5 .5 .5 .5\n")
    write(tmp_path / "labels/old/2.txt", "0 .5 .5 .5 .5\n")
    findings = _add(tmp_path, {"1": ("1", "1"), "2": ("2", "2")})[1]
    assert findings.problems == [
        f"{name} (labels/new/{name}.txt, labels/old/{name}.txt): has several annotation files "
        "that differ; keep one of them."
        for name in "12"
    ]
    assert len(group_problems(findings.problems).lines) == 1
    assert findings.notes == findings.warnings == []


@pytest.mark.parametrize("order", ["{time}/visible/train", "{time}/train/visible/data"])
def test_labels_stand_in_the_place_of_the_camera(tmp_path, order):
    """`day/labels/train/1.txt` is of `day/visible/train/1.jpg`, `night/labels/...` of the other."""
    write(tmp_path / "classes.txt", "deer\nboar\n")
    pairs = []
    for number, time in enumerate(("day", "night")):
        visible = tmp_path / order.format(time=time)
        thermal = Path(str(visible).replace("visible", "thermal"))
        write_pair(visible / "1", thermal / "1", number)
        pair = RawPair(f"{time}/1", visible / "1.jpg", thermal / "1.png", is_night=False)
        pairs.append(pair)
        labels = order.replace("visible/data", "visible").replace("visible", "labels")
        write(tmp_path / labels.format(time=time) / "1.txt", f"{number} .5 .5 .5 .5\n")
    findings = Findings()
    annotated = add_annotations(tmp_path, {"train": pairs}, findings).pairs["train"]
    assert findings == Findings()
    assert {pair.name: [item.label for item in get_objects(pair)] for pair in annotated} == {
        "day/1": ["deer"],
        "night/1": ["boar"],
    }


def test_name_without_the_prefix_of_an_upload_counts_first(tmp_path):
    write(tmp_path / "labels/0a1b2c3d-1.txt", "")
    write(tmp_path / "labels/1.txt", "1 .5 .5 .5 .5\n")
    assert _add(tmp_path, {"1": ("1", "1")})[0] == {"1": "labels/1.txt"}
    # The image itself may be called so.
    write(tmp_path / "labels/0a1b2c3d-2.txt", "1 .5 .5 .5 .5\n")
    name = "0a1b2c3d-2"
    assert _add(tmp_path, {name: (name, name)})[0] == {name: f"labels/{name}.txt"}


def test_files_of_the_visible_images_are_told_by_their_folder(tmp_path):
    for folder in ("thermal", "visible"):
        write(tmp_path / f"labels/{folder}/1.txt", "1 .5 .5 .5 .5\n")
    assert _add(tmp_path, {"1": ("1", "1")})[0] == {"1": "labels/visible/1.txt"}


def test_files_of_sequences_are_not_mixed_up(tmp_path):
    names = {f"{s}/{i}": (f"{s}/{i}", f"{s}/{i}") for s in "rs" for i in "12"}
    for stem in ("r/1", "r/2", "s/1"):
        write(tmp_path / f"labels/{stem}.txt", "1 .5 .5 .5 .5\n")
    files, findings = _add(tmp_path, names)
    assert files == {name: f"labels/{name}.txt" for name in ("r/1", "r/2", "s/1")}
    assert findings.problems == []
    shutil.rmtree(tmp_path / "labels")
    write(tmp_path / "labels/1.txt", "1 .5 .5 .5 .5\n")
    assert _add(tmp_path, names)[1].problems == [
        "labels/1.txt: is by its name the annotation file of the images r/1, s/1; sort annotations "
        "into folders like the images."
    ]
