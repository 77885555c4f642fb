"""Scores over the thermal pixels of a camera, or over its noise, as lines with error bars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from mdjax.viz.files import save_figure

_DPI = 120
_PANEL_INCHES_WH = (3.9, 3.3)
_HEAD_INCHES = 0.7
"""Of title and legend."""
_APART = 0.03
"""Of the width of the axis: how far two lines stand apart, so that error bars do not overlap."""
_MIN_TICK_DISTANCE = 0.11
"""Of the width of the axis: names of closer ticks are written upwards."""


@dataclass(frozen=True)
class ScoreLine:
    """A network at every tick of an axis; NaN where it was not measured.

    Attributes:
        label: In the legend.
        scores: In percent.
        low: Lower ends of the error bars.
        high: Upper ends.
    """

    label: str
    scores: Float[np.ndarray, " t"]
    low: Float[np.ndarray, " t"]
    high: Float[np.ndarray, " t"]


@dataclass(frozen=True)
class ScoreLevel:
    """A network that does not depend on the camera.

    Attributes:
        label: In the legend.
        score: In percent.
        low: Lower end of the band.
        high: Upper end.
    """

    label: str
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class ScorePanel:
    """One picture of lines.

    Attributes:
        title: Above it.
        lines: Networks; a line joins what was measured.
        level: Drawn from edge to edge.
    """

    title: str
    lines: Sequence[ScoreLine]
    level: ScoreLevel


@dataclass(frozen=True)
class PanelRow:
    """Panels that share both axes.

    Attributes:
        x_label: What is on the axis.
        y_label: Which score.
        ticks: Names of the ticks, of one line or two.
        x: Their values; NaN for what has none, which stands apart at the left edge.
        is_logarithmic: Whether equal ratios of them are equally wide.
        panels: From left to right.
    """

    x_label: str
    y_label: str
    ticks: Sequence[str]
    x: Float[np.ndarray, " t"]
    is_logarithmic: bool
    panels: Sequence[ScorePanel]


def plot_tradeoff(rows: Sequence[PanelRow], path: Path, *, title: str) -> None:
    """Draw rows of panels into one PNG file.

    Args:
        rows: From top to bottom, all with equally many panels.
        path: PNG file to write.
        title: Above all.

    Raises:
        MdjaxError: The file cannot be written.
    """
    width, height = _PANEL_INCHES_WH
    num_columns = len(rows[0].panels)
    size = (num_columns * width, len(rows) * height + _HEAD_INCHES)
    figure = Figure(figsize=size, dpi=_DPI, layout="constrained")
    grid = figure.subplots(len(rows), num_columns, sharey="row", squeeze=False)
    for row, of_row in zip(rows, grid, strict=True):
        positions = _place_ticks(row)
        for panel, axes in zip(row.panels, of_row, strict=True):
            _draw_panel(axes, panel, row, positions)
        of_row[0].set_ylabel(row.y_label)
    figure.suptitle(title, fontsize=11)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9
    )
    save_figure(figure, path)


def _place_ticks(row: PanelRow) -> Float[np.ndarray, " t"]:
    """Positions in [0, 1]; what has no value is at 0, the others from a fifth on."""
    is_apart = np.isnan(row.x)
    values = np.log(row.x) if row.is_logarithmic else row.x
    left = 0.2 if is_apart.any() else 0.0
    low, high = np.nanmin(values), np.nanmax(values)
    span = high - low or 1.0
    return np.where(is_apart, 0.0, left + (1 - left) * (values - low) / span)


def _draw_panel(
    axes: Axes, panel: ScorePanel, row: PanelRow, positions: Float[np.ndarray, " t"]
) -> None:
    level = panel.level
    if not math.isnan(level.score):
        axes.axhline(level.score, color="0.35", linestyle="--", linewidth=1.2, label=level.label)
        if not math.isnan(level.low):
            axes.axhspan(level.low, level.high, color="0.5", alpha=0.15, linewidth=0)
    is_apart = np.isnan(row.x)
    order = np.argsort(positions)
    for index, line in enumerate(panel.lines):
        x = positions + (index - (len(panel.lines) - 1) / 2) * _APART
        errors = np.nan_to_num([line.scores - line.low, line.high - line.scores])
        style = {"color": f"C{index}", "marker": "os^D"[index], "markersize": 5, "capsize": 3}
        joined = [i for i in order if not is_apart[i] and not np.isnan(line.scores[i])]
        axes.errorbar(
            *(x[joined], line.scores[joined], errors[:, joined]),
            label=line.label,
            linewidth=1.5,
            **style,
        )
        axes.errorbar(
            *(x[is_apart], line.scores[is_apart], errors[:, is_apart]), linestyle="none", **style
        )
    if is_apart.any() and not is_apart.all():
        axes.axvline(0.1, color="0.6", linestyle=":", linewidth=1)
    axes.set_xlim(-0.07, 1.07)
    axes.xaxis.set_major_locator(FixedLocator(list(positions)))
    axes.xaxis.set_minor_locator(NullLocator())
    is_narrow = np.diff(positions[order]).min(initial=1.0) < _MIN_TICK_DISTANCE
    ticks = [tick.replace("\n", ", ") if is_narrow else tick for tick in row.ticks]
    axes.set_xticklabels(ticks, fontsize=8, rotation=90 if is_narrow else 0)
    axes.set_xlabel(row.x_label)
    axes.set_title(panel.title, fontsize=10)
    axes.tick_params(labelleft=True)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
