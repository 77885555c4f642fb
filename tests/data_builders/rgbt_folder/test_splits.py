import shutil

import pytest

from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from data_builders.rgbt_folder.splits import find_split_pairs
from mdjax.io.findings import Findings
from tests.data_builders.raw_pairs import write, write_list, write_pair, write_rgbt

NAMES = {"train": ["a", "b"], "val": ["c"], "test": ["d"]}
KINDS = ("visible", "thermal")


@pytest.fixture
def with_lists(tmp_path):
    return write_rgbt(tmp_path / "with_lists", NAMES)


@pytest.fixture
def with_folders(tmp_path):
    raw_dir = tmp_path / "with_folders"
    for split, names in NAMES.items():
        for name in names:
            write_pair(raw_dir / "visible" / split / name, raw_dir / "thermal" / split / name)
    return raw_dir


def _find(raw_dir):
    """Names by split, and what was found besides."""
    findings = Findings()
    pairs = find_split_pairs(raw_dir, findings)
    return {split: [pair.name for pair in part] for split, part in pairs.items()}, findings


def _rename_folders(raw_dir, old, new):
    for kind in KINDS:
        (raw_dir / kind / old).rename(raw_dir / kind / new)


def test_folders_and_lists_give_the_same(with_lists, tmp_path):
    assert _find(with_lists) == (NAMES, Findings())
    for split, names in NAMES.items():
        for name in names:
            write_pair(tmp_path / "visible" / split / name, tmp_path / "thermal" / split / name)
    assert _find(tmp_path) == (NAMES, Findings())


@pytest.mark.parametrize("name", ["valid", "Val", "VALIDATION"])
def test_splits_have_other_names_too(with_folders, with_lists, name):
    expected = _find(with_lists)
    _rename_folders(with_folders, "val", name)
    assert _find(with_folders) == expected
    (with_lists / "val.txt").rename(with_lists / f"{name}.txt")
    assert _find(with_lists) == expected


@pytest.mark.parametrize("folder", ["Main", "Layout", "Segmentation"])
def test_lists_may_be_where_pascal_voc_has_them(with_lists, folder):
    place = with_lists / "ImageSets" / folder
    place.mkdir(parents=True)
    for split in NAMES:
        (with_lists / f"{split}.txt").rename(place / f"{split}.txt")
    # Of a class, and of two splits.
    write(place / "deer_train.txt", "a  1\nb -1\n")
    write_list(place / "trainval.txt", "abc")
    findings = Findings(
        notes=[f"splits from the lists in ImageSets/{folder}/: train.txt, val.txt, test.txt."]
    )
    assert _find(with_lists) == (NAMES, findings)
    assert _list_unread(with_lists) == []
    for split in ("train", "val"):
        (place / f"{split}.txt").unlink()
    assert _find(with_lists)[0] == {"train": ["a", "b", "c"], "test": ["d"]}


def test_lists_of_the_folder_itself_come_before_those_of_pascal_voc(with_lists):
    write_list(with_lists / "ImageSets/Main/train.txt", "d")
    assert _find(with_lists) == (NAMES, Findings())
    assert _list_unread(with_lists) == ["ImageSets/ is not read; read are thermal/, visible/."]


def test_lists_of_pascal_voc_and_folders_are_refused(with_folders):
    write_list(with_folders / "ImageSets/Main/train.txt", ["a", "b"])
    assert _find(with_folders)[1].problems == [
        "has both the folders visible/train, visible/val, visible/test and the lists "
        "ImageSets/Main/train.txt; keep one kind."
    ]


def _list_unread(raw_dir):
    """Warnings of folders that are not read."""
    for name in "abcd":
        write(raw_dir / f"visible/{name}.txt", "0 .5 .5 .5 .5\n")
    return [x for x in check_raw_rgbt_folder(raw_dir).warnings if "is not read" in x]


def test_two_lists_of_one_split_are_refused(with_lists):
    write_list(with_lists / "valid.txt", ["d"])
    _, findings = _find(with_lists)
    assert findings.problems == ["val.txt and valid.txt: are lists of one split; keep one."]


@pytest.mark.parametrize("name", ["dev", "val2", "holdout"])
def test_folder_of_another_name_is_refused(with_folders, name):
    _rename_folders(with_folders, "val", name)
    _, findings = _find(with_folders)
    assert findings.problems == [
        f"{kind}/{name}: is not a split; rename it to train, val or test, or remove it."
        for kind in ("thermal", "visible")
    ]


def test_folders_of_other_names_alone_are_refused(with_folders):
    for split in NAMES:
        _rename_folders(with_folders, split, f"{split}_images")
    names, findings = _find(with_folders)
    assert names == {}
    assert len(findings.problems) == 6
    assert all("rename it to train, val or test" in problem for problem in findings.problems)


def test_folder_beside_lists_needs_its_partner(with_lists):
    write(with_lists / "thermal/more/e.png", b"")
    _, findings = _find(with_lists)
    assert findings.problems == [f"{with_lists}/visible/more: folder is missing."]


@pytest.mark.parametrize("kind", KINDS)
def test_images_beside_folders_are_refused(with_folders, kind):
    for name in ("e.png", "f.JPG"):
        write(with_folders / kind / name, b"")
    _, findings = _find(with_folders)
    assert findings.problems == [
        f"{kind}/: 2 images (e.png...) are outside the folders of splits; move them into one of "
        "these."
    ]


def test_hidden_and_other_files_are_passed_over(with_folders):
    for name in (".thumbnails/a.png", "notes.txt", "._a.png"):
        write(with_folders / "visible" / name, b"")
    assert _find(with_folders) == (NAMES, Findings())


@pytest.mark.parametrize("kind", KINDS)
def test_split_of_one_kind_of_image_is_one_line(with_folders, kind):
    shutil.rmtree(with_folders / kind / "val")
    _, findings = _find(with_folders)
    assert findings.problems == [f"{with_folders}/{kind}/val: folder is missing."]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("raw", ["with_lists", "with_folders"])
def test_missing_folder_is_one_line(request, raw, kind):
    raw_dir = request.getfixturevalue(raw)
    shutil.rmtree(raw_dir / kind)
    names, findings = _find(raw_dir)
    assert names == {}
    assert findings.problems == [
        f"{raw_dir}/{kind}: folder is missing; put the {kind} images there."
    ]


def test_empty_folders_are_one_line_each(with_lists):
    """Not one for each name that is listed."""
    for path in [*with_lists.glob("visible/*"), *with_lists.glob("thermal/*")]:
        path.unlink()
    _, findings = _find(with_lists)
    assert [problem.partition(" .png")[0] for problem in findings.problems] == [
        f"{with_lists}/{kind}: holds no file that ends in" for kind in KINDS
    ]


def test_name_twice_in_a_list_is_refused(with_lists):
    write_list(with_lists / "train.txt", ["a", "b", "a"])
    assert _find(with_lists)[1].problems == ["train.txt, a: is listed 2 times; keep one."]


def test_name_without_pair_is_refused(with_lists):
    write_list(with_lists / "val.txt", ["c", "z"])
    assert _find(with_lists)[1].problems == [
        "val.txt, z: there is no such pair in visible/ and thermal/; correct the name, or remove "
        "it."
    ]


def test_empty_list_is_refused(with_lists):
    write(with_lists / "val.txt", "\n")
    assert _find(with_lists)[1].problems == [
        "val.txt: is empty; write names into it, or remove it."
    ]


def test_lists_that_are_no_text_are_one_line_each(with_lists):
    for name in ("val.txt", "night.txt"):
        write(with_lists / name, b"\xff\xfe\x00")
    _, findings = _find(with_lists)
    assert [problem.partition(":")[0] for problem in findings.problems] == ["val.txt", "night.txt"]


def test_list_that_is_a_folder_is_refused(with_lists):
    (with_lists / "val.txt").unlink()
    (with_lists / "val.txt").mkdir()
    (problem,) = _find(with_lists)[1].problems
    assert problem.startswith("val.txt: cannot be read")


def test_pairs_in_no_list_are_noted_with_lists_of_other_names(with_lists):
    (with_lists / "val.txt").rename(with_lists / "holdout.txt")
    names, findings = _find(with_lists)
    assert names == {"train": ["a", "b"], "test": ["d"]}
    assert findings == Findings(
        notes=["1 pairs in no list, omitted (c...). Not read as lists: holdout.txt."]
    )
