"""KAIST's annotations and image lists: what is read, and each bad input."""

from pathlib import Path

import numpy as np
import pytest

from mdjax.io.kaist_text import (
    KAIST_IMAGE_SIZE_HW,
    is_night_image,
    read_annotation,
    read_annotations,
    read_image_list,
)
from mdjax.types import MdjaxError

HEADER = "% bbGt version=3\n"
NAMES = ("set06/V000/I00019", "set09/V000/I00039")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# -- Lists of images ------------------------------------------------------------------------------


def test_list_keeps_its_order(tmp_path: Path) -> None:
    path = write(tmp_path / "list.txt", "set09/V000/I00039\r\nset06/V000/I00019\r\n\r\n")
    assert read_image_list(path) == NAMES[::-1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the list is empty"),
        (f"{NAMES[0]}\nset06_V000_I00039\n", "line 2: 'set06_V000_I00039' is no name such as"),
        (f"{NAMES[0]}\n{NAMES[1]}\n{NAMES[0]}\n", "line 3: set06/V000/I00019 stands in line 1"),
        ("set12/V000/I00019\n", "line 1: 'set12/V000/I00019' is no name such as"),
        ("set12/V000/I00019\n", "the sets are 00-11"),
        ("set12/V000/I00019\n", "do not remove lines"),
    ],
)
def test_bad_list_names_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "list.txt", text)
    with pytest.raises(MdjaxError, match=r"list\.txt: ") as caught:
        read_image_list(path)
    assert message in str(caught.value)


@pytest.mark.parametrize("number", range(12))
def test_set_number_says_day_or_night(number: int) -> None:
    """Training: 00-02 day, 03-05 night; test: 06-08 day, 09-11 night."""
    is_night = number in (3, 4, 5, 9, 10, 11)
    assert is_night_image(f"set{number:02d}/V000/I00019") is is_night


# -- Annotations ----------------------------------------------------------------------------------


def test_annotation_is_read_as_it_stands(tmp_path: Path) -> None:
    lines = "person 492 215 20 51 1 0 0 0 0 0 0\npeople 1.5 2 3 4 2 0 0 0 0 1 0\n"
    annotation = read_annotation(write(tmp_path / "a.txt", HEADER + lines))
    assert annotation.labels == ("person", "people")
    np.testing.assert_array_equal(annotation.boxes_xywh_px, [[492, 215, 20, 51], [1.5, 2, 3, 4]])
    np.testing.assert_array_equal(annotation.occlusion, [1, 2])
    np.testing.assert_array_equal(annotation.is_ignored, [False, True])


def test_annotated_box_becomes_edges_that_count_from_0(tmp_path: Path) -> None:
    """The first pixel, 1 1 1 1 in the file, is the area from 0 to 1."""
    lines = "person 1 1 1 1 0 0 0 0 0 0 0\nperson 492 215 20 51 0 0 0 0 0 0 0\n"
    annotation = read_annotation(write(tmp_path / "a.txt", HEADER + lines))
    expected = [[0, 0, 1, 1], [491, 214, 511, 265]]
    np.testing.assert_array_equal(annotation.to_boxes_xyxy_px(), expected)


def test_image_without_persons_has_no_boxes(tmp_path: Path) -> None:
    annotation = read_annotation(write(tmp_path / "a.txt", HEADER))
    assert annotation.labels == ()
    assert annotation.boxes_xywh_px.shape == (0, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: nothing where '% bbGt version=3' is expected"),
        ("% bbGt version=2\n", "line 1: '% bbGt version=2' where"),
        ("{}person 1 2 3 4\n", "line 2: has 5 columns, not 12"),
        ("{}dog 1 2 3 4 0 0 0 0 0 0 0\n", "line 2: unknown label 'dog'; known are person, people"),
        ("{}person 1 2 x 4 0 0 0 0 0 0 0\n", "line 2: could not convert string to float: 'x'"),
        ("{}person 1 nan 3 4 0 0 0 0 0 0 0\n", "line 2: has a number that is not finite"),
        ("{}person 1 2 0 4 0 0 0 0 0 0 0\n", "line 2: the box is 0 wide and 4 high"),
        ("{}person 1 2 3 -4 0 0 0 0 0 0 0\n", "line 2: the box is 3 wide and -4 high"),
        ("{}person 1 2 3 4 3 0 0 0 0 0 0\n", "line 2: occlusion is 3, not 0 (none)"),
        ("{}person 1 2 3 4 0 0 0 0 0 7 0\n", "line 2: ignore is 7, not 0 or 1"),
        ("{}person 630 2 20 4 0 0 0 0 0 0 0\n", "line 2: the box 630 2 20 4 (x y w h) leaves"),
        ("{}person 700 2 20 4 0 0 0 0 0 0 0\n", "leaves its image of 640x512"),
        ("{}person 9 500 9 22 0 0 0 0 0 0 0\n", "leaves its image of 640x512"),
        ("{}person -8 2 20 4 0 0 0 0 0 0 0\n", "leaves its image of 640x512"),
    ],
)
def test_bad_annotation_names_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", text.replace("{}", HEADER))
    with pytest.raises(MdjaxError, match=r"a\.txt: ") as caught:
        read_annotation(path, image_size_hw=KAIST_IMAGE_SIZE_HW)
    assert message in str(caught.value)


def test_annotated_box_may_leave_an_image_of_unknown_size(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", f"{HEADER}person 700 2 20 4 0 0 0 0 0 0 0\n")
    assert read_annotation(path).boxes_xywh_px[0, 0] == 700


@pytest.mark.parametrize("separator", ["_", "/"])
def test_annotations_are_found_flat_and_in_folders(separator: str, tmp_path: Path) -> None:
    for index, name in enumerate(NAMES, start=1):
        text = f"{HEADER}person {index} 2 3 4 0 0 0 0 0 0 0\n"
        write(tmp_path / f"{name.replace('/', separator)}.txt", text)
    annotations = read_annotations(tmp_path, NAMES[::-1])
    assert [annotation.boxes_xywh_px[0, 0] for annotation in annotations] == [2, 1]


def test_missing_annotations_are_all_listed(tmp_path: Path) -> None:
    """More than the 20 that other messages show: whoever lacks files needs the whole list."""
    names = [f"set06/V000/I{number:05d}" for number in range(40)]
    write(tmp_path / "set06_V000_I00003.txt", HEADER)
    with pytest.raises(MdjaxError, match="39 of 40 annotation files are missing") as caught:
        read_annotations(tmp_path, names)
    listed = [line.strip() for line in str(caught.value).splitlines() if line.startswith("  ")]
    expected = [f"set06_V000_I{number:05d}.txt" for number in range(40) if number != 3]
    assert listed == expected


def test_known_labels_may_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", f"{HEADER}dog 1 2 3 4 0 0 0 0 0 0 0\n")
    assert read_annotation(path, labels=("dog",)).labels == ("dog",)
    with pytest.raises(MdjaxError, match=r"unknown label 'dog'; known are person, cat\."):
        read_annotation(path, labels=("person", "cat"))


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"absent: there is no such folder"):
        read_annotations(tmp_path / "absent", NAMES)


def test_bad_lines_of_several_annotations_are_one_message(tmp_path: Path) -> None:
    for name in NAMES:
        write(tmp_path / f"{name.replace('/', '_')}.txt", f"{HEADER}dog 1 2 3 4 0 0 0 0 0 0 0\n")
    with pytest.raises(MdjaxError, match="2 problems") as caught:
        read_annotations(tmp_path, NAMES)
    assert "set06_V000_I00019.txt: line 2: unknown label 'dog'" in str(caught.value)
    assert "set09_V000_I00039.txt: line 2: unknown label 'dog'" in str(caught.value)


def test_improved_test_annotations_are_read_whole(real_data_dir: Path) -> None:
    """2,252 files with 3,390 persons, 597 people, 177 person? and 90 cyclists, by grep."""
    folder = real_data_dir / "kaist"
    names = read_image_list(folder / "test-all-20.txt")
    assert len(names) == 2252
    is_night = [is_night_image(name) for name in names]
    assert is_night == [False] * 1455 + [True] * 797
    annotations = read_annotations(
        folder / "annotations_liu", names, image_size_hw=KAIST_IMAGE_SIZE_HW
    )
    labels = [label for annotation in annotations for label in annotation.labels]
    counts = {label: labels.count(label) for label in sorted(set(labels))}
    assert counts == {"cyclist": 90, "people": 597, "person": 3390, "person?": 177}
