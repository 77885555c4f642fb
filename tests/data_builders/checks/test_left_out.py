"""Faulty pairs are left out where that is wanted, and nothing else is."""

import dataclasses
from pathlib import Path

import pytest

from data_builders.checks.annotations import RawPair
from data_builders.checks.dataset import check_pairs
from data_builders.checks.left_out import write_left_out
from mdjax.io.findings import Findings, Problem
from mdjax.types import MdjaxError
from tests.data.factories import encode_png
from tests.data_builders.checks.small_pairs import CLASSES, check, make_object, make_pair
from tests.data_builders.raw_pairs import (
    encode_jpg,
    get_problems,
    get_thermal,
    make_image_u8,
    make_thermal_u16,
    write,
)


def _make_pairs(folder: Path, names: str, first_number: int = 0) -> list[RawPair]:
    return [make_pair(folder, name, first_number + i) for i, name in enumerate(names)]


def test_every_kind_of_faulty_file_is_left_out_and_the_rest_is_as_without_it(
    tmp_path: Path,
) -> None:
    good = _make_pairs(tmp_path, "xyz", 10)
    train = _make_pairs(tmp_path, "abcdef")
    train[0].visible.unlink()
    write(get_thermal(train[1]), get_thermal(train[1]).read_bytes()[:60])
    write(get_thermal(train[2]), encode_png(make_image_u8(3, (12, 12), channels=1)))
    train[3] = dataclasses.replace(train[3], objects=(make_object((3.0, 3, 3, 5)),))
    write(get_thermal(train[4]), encode_png(make_thermal_u16(4)))
    item = make_object((1.0, 1, 5, 5))
    train[5] = dataclasses.replace(train[5], objects=(item, item))
    pairs = {"train": [*train[:3], *good[:2], *train[3:]], "test": good[2:]}
    checked = check(tmp_path, pairs, skip_faulty=True)
    assert {split: [p.name for p in part] for split, part in checked.pairs.items()} == {
        "train": ["x", "y"],
        "test": ["z"],
    }
    texts = {name: " ".join(problems) for name, problems in checked.left_out.items()}
    assert texts.keys() == set("abcdef")
    assert "visible/a.jpg: file is missing" in texts["a"]
    assert "thermal/b.png: PNG is truncated" in texts["b"]
    assert "c: visible and thermal have different aspects" in texts["c"]
    assert "has a width of 0" in texts["d"]
    assert "thermal/e.png: has 16 bits, but 7 other thermal images have 8" in texts["e"]
    assert "is a duplicate of an earlier box" in texts["f"]
    without = check(tmp_path, {"train": good[:2], "test": good[2:]})
    assert checked.fingerprint == without.fingerprint
    assert checked.box_counts == without.box_counts
    assert set(checked.warnings) - set(without.warnings) == {
        "6 of 9 pairs left out as faulty (a, b, c...); scores on the rest cannot be compared with "
        "those on the whole data set."
    }


def test_nothing_is_left_out_of_faultless_pairs(tmp_path: Path) -> None:
    pairs = {"test": _make_pairs(tmp_path, "ab")}
    checked = check(tmp_path, pairs, skip_faulty=True)
    assert checked == check(tmp_path, pairs)
    assert not checked.left_out


def test_of_two_equal_images_the_one_of_the_later_split_is_left_out(tmp_path: Path) -> None:
    pairs = {"train": _make_pairs(tmp_path, "ab"), "test": _make_pairs(tmp_path, "cd", 10)}
    write(pairs["test"][0].visible, encode_jpg(make_image_u8(1)))
    checked = check(tmp_path, pairs, skip_faulty=True)
    assert list(checked.left_out) == ["c"]


def test_split_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    pairs = {"train": _make_pairs(tmp_path, "ab"), "test": _make_pairs(tmp_path, "c", 10)}
    pairs["train"][0].visible.unlink()
    pairs["test"][0].visible.unlink()
    problems = get_problems(check, tmp_path, pairs, skip_faulty=True)
    assert [problem.partition(";")[0] for problem in problems] == [
        "split 'test': all of its 1 pair would be left out as faulty",
        "visible/a.jpg: file is missing",
        "visible/c.jpg: file is missing",
    ]


@pytest.mark.parametrize("fault", ["findings", "empty", "leak", "depth"])
def test_faults_of_the_whole_data_set_are_refused_all_the_same(tmp_path: Path, fault: str) -> None:
    pairs = {"train": _make_pairs(tmp_path, "ab"), "test": _make_pairs(tmp_path, "c", 10)}
    pairs["train"][0].visible.unlink()
    findings, expected = Findings([Problem("a.txt: is odd.", "a")]), ""
    if fault == "findings":
        findings.problems.append(expected := "classes.txt: file is missing.")
    elif fault == "empty":
        pairs["val"] = []
        expected = "split 'val' is empty."
    elif fault == "leak":
        pairs["test"].append(pairs["train"][1])
        expected = "b: is in 2 splits (train, test); remove it"
    else:
        for pair in (*pairs["train"], *pairs["test"]):
            write(get_thermal(pair), encode_png(make_thermal_u16(4)))
        expected = "split 'train': all of its 2 pairs would be left out"
    problems = get_problems(
        lambda: check_pairs(tmp_path, "test", pairs, findings, CLASSES, skip_faulty=True)
    )
    assert problems[0].startswith(expected)
    assert "a.txt: is odd." in problems


def test_remedy_of_pairs_alone_is_to_leave_them_out(tmp_path: Path) -> None:
    pairs = {"train": _make_pairs(tmp_path, "ab")}
    pairs["train"][0].visible.unlink()
    with pytest.raises(MdjaxError, match=r"leave the faulty pairs out with --skip-faulty\.$"):
        check(tmp_path, pairs)
    with pytest.raises(MdjaxError, match=r"\nFix what is wrong\.$"):
        check(tmp_path, {**pairs, "val": []})


def test_list_of_pairs_has_a_line_for_each(tmp_path: Path) -> None:
    left_out = {"a": ["a.png: is\nodd.", "a.txt: too."], "b/c": ["c.png: is odd."]}
    write_left_out(left_out, path := tmp_path / "data" / "raw_left_out.txt")
    assert path.read_text() == "a\ta.png: is odd. a.txt: too.\nb/c\tc.png: is odd.\n"
    with pytest.raises(MdjaxError, match="is not a folder; give another folder"):
        write_left_out(left_out, path / "below" / "a.txt")
