"""What the branches of a network exchange and how they are fused, over image pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mdjax.viz.files import save_figure
from mdjax.viz.grid import fit_cell_size, make_patches, show_picture

_DPI = 100
_GATE_MAP = "coolwarm"
_BRANCH_COLOURS = {"visible": "tab:red", "thermal": "tab:blue"}
_CHART_INCHES = 2.4
_SIDE_INCHES = 1.0


@dataclass(frozen=True)
class BranchRow:
    """One image pair.

    Attributes:
        name: Written at the left.
        cells: Pictures of one size by column title; the same titles in every row.
        gate: Share of the visible branch in what is fused, 0 to 1, on a grid of any size; None for
            a network without a gate.
    """

    name: str
    cells: Mapping[str, UInt8[np.ndarray, "h w 3"]]
    gate: Float[np.ndarray, "h2 w2"] | None


def make_branch_figure(
    rows: Sequence[BranchRow],
    exchanged: Mapping[str, Mapping[str, float]],
    legend: Mapping[str, tuple[int, int, int]],
    path: Path,
) -> None:
    """Draw a row for each pair, and below it the share of channels that each branch takes over.

    The gate is drawn from blue, where only the thermal branch counts, over white to red, where only
    the visible one does.

    Args:
        rows: At least one.
        exchanged: Percent of the channels that are the other branch's, by block and branch.
        legend: Colours of the pictures by what they mean; may be empty.
        path: PNG file to write.

    Raises:
        MdjaxError: The file cannot be written.
    """
    titles = list(rows[0].cells) + (["gate"] if rows[0].gate is not None else [])
    cell_hw = fit_cell_size(next(iter(rows[0].cells.values())).shape[:2])
    width = _SIDE_INCHES + len(titles) * cell_hw[1] / _DPI
    height = len(rows) * (cell_hw[0] / _DPI + 0.05) + 0.9 + _CHART_INCHES
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=(height - _CHART_INCHES, _CHART_INCHES))
    pictures, chart = parts
    grid = pictures.subplots(len(rows), len(titles), squeeze=False)
    for row, line in zip(rows, grid, strict=True):
        for title, axes in zip(titles, line, strict=True):
            show_picture(axes, _make_cell(row, title, cell_hw))
            if row is rows[0]:
                axes.set_title(title, fontsize=12)
        line[0].set_ylabel(row.name, fontsize=11)
    if rows[0].gate is not None:
        colours = ScalarMappable(Normalize(0, 1), _GATE_MAP)
        bar = pictures.colorbar(colours, ax=grid[:, -1].tolist(), ticks=(0, 0.5, 1))
        bar.set_ticklabels(["thermal", "even", "visible"])
    if legend:
        pictures.legend(
            handles=make_patches(legend),
            loc="outside lower center",
            ncols=max(1, int(width / 1.5)),
            frameon=False,
            fontsize=11,
        )
    _draw_exchange(chart.subplots(), exchanged)
    save_figure(figure, path)


def _make_cell(row: BranchRow, title: str, cell_hw: tuple[int, int]) -> np.ndarray:
    if title in row.cells:
        return cv2.resize(row.cells[title], cell_hw[::-1], interpolation=cv2.INTER_NEAREST)
    assert row.gate is not None
    gate = cv2.resize(row.gate, cell_hw[::-1], interpolation=cv2.INTER_NEAREST)
    return np.rint(matplotlib.colormaps[_GATE_MAP](gate)[..., :3] * 255).astype(np.uint8)


def _draw_exchange(axes: Axes, exchanged: Mapping[str, Mapping[str, float]]) -> None:
    positions = np.arange(len(exchanged))
    for i, (branch, colour) in enumerate(_BRANCH_COLOURS.items()):
        shares = [of_block[branch] for of_block in exchanged.values()]
        axes.bar(positions + 0.4 * (i - 0.5), shares, 0.38, color=colour, label=f"{branch} branch")
    axes.set_xticks(positions, list(exchanged))
    axes.set_ylabel("channels taken\nfrom the other, %")
    largest = max(x for of_block in exchanged.values() for x in of_block.values())
    axes.set_ylim(0, max(1.0, largest) * 1.1)
    axes.legend(frameon=False)
    if not largest:  # An empty panel would look like one that was forgotten.
        axes.text(0.5, 0.5, "no channel is exchanged", ha="center", transform=axes.transAxes)
