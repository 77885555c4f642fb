"""Scores over pixels and over noise: size of the figure, what is drawn and what is not."""

from pathlib import Path

import cv2
import numpy as np

from mdjax.viz.tradeoff import PanelRow, ScoreLevel, ScoreLine, ScorePanel, plot_tradeoff

TEACHER = ScoreLevel("teacher", 50.0, 48.0, 52.0)
NO_TEACHER = ScoreLevel("teacher", np.nan, np.nan, np.nan)


def make_row(
    x: list[float], scores: list[float], *, level: ScoreLevel = TEACHER, is_logarithmic: bool = True
) -> PanelRow:
    middle = np.array(scores)
    line = ScoreLine("native", middle, middle - 2, middle + 2)
    return PanelRow(
        x_label="thermal pixels",
        y_label="mAcc, % (higher is better)",
        ticks=["none" if np.isnan(value) else f"{value:g}" for value in x],
        x=np.array(x),
        is_logarithmic=is_logarithmic,
        panels=[ScorePanel(time, [line], level) for time in ("day", "night", "all")],
    )


def read_rgb(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1].astype(int)


def count_columns(rgb: np.ndarray) -> int:
    """Columns of the left panel with the blue of the first line."""
    is_blue = (rgb[..., 2] - rgb[..., 0] > 100)[:, : rgb.shape[1] // 3]
    return int(is_blue.any(axis=0).sum())


def test_figure_has_three_panels_a_row(tmp_path: Path) -> None:
    sizes = make_row([np.nan, 192.0, 12288.0], [30.0, 40.0, 45.0])
    noises = make_row([0.0, 0.05], [40.0, 35.0], is_logarithmic=False)
    plot_tradeoff([sizes], tmp_path / "one.png", title="mAcc")
    plot_tradeoff([sizes, noises], tmp_path / "two.png", title="mAcc")
    one, two = read_rgb(tmp_path / "one.png"), read_rgb(tmp_path / "two.png")
    assert one.shape == (480, 1404, 3)
    assert two.shape == (876, 1404, 3)
    assert count_columns(one) > 200  # A line from the second tick to the third.


def test_nothing_measured_leaves_empty_panels(tmp_path: Path) -> None:
    row = make_row([np.nan, 192.0, 12288.0], [np.nan] * 3, level=NO_TEACHER)
    plot_tradeoff([row], tmp_path / "none.png", title="mAcc")
    assert count_columns(read_rgb(tmp_path / "none.png")) < 60  # The legend alone.


def test_what_has_no_pixels_is_not_joined_to_the_others(tmp_path: Path) -> None:
    plot_tradeoff([make_row([np.nan, 12288.0], [30.0, 45.0])], tmp_path / "apart.png", title="mAcc")
    assert count_columns(read_rgb(tmp_path / "apart.png")) < 90
