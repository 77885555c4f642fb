"""Curves of miss rate: drawn where they should be, whatever the detector."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.types import MdjaxError
from mdjax.viz_detection import MissRateCurve, draw_detections, plot_miss_rate_curves

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
