"""Curves of miss rate: drawn where they should be, whatever the detector."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.types import MdjaxError
from mdjax.viz import compute_cell_size
from mdjax.viz_detection import (
    DetectionRow,
    MissRateCurve,
    draw_detections,
    make_detection_figure,
    plot_miss_rate_curves,
)

BLUE = (31, 119, 180)  # the first colour of matplotlib's cycle


def make_curve(fppi: list[float], miss_rate: list[float]) -> MissRateCurve:
    return MissRateCurve("all, 12.34 %", np.array(fppi), np.array(miss_rate))


def read_rgb(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1]


def find_line_rows(path: Path, column: int) -> np.ndarray:
    return np.flatnonzero(np.all(read_rgb(path)[:, column] == BLUE, axis=-1))


def test_curve_falls_from_left_to_right(tmp_path: Path) -> None:
    path = tmp_path / "curve.png"
    curve = make_curve([0.0, 0.01, 0.1, 1.0], [0.9, 0.5, 0.2, 0.1])
    plot_miss_rate_curves([curve], path, title="detector")
    assert read_rgb(path).shape == (420, 560, 3)
    # Columns at about 2e-3 and 3 false positives per image.
    assert find_line_rows(path, 110).min() < find_line_rows(path, 500).min()


def test_curve_that_ends_early_goes_on_level(tmp_path: Path) -> None:
    """Its detector has nothing more to say at higher rates, and misses no fewer."""
    path = tmp_path / "curve.png"
    plot_miss_rate_curves([make_curve([0.0, 0.01], [0.9, 0.5])], path, title="detector")
    np.testing.assert_array_equal(find_line_rows(path, 300), find_line_rows(path, 500))
    assert find_line_rows(path, 500).size


@pytest.mark.parametrize("fppi", [0.0, 1e-9, 99.0])
@pytest.mark.parametrize("miss_rate", [0.0, 1.0])
def test_extreme_curves_are_drawn(fppi: float, miss_rate: float, tmp_path: Path) -> None:
    plot_miss_rate_curves([make_curve([fppi], [miss_rate])], tmp_path / "c.png", title="detector")
    assert read_rgb(tmp_path / "c.png").shape == (420, 560, 3)


def test_curve_without_points_is_left_out(tmp_path: Path) -> None:
    plot_miss_rate_curves([make_curve([], [])], tmp_path / "c.png", title="detector")
    assert not np.all(read_rgb(tmp_path / "c.png") == BLUE, axis=-1).any()


def test_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "curve.png"
    with pytest.raises(MdjaxError, match=r"curve\.png: the picture cannot be written"):
        plot_miss_rate_curves([make_curve([0.1], [0.5])], path, title="detector")


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


def test_curve_beyond_the_axis_leaves_no_mark_on_its_edge(tmp_path: Path) -> None:
    """Half are missed at ten false positives, the axis's end; 40 % at 20."""
    path = tmp_path / "c.png"
    plot_miss_rate_curves([make_curve([1.0, 20.0], [0.5, 0.4])], path, title="detector")
    is_line = (read_rgb(path) == BLUE).all(axis=-1)
    right = np.flatnonzero(is_line.any(axis=0)).max()
    rows = np.flatnonzero(is_line[:, right - 5 :].any(axis=1))
    assert rows.max() - rows.min() < 5


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
