"""Figures whose texts are what people call things."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from mdjax.types import MdjaxError
from mdjax.viz.curves import MissRateCurve, plot_miss_rate_curves
from mdjax.viz.files import save_figure
from mdjax.viz.grid import save_picture_grid


def test_names_in_any_script_are_drawn_without_a_warning(tmp_path: Path) -> None:
    image = np.zeros((20, 30, 3), np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_picture_grid([("行", {"人": image})], {"자동차": (0, 0, 0)}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 0


def test_dollars_begin_no_formula_and_ticks_stay_powers_of_ten(tmp_path: Path) -> None:
    """`$x_$` is no formula that matplotlib could read."""
    curve = MissRateCurve("$x_$, all", np.array([0.1, 1.0]), np.array([0.5, 0.4]))
    plot_miss_rate_curves([curve], tmp_path / "b.png", title="runs/$a_$")
    assert (tmp_path / "b.png").stat().st_size > 0


def test_figure_that_cannot_be_drawn_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no font")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(MdjaxError, match=r"c\.png: the picture cannot be drawn: no font.*fonts"):
        save_figure(Figure(), tmp_path / "c.png")
