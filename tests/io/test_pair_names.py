from pathlib import Path

import pytest

from mdjax.io.pair_names import (
    THERMAL_WORDS,
    VISIBLE_WORDS,
    NamedFiles,
    find_camera_words,
    match_cameras,
    match_names,
    remove_former_ending,
    remove_hash,
    split_camera_word,
)


def _list(stems):
    return {stem: Path(f"{stem}.png") for stem in stems.split()}


def _match(visible, thermal):
    """Stems of both images by name, of the names that both have."""
    files = match_names(NamedFiles(_list(visible), _list(thermal)))
    common = sorted(files.visible.keys() & files.thermal.keys())
    return {name: (files.visible[name].stem, files.thermal[name].stem) for name in common}


@pytest.mark.parametrize(
    ("stem", "name", "word"),
    [
        ("a_rgb", "a", "_rgb"),
        ("a-IR", "a", "-IR"),
        ("a_T", "a", "_T"),
        ("FLIR_00002_PreviewData", "FLIR_00002", "_PreviewData"),
        ("thermal_0001", "0001", "thermal_"),
        ("a.lwir", "a", ".lwir"),
        ("start", "start", ""),
        ("first", "first", ""),
        ("rgb", "rgb", ""),
        ("_rgb", "_rgb", ""),
    ],
)
def test_word_for_a_camera_is_a_part_of_its_own(stem, name, word):
    assert split_camera_word(stem) == (name, word)


def test_words_are_those_of_one_camera_where_asked():
    assert split_camera_word("a_rgb", THERMAL_WORDS) == ("a_rgb", "")
    assert split_camera_word("a_ir", VISIBLE_WORDS) == ("a_ir", "")


def test_hash_is_what_stands_behind_its_mark():
    stem = "IMG_7_jpg.rf.0f3cAB"
    assert remove_hash(stem) == "IMG_7_jpg"
    assert remove_former_ending(stem) == "IMG_7"
    assert remove_former_ending("a_png") == "a_png"  # Without hash it is the name's own.
    assert remove_hash("a.rf.b.c") == "a.rf.b.c"


@pytest.mark.parametrize(
    ("visible", "thermal", "expected"),
    [
        ("a b", "a b", {"a": ("a", "a"), "b": ("b", "b")}),
        ("a_rgb b_rgb", "a_t b_t", {"a": ("a_rgb", "a_t"), "b": ("b_rgb", "b_t")}),
        ("a b", "a_ir b_ir", {"a": ("a", "a_ir"), "b": ("b", "b_ir")}),
        ("vi_a", "ir_a", {"a": ("vi_a", "ir_a")}),
        ("a_jpg.rf.1", "a_jpg.rf.2", {"a_jpg": ("a_jpg.rf.1", "a_jpg.rf.2")}),
        ("a_jpg.rf.1", "a_png.rf.2", {"a": ("a_jpg.rf.1", "a_png.rf.2")}),
        ("a_rgb_jpg.rf.1", "a_ir_jpg.rf.2", {"a": ("a_rgb_jpg.rf.1", "a_ir_jpg.rf.2")}),
    ],
)
def test_names_of_pairs_become_equal(visible, thermal, expected):
    assert _match(visible, thermal) == expected


def test_equal_names_stay_with_all_that_is_in_them():
    names = "a_jpg.rf.1 b_rgb c_t"
    assert sorted(_match(names, names)) == sorted(names.split())


def test_word_of_few_names_is_a_part_of_them():
    """Else a file that was meant for another pair would be taken."""
    assert sorted(_match("a_vi b c d", "a_ir b c d")) == ["b", "c", "d"]


def test_second_file_of_a_name_keeps_its_own():
    files = match_names(NamedFiles(_list("a.rf.1 a.rf.2 b.rf.3"), _list("a.rf.4 b.rf.5")))
    assert {name: path.stem for name, path in files.visible.items()} == {
        "a": "a.rf.1",
        "a.rf.2": "a.rf.2",
        "b": "b.rf.3",
    }


@pytest.mark.parametrize(
    "stems", ["a_co a_ir", "a a_ir", "RGB_a T_a", "a_co_jpg.rf.1 a_ir_jpg.rf.2"]
)
def test_images_of_one_folder_are_sorted_by_camera(stems):
    files = match_cameras(_list(stems))
    assert list(files.visible) == list(files.thermal) == ["a"]
    first, second = stems.split()
    assert (files.visible["a"].stem, files.thermal["a"].stem) == (first, second)


@pytest.mark.parametrize(
    ("stems", "words"),
    [
        ("a_co a_ir b_co", {("co", "ir")}),
        ("a a_ir", {("", "ir")}),
        ("a a_RGB a_T", {("rgb", "t")}),
        ("a_rgb a_vi a_ir", {("rgb", "ir"), ("vi", "ir")}),
        ("a_rgb b_ir", set()),
        ("a b", set()),
    ],
)
def test_words_are_found_where_they_tell_two_images_apart(stems, words):
    assert find_camera_words(stems.split()) == words
