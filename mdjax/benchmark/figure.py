"""The figure of a benchmark: milliseconds over pixels."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mdjax.benchmark.models import SizesWh
from mdjax.benchmark.report import Row
from mdjax.types import MdjaxError
from mdjax.viz.costs import Sizes, plot_costs

Lines = dict[str, list[tuple[Sizes, float]]]


def check_sizes(sizes_wh: Iterable[SizesWh], path: Path) -> None:
    """Refuse to draw fewer than two sizes, of visible or of thermal images.

    Raises:
        MdjaxError: There are no two.
    """
    visible, thermal = map(set, zip(*sizes_wh, strict=True))
    if len(visible) < 2 and len(thermal - {(0, 0)}) < 2:
        raise MdjaxError(
            f"{path}: a plot over pixels needs networks at two sizes or more; give several --sizes "
            "or --resolutions, or omit --plot."
        )


def draw_costs(rows: Sequence[Row], path: Path) -> None:
    """Draw a line for each network and engine, over the pixels of the images that change.

    Args:
        rows: Of several sizes; only the smallest batch is drawn.
        path: PNG file.

    Raises:
        MdjaxError: What was timed has only one size, or the file cannot be written.
    """
    batch_size = min(row.batch_size for row in rows)
    shown = [row for row in rows if row.batch_size == batch_size and row.median_ms is not None]
    if not shown:
        raise MdjaxError(f"{path}: there is nothing to draw: no engine was timed.")
    check_sizes(((row.size_wh, row.thermal_size_wh) for row in shown), path)
    panels = {}
    if len({row.size_wh for row in shown}) > 1:
        panels["pixels of the visible image"] = _gather(shown, lambda row: row.size_wh)
    thermal = [row for row in shown if row.thermal_size_wh != (0, 0)]
    if len({row.thermal_size_wh for row in thermal}) > 1:
        panels["pixels of the thermal image"] = _gather(thermal, lambda row: row.thermal_size_wh)
    plot_costs(panels, path)


def _gather(rows: Sequence[Row], get_size: Callable[[Row], Sizes]) -> Lines:
    lines: Lines = {}
    for row in rows:
        assert row.median_ms is not None
        point = (get_size(row), row.median_ms / row.batch_size)
        lines.setdefault(f"{row.network}, {row.engine}", []).append(point)
    return lines
