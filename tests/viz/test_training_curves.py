"""Curves of training: who is drawn, and what is said of a metric that nobody logged."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.types import MdjaxError
from mdjax.viz.curves import plot_training_curves


def read_rgb(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert image is not None
    return image[..., ::-1]


def test_training_curves_are_drawn_for_runs_with_and_without_a_metric(tmp_path: Path) -> None:
    runs = {
        "teacher": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": None}, {"step": 2, "iou": 3.0}],
        "native": [{"step": 1, "loss": 1.0}],
    }
    plot_training_curves(runs, tmp_path / "curves.png", metrics=["loss", "iou"])
    assert read_rgb(tmp_path / "curves.png").shape == (320, 840, 3)


def test_training_curve_of_an_unknown_metric_lists_those_there_are(tmp_path: Path) -> None:
    runs = {"teacher": [{"step": 1, "loss": 2.0}]}
    with pytest.raises(MdjaxError, match="No run logged 'accuracy'; logged are loss, step"):
        plot_training_curves(runs, tmp_path / "curves.png", metrics=["accuracy"])


def test_value_that_only_rounding_changes_is_a_level_line(tmp_path: Path) -> None:
    """The blue line lies in the middle row of its panel, and in a few rows only."""
    values = [0.125, 0.12500001, 0.12499999]
    runs = {"md": [{"step": step, "share": value} for step, value in enumerate(values)]}
    plot_training_curves(runs, tmp_path / "curves.png", metrics=["share"])
    rgb = read_rgb(tmp_path / "curves.png").astype(int)
    rows = np.flatnonzero(((rgb[..., 2] - rgb[..., 0]) > 100).any(axis=1))
    assert rows.max() - rows.min() < 6
