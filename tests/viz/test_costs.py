"""Milliseconds over pixels: one panel for each axis."""

from pathlib import Path

import cv2

from mdjax.viz.costs import plot_costs


def test_panels_stand_side_by_side(tmp_path: Path) -> None:
    lines = {"onnx": [((64, 48), 4.0), ((32, 24), 1.0)], "jax": [((32, 24), 2.0)]}
    plot_costs({"pixels of the visible image": lines}, tmp_path / "one.png")
    plot_costs({"visible": lines, "thermal": lines}, tmp_path / "two.png")
    one, two = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("one", "two"))
    assert one is not None
    assert two is not None
    assert two.shape == (one.shape[0], 2 * one.shape[1], 3)
