"""Curves of miss rate: drawn where they should be, whatever the detector."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.types import MdjaxError
from mdjax.viz.curves import MissRateCurve, plot_miss_rate_curves

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


def test_curve_beyond_the_axis_leaves_no_mark_on_its_edge(tmp_path: Path) -> None:
    """Half are missed at ten false positives, the axis's end; 40 % at 20."""
    path = tmp_path / "c.png"
    plot_miss_rate_curves([make_curve([1.0, 20.0], [0.5, 0.4])], path, title="detector")
    is_line = (read_rgb(path) == BLUE).all(axis=-1)
    right = np.flatnonzero(is_line.any(axis=0)).max()
    rows = np.flatnonzero(is_line[:, right - 5 :].any(axis=1))
    assert rows.max() - rows.min() < 5
