"""The chart of what CSK-Net's branches exchange."""

from pathlib import Path

import matplotlib.text
import numpy as np
import pytest

from mdjax.viz import branches
from mdjax.viz.branches import BranchRow, make_branch_figure


@pytest.mark.parametrize("share", [0.0, 12.5])
def test_chart_without_bars_says_why(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    figures = []
    monkeypatch.setattr(branches, "save_figure", lambda figure, _: figures.append(figure))
    row = BranchRow("day", {"RGB": np.zeros((8, 8, 3), np.uint8)}, None)
    exchanged = {"layer2 block0": {"visible": 0.0, "thermal": share}}
    make_branch_figure([row], exchanged, {}, Path("a.png"))
    texts = [text.get_text() for text in figures[0].findobj(matplotlib.text.Text)]
    assert ("no channel is exchanged" in texts) == (share == 0)
