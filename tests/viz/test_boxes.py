"""Boxes: drawn where they should be, whatever the detector."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.viz.boxes import DetectionRow, draw_detections, make_detection_figure
from mdjax.viz.grid import compute_cell_size


def read_rgb(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1]


def test_best_box_lies_on_top() -> None:
    """Both boxes are the same: the first one's colour is seen."""
    boxes_xyxy_px = np.array([[10, 40, 50, 80]] * 2, np.float32)
    images = np.zeros((100, 100, 3), np.uint8), np.zeros((50, 50), np.uint8)
    red, blue = (255, 0, 0), (0, 0, 255)
    picture = draw_detections(*images, boxes_xyxy_px, texts=["a", "a"], colours=[red, blue])
    assert picture.shape == (100, 200, 3)
    outline = np.concatenate([picture[79, 10:50], picture[79, 110:150]])
    assert (outline == red).all()
    assert not (picture == blue).all(axis=-1).any()


def test_figure_shows_each_box_in_its_column(tmp_path: Path) -> None:
    """Images of 120 px are drawn twice as wide: the box 20 30 50 80 has the edges 40 60 100 160.

    Its outline belongs to the columns that show it and to no other: three with the truth or the
    box of "ours", one of "theirs" with nothing, and the mask.
    """
    black_u8 = np.zeros((90, 120), np.uint8)
    box = np.array([[20, 30, 50, 80]], np.float32)
    nothing = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    row = DetectionRow(
        name="day",
        visible_u8=np.dstack([black_u8] * 3),
        thermal_camera_u8=black_u8,
        true_boxes_xyxy_px=box,
        found={"theirs": nothing, "ours": (box, np.array([0.9], np.float32))},
        heat=np.full((3, 4), 0.5, np.float32),
    )
    assert compute_cell_size(black_u8.shape) == (180, 240)
    make_detection_figure([row, row], tmp_path / "f.png")
    figure = read_rgb(tmp_path / "f.png")

    def find_columns(colour: tuple[int, int, int]) -> list[list[int]]:
        """First and last column of each vertical line of at least 90 px, box by box."""
        is_painted = (figure == colour).all(axis=-1)
        columns = np.flatnonzero(is_painted.sum(axis=0) >= 2 * 90)
        return columns.reshape(-1, 2).tolist()

    true, found = find_columns((70, 200, 90)), find_columns((245, 150, 40))
    assert len(true) == 2  # ground truth and thermal
    assert len(found) == 1
    for left, right in [*true, *found]:
        assert right - left == 2 * 30 - 1
    pitch_px = true[1][0] - true[0][0]  # from column to column
    assert pitch_px > 240
    assert found[0][0] - true[0][0] == 3 * pitch_px


def test_figure_without_visible_images_is_drawn_on_thermal_ones(tmp_path: Path) -> None:
    """One column less: the truth is drawn once, beside the box that was found."""
    box = np.array([[20, 30, 50, 80]], np.float32)
    row = DetectionRow(
        name="day",
        visible_u8=None,
        thermal_camera_u8=np.full((90, 120), 77, np.uint8),
        true_boxes_xyxy_px=box,
        found={"ours": (box, np.array([0.9], np.float32))},
        heat=np.zeros((3, 4), np.float32),
    )
    make_detection_figure([row], tmp_path / "f.png")
    figure = read_rgb(tmp_path / "f.png")
    for colour in ((70, 200, 90), (245, 150, 40)):
        columns = np.flatnonzero((figure == colour).all(axis=-1).sum(axis=0) >= 90)
        assert columns[-1] - columns[0] == 2 * 30 - 1
    # The background of the two columns, but for boxes and the score; the mask dims its own.
    num_grey = (figure == 77).all(axis=-1).sum()
    assert 1.8 * 180 * 240 < num_grey < 2 * 180 * 240


def test_texts_stay_inside_the_picture() -> None:
    """Of boxes in the upper corners: the text lies over the box instead of beyond the edge."""
    boxes_xyxy_px = np.array([[0, 0, 20, 90], [180, 0, 200, 90]], np.float32)
    image_u8 = np.zeros((100, 200, 3), np.uint8)
    colours = [(255, 0, 0), (0, 255, 0)]
    picture = draw_detections(
        image_u8, None, boxes_xyxy_px, texts=["person 0.98"] * 2, colours=colours
    )
    num_painted = [(picture == colour).all(axis=-1)[:15].sum() for colour in colours]
    assert num_painted[0] == pytest.approx(num_painted[1], rel=0.1)
    assert min(num_painted) > 100


def test_picture_of_nothing_is_the_image() -> None:
    image_u8 = np.full((20, 30, 3), 7, np.uint8)
    picture = draw_detections(image_u8, None, np.zeros((0, 4), np.float32), texts=[], colours=[])
    np.testing.assert_array_equal(picture, image_u8)


def test_bare_figure_shows_the_pair_and_the_truth_apart(tmp_path: Path) -> None:
    """The truth is drawn once, after two bare images; all are 280 px wide, beside a long name."""
    box = np.array([[20, 30, 50, 80]], np.float32)
    row = DetectionRow(
        name="most improved\nday",
        visible_u8=np.full((90, 120, 3), 50, np.uint8),
        thermal_camera_u8=np.full((90, 120), 77, np.uint8),
        true_boxes_xyxy_px=box,
        found={"ours": (box, np.array([0.9], np.float32))},
    )
    make_detection_figure([row], tmp_path / "f.png", shows_bare=True)
    figure = read_rgb(tmp_path / "f.png")
    assert figure.shape[1] == 4 * (280 + 6) + round(8.5 * len("most improved")) + 2 * 6
    # One thermal image without boxes, and single pixels of grey letters.
    assert 280 * 210 <= (figure == 77).all(axis=-1).sum() < 280 * 210 + 200
    lefts = []
    for colour in ((70, 200, 90), (245, 150, 40)):
        columns = np.flatnonzero((figure == colour).all(axis=-1).sum(axis=0) >= 90)
        assert columns[-1] - columns[0] == pytest.approx(30 * 280 / 120, abs=1)
        lefts.append(columns[0])
    assert lefts[1] - lefts[0] == 280 + 6
