"""KAIST's text files: what is read, what is written, and each bad input."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mdjax.io.kaist_text import (
    KAIST_IMAGE_SIZE_HW,
    is_night_image,
    read_annotation,
    read_annotations,
    read_detections,
    read_image_list,
    write_detections,
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


def test_image_of_an_unknown_set_is_neither_day_nor_night() -> None:
    with pytest.raises(MdjaxError, match="set12/V000/I00019: whether this is day or night"):
        is_night_image("set12/V000/I00019")


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


# -- Detections -----------------------------------------------------------------------------------


def test_detections_are_sorted_into_images_and_stay_in_order(tmp_path: Path) -> None:
    text = "3,1,2,3,4,0.5\n1,5,6,7,8,0.25\n3, 9, 10, 11, 12, 0.75\n"
    detections = read_detections(write(tmp_path / "d.txt", text), num_images=4)
    assert [len(image.scores) for image in detections] == [1, 0, 2, 0]
    np.testing.assert_array_equal(detections[0].boxes_xywh_px, [[5, 6, 7, 8]])
    np.testing.assert_array_equal(detections[2].boxes_xywh_px, [[1, 2, 3, 4], [9, 10, 11, 12]])
    np.testing.assert_array_equal(detections[2].scores, [0.5, 0.75])


def test_file_without_a_line_has_no_detections(tmp_path: Path) -> None:
    detections = read_detections(write(tmp_path / "d.txt", "\n"), num_images=2)
    assert [image.boxes_xywh_px.shape for image in detections] == [(0, 4), (0, 4)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,10,20,30,40", "line 2: has 5 columns, not 6"),
        ("1 10 20 30 40 0.5", "line 2: has 1 columns, not 6"),
        ("1,10,20,30,40,0.5,7", "line 2: has 7 columns, not 6"),
        ("1,10,x,30,40,0.5", "line 2: '1,10,x,30,40,0.5' has a field that is no number"),
        ("1,10,,30,40,0.5", "has a field that is no number"),
        ("1,10,20,30,40,nan", "line 2: the score is nan, not a finite number"),
        ("1,10,20,30,40,inf", "line 2: the score is inf, not a finite number"),
        ("1,nan,20,30,40,0.5", "line 2: has a number that is not finite"),
        ("0,10,20,30,40,0.5", "line 2: image 0; the list has images 1 to 3"),
        ("4,10,20,30,40,0.5", "line 2: image 4; the list has images 1 to 3"),
        ("-1,10,20,30,40,0.5", "line 2: image -1; the list has"),
        ("1.5,10,20,30,40,0.5", "line 2: image 1.5; the list has"),
        ("1,10,20,0,40,0.5", "line 2: the box is 0 wide and 40 high"),
        ("1,10,20,30,-40,0.5", "line 2: the box is 30 wide and -40 high"),
        ("1,641,20,30,40,0.5", "line 2: the box lies outside its image of 640x512"),
        ("1,10,513,30,40,0.5", "lies outside its image"),
        ("1,-29,20,30,40,0.5", "lies outside its image"),
        ("1,10,-39,30,40,0.5", "lies outside its image"),
    ],
)
def test_bad_detection_names_file_and_line(line: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "d.txt", f"1,10,20,30,40,0.5\n{line}\n")
    with pytest.raises(MdjaxError, match=r"d\.txt: ") as caught:
        read_detections(path, num_images=3, image_size_hw=KAIST_IMAGE_SIZE_HW)
    assert message in str(caught.value)


def test_detection_may_reach_beyond_the_edge(tmp_path: Path) -> None:
    """Of 30 columns from -28 the last, 1, is in the image; 640 is its last column."""
    path = write(tmp_path / "d.txt", "1,-28,20,30,40,0.5\n1,640,20,30,40,0.5\n")
    found = read_detections(path, num_images=1, image_size_hw=KAIST_IMAGE_SIZE_HW)
    assert len(found[0].scores) == 2


def test_bad_detections_are_one_message_with_the_line_of_each(tmp_path: Path) -> None:
    path = write(tmp_path / "d.txt", "0,10,20,30,40,0.5\n\n1,10,20,30,40,0.5\n1,10,20,30,40,nan\n")
    with pytest.raises(MdjaxError, match="2 problems") as caught:
        read_detections(path, num_images=3)
    assert "line 1: image 0" in str(caught.value)
    assert "line 4: the score is nan" in str(caught.value)


def test_written_detections_count_pixels_from_1(tmp_path: Path) -> None:
    """Edges 0 0 1 1 are the first pixel, 1,1,1,1; (490.5, 214, 510.5, 265) is 491.5,215,20,51."""
    boxes = [np.zeros((0, 4)), np.array([[0, 0, 1, 1], [490.5, 214, 510.5, 265]])]
    scores = [np.zeros(0), np.array([0.125, 1.0])]
    write_detections(tmp_path / "d.txt", boxes, scores)
    assert (tmp_path / "d.txt").read_text() == "2,1,1,1,1,0.125\n2,491.5,215,20,51,1\n"


@settings(max_examples=20)
@given(
    starts=hnp.arrays(np.float32, (5, 2), elements=st.floats(0, 500, width=32)),
    sides=hnp.arrays(np.float32, (5, 2), elements=st.floats(0.5, 100, width=32)),
    scores=hnp.arrays(np.float32, 5, elements=st.floats(2**-20, 1, width=32)),
)
def test_written_detections_read_back_the_same(
    starts: np.ndarray,
    sides: np.ndarray,
    scores: np.ndarray,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Scores to the bit, so that their order stays; edges to the ninth digit."""
    path = tmp_path_factory.mktemp("detections") / "d.txt"
    boxes = np.concatenate([starts, starts + sides], axis=1)
    write_detections(path, [boxes[:2], boxes[2:]], [scores[:2], scores[2:]])
    found = read_detections(path, num_images=2, image_size_hw=KAIST_IMAGE_SIZE_HW)
    assert [len(image.scores) for image in found] == [2, 3]
    restored = np.concatenate([image.boxes_xywh_px for image in found])
    np.testing.assert_allclose(restored[:, :2] - 1, boxes[:, :2], atol=1e-6)
    np.testing.assert_allclose(restored[:, :2] - 1 + restored[:, 2:], boxes[:, 2:], atol=1e-6)
    restored_scores = np.concatenate([image.scores for image in found]).astype(np.float32)
    np.testing.assert_array_equal(restored_scores, scores)


@pytest.mark.parametrize(
    ("box", "score"), [((5, 5, 5, 9), 0.5), ((5, 9, 9, 5), 0.5), ((1, 1, 9, 9), np.nan)]
)
def test_detection_that_no_reader_takes_is_not_written(
    box: tuple[int, ...], score: float, tmp_path: Path
) -> None:
    boxes = [np.array([[1.0, 1, 9, 9]]), np.array([box], np.float64)]
    with pytest.raises(MdjaxError, match=r"d\.txt: image 2: .*Not written"):
        write_detections(tmp_path / "d.txt", boxes, [np.ones(1), np.array([score])])
    assert not (tmp_path / "d.txt").exists()


def test_detections_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"d\.txt: cannot be written"):
        write_detections(tmp_path / "absent" / "d.txt", [np.zeros((0, 4))], [np.zeros(0)])
