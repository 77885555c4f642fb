"""The figure of a comparison of thermal cameras, from what was measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from mdjax.studies.rows import TEACHER
from mdjax.tradeoff.measured import MeasuredAxis, MeasuredTradeoff
from mdjax.tradeoff.rows import KINDS
from mdjax.tradeoff.sensors import NO_CAMERA, Sensor
from mdjax.viz.tradeoff import PanelRow, ScoreLevel, ScoreLine, ScorePanel, plot_tradeoff

Axis = Literal["pixels", "price"]


def draw_tradeoff(measured: MeasuredTradeoff, path: Path, *, axis: Axis, title: str) -> None:
    """Draw scores by day, at night and of all images over pixels or price, and over noise.

    Args:
        measured: What was measured.
        path: PNG file to write.
        axis: What is on the axis of the first row; cameras without a price have no place on that of
            prices.
        title: Above all.

    Raises:
        MdjaxError: The file cannot be written.
    """
    shown = [
        index
        for index, sensor in enumerate(measured.tradeoff.sensors)
        if axis == "pixels" or sensor.price is not None
    ]
    sensors = [measured.tradeoff.sensors[index] for index in shown]
    values = [x.num_pixels if axis == "pixels" else x.price for x in sensors]
    rows = [
        PanelRow(
            x_label="thermal pixels" if axis == "pixels" else "price of the thermal camera",
            y_label=_describe_score(measured),
            ticks=[_name_tick(sensor, axis) for sensor in sensors],
            x=np.array([value or np.nan for value in values], np.float64),
            is_logarithmic=True,
            panels=_make_panels(measured, measured.sizes, shown),
        )
    ]
    if measured.noises is not None:
        noises = measured.tradeoff.noises
        rows.append(
            PanelRow(
                x_label=f"noise of the {measured.tradeoff.own_resolution} camera (std, range 0-1)",
                y_label=_describe_score(measured),
                ticks=[f"{noise:g}" for noise in noises],
                x=np.array(noises, np.float64),
                is_logarithmic=False,
                panels=_make_panels(measured, measured.noises, range(len(noises))),
            )
        )
    plot_tradeoff(rows, path, title=title)


def _name_tick(sensor: Sensor, axis: Axis) -> str:
    """Size and what it is called, without the names of a price list, which may be long."""
    if not sensor.num_pixels:
        return NO_CAMERA
    first = sensor.resolution if axis == "pixels" else f"{sensor.price:g}"
    return "\n".join(dict.fromkeys((first, sensor.size)))


def _describe_score(measured: MeasuredTradeoff) -> str:
    stem = measured.titles[-1].rpartition(" ")[0]
    return f"{stem}, % ({'lower' if measured.is_lower_better else 'higher'} is better)"


def _make_panels(
    measured: MeasuredTradeoff, axis: MeasuredAxis, shown: Sequence[int]
) -> list[ScorePanel]:
    panels = []
    for title in measured.titles:
        lines = []
        for kind in KINDS:
            scores = [axis.scores[axis.points[index].rows[kind], title] for index in shown]
            table = np.array([(x.points, x.low, x.high) for x in scores], np.float64)
            lines.append(ScoreLine(kind, *table.T))
        teacher = measured.teacher[title]
        level = ScoreLevel(
            f"{TEACHER}, all thermal pixels", teacher.points, teacher.low, teacher.high
        )
        panels.append(ScorePanel(title.rpartition(" ")[2], lines, level))
    return panels
