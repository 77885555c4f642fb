"""Curves: metrics over training steps, miss rate over false positives per image."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from mdjax.types import MdjaxError
from mdjax.viz.files import save_figure

_DPI = 100


def plot_training_curves(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path, *, metrics: Sequence[str]
) -> None:
    """Draw one panel for each metric with one line for each run, over the training step.

    Args:
        runs: By name, the lines of a run's `metrics.jsonl`: `step` and numbers, None for values
            that were not finite.
        path: PNG file to write.
        metrics: Names as they are logged, as `train/loss`; a run that lacks one has no line there.

    Raises:
        MdjaxError: No run has a metric of that name, or the picture cannot be written.
    """
    figure = Figure(figsize=(4.2 * len(metrics), 3.2), dpi=_DPI, layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        draw_training_curves(axes, runs, metric)
        axes.set_title(metric, fontsize=10)
    if len(runs) > 1:
        panels[0].legend(frameon=False, fontsize=9)
    save_figure(figure, path)


def draw_training_curves(
    axes: Axes, runs: Mapping[str, Sequence[Mapping[str, Any]]], metric: str
) -> None:
    """Draw one metric over the training step, with one labelled line for each run that has it.

    Raises:
        MdjaxError: No run has a metric of that name.
    """
    for index, (name, entries) in enumerate(runs.items()):
        points = list_points(entries, metric)
        if points:
            axes.plot(*zip(*points, strict=True), label=name, color=f"C{index}", linewidth=1.5)
    if not axes.lines:
        known = sorted({name for entries in runs.values() for line in entries for name in line})
        raise MdjaxError(f"No run logged {metric!r}; logged are {', '.join(known)}.")
    axes.set_xlabel("step")
    axes.ticklabel_format(axis="y", useOffset=False)
    _widen_to_what_is_seen(axes)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def list_points(entries: Sequence[Mapping[str, Any]], metric: str) -> list[tuple[int, float]]:
    """Return step and value of each entry in which a metric has a value."""
    return [(entry["step"], entry[metric]) for entry in entries if entry.get(metric) is not None]


def _widen_to_what_is_seen(axes: Any) -> None:
    """Draw what is constant but for its rounding as a level line."""
    low, high = axes.get_ylim()
    middle, least = (low + high) / 2, _LEAST_RANGE * abs(low + high) / 2
    if high - low < least:
        axes.set_ylim(middle - least / 2, middle + least / 2)


_LEAST_RANGE = 0.01  # Of the value itself.
_FPPI_LIMITS = (1e-3, 1e1)
_AVERAGED_FPPI = (1e-2, 1.0)
_MISS_RATE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.0)
_MAX_BOTTOM = 0.8


@dataclasses.dataclass(frozen=True)
class MissRateCurve:
    """One line of the figure.

    Attributes:
        label: In the legend.
        fppi: False positives per image, rising.
        miss_rate: Share of persons that are missed, in [0, 1].
    """

    label: str
    fppi: Float[np.ndarray, " p"]
    miss_rate: Float[np.ndarray, " p"]


def plot_miss_rate_curves(curves: Sequence[MissRateCurve], path: Path, *, title: str) -> None:
    """Draw miss rate over false positives per image, both on logarithmic axes.

    The range that the log-average miss rate looks at, 0.01 to 1, is shaded. What lies left of
    0.001 false positives per image is drawn at that edge.

    Args:
        curves: One per line; curves without points are omitted.
        path: PNG file to write.
        title: Above the figure.

    Raises:
        MdjaxError: The file cannot be written.
    """
    figure = Figure(figsize=(5.6, 4.2), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    axes.axvspan(*_AVERAGED_FPPI, color="0.95", zorder=0)
    lowest = 1.0
    for curve in curves:
        if not curve.fppi.size:
            continue
        # The curve begins with everyone missed, and stays where its last detection leaves it.
        end = max(_FPPI_LIMITS[1], float(curve.fppi[-1]))
        fppi = np.concatenate([[_FPPI_LIMITS[0]], curve.fppi, [end]])
        miss_rate = np.concatenate([[1.0], curve.miss_rate, curve.miss_rate[-1:]])
        axes.step(np.maximum(fppi, _FPPI_LIMITS[0]), miss_rate, where="post", label=curve.label)
        lowest = min(lowest, float(curve.miss_rate[fppi[1:-1] <= _FPPI_LIMITS[1]].min(initial=1.0)))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*_FPPI_LIMITS)
    # Below the lowest point, so that no line hides under the axis.
    bottom = max(
        (tick for tick in _MISS_RATE_TICKS if tick < min(lowest, _MAX_BOTTOM)),
        default=_MISS_RATE_TICKS[0],
    )
    axes.set_ylim(bottom, 1.0)
    axes.set_yticks([tick for tick in _MISS_RATE_TICKS if tick >= bottom])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.set_xlabel("false positives per image")
    axes.set_ylabel("miss rate")
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(loc="lower left", frameon=False, fontsize=9)
    save_figure(figure, path)
