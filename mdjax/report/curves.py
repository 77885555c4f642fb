"""Training curves of a page: one small figure per metric, with a line for each run."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from mdjax.report.collecting import ReportedRun
from mdjax.runs.config import TrainConfig
from mdjax.train.optimiser import make_schedule
from mdjax.viz.curves import draw_training_curves, list_points
from mdjax.viz.svg import format_svg

LEARNING_RATE = "learning rate, as configured"

# Of a phone, so that letters keep their size there.
_WIDTH_INCHES = 3.7
_PANEL_INCHES = 2.6
_LINE_INCHES = 0.19
_MAX_LABEL = 40
# Together with the ten colours, twenty runs can be told apart; four without colours.
_LINE_STYLES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
_NUM_RATES = 200

Logs = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Curve:
    """The curves of one metric.

    Attributes:
        metric: Its name.
        svg: The figure.
        is_main: Whether everyone wants to see it: loss, main score, learning rate.
    """

    metric: str
    svg: Markup
    is_main: bool


def draw_curves(runs: Sequence[ReportedRun]) -> list[Curve]:
    """Draw what was logged during training, and the learning rate that was configured.

    Of the scores only the main one is drawn; metrics with one value in each run are omitted.

    Raises:
        MdjaxError: A figure cannot be drawn, as without any font.
    """
    logs = {run.name: [*run.log, *_list_rates(run)] for run in runs}
    logged = dict.fromkeys(name for log in logs.values() for entry in log for name in entry)
    main = [
        "train/loss",
        *dict.fromkeys(f"val/{run.summary.main_metric}" for run in runs),
        LEARNING_RATE,
    ]
    others = [x for x in logged if x.startswith(("train/", "gradient_norm/")) and x not in main]
    return [
        Curve(metric, _draw(logs, metric, prefix=f"curve-{i}"), metric in main)
        for i, metric in enumerate([*main, *sorted(others)], start=1)
        if any(len(list_points(log, metric)) > 1 for log in logs.values())
    ]


def _list_rates(run: ReportedRun) -> list[dict[str, Any]]:
    if not isinstance(run.config, TrainConfig):
        return []
    num_steps = run.config.loop.num_steps
    steps = np.unique(np.linspace(0, num_steps, _NUM_RATES).astype(int))
    rates = np.asarray(make_schedule(run.config.optimiser, num_steps)(steps))
    return [
        {"step": int(step), LEARNING_RATE: float(rate)}
        for step, rate in zip(steps, rates, strict=True)
    ]


def _draw(logs: Logs, metric: str, *, prefix: str) -> Markup:
    points = {name: list_points(log, metric) for name, log in logs.items()}
    labels = ["\n".join(textwrap.wrap(name, _MAX_LABEL)) for name in points if points[name]]
    num_lines = sum(label.count("\n") + 1 for label in labels) if len(logs) > 1 else 0
    figure = Figure(
        figsize=(_WIDTH_INCHES, _PANEL_INCHES + _LINE_INCHES * num_lines), layout="constrained"
    )
    axes = figure.subplots()
    draw_training_curves(axes, logs, metric)
    names = list(logs)
    for line in axes.lines:
        index = names.index(str(line.get_label()))
        line.set_linestyle(_LINE_STYLES[index % len(_LINE_STYLES)])
    if num_lines:
        figure.legend(axes.lines, labels, loc="outside lower center", frameon=False)
    description = " ".join(
        f"{name}: {_describe_line(line)}." for name, line in points.items() if line
    )
    title = f"{metric} over the training step"
    # Written by an XML library, which escapes all names in it.
    return Markup(format_svg(figure, prefix=prefix, title=title, description=description))


def _describe_line(points: Sequence[tuple[int, float]]) -> str:
    """Say where a line begins and ends, and between which values it runs."""
    (first_step, first), (last_step, last) = points[0], points[-1]
    values = [value for _, value in points]
    return (
        f"{first:.4g} at step {first_step}, {last:.4g} at step {last_step}; smallest "
        f"{min(values):.4g}, largest {max(values):.4g}"
    )
