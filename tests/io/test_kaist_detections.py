"""KAIST's detection files: what is read, what is written, and each bad input."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mdjax.io.kaist_detections import read_detections, write_detections
from mdjax.io.kaist_text import KAIST_IMAGE_SIZE_HW
from mdjax.types import MdjaxError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


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
        ("1,10,x,30,40,0.5", "line 2: '1,10,x,30,40,0.5' has a field that is not a number"),
        ("1,10,,30,40,0.5", "has a field that is not a number"),
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
    assert "Fix these lines; each has: image,x,y,w,h,score" in str(caught.value)


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
