"""Time of an image pair over its pixels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mdjax.viz.files import save_figure

_DPI = 120
_PANEL_INCHES_WH = (4.6, 3.6)

Sizes = tuple[int, int]
"""Width and height in pixels."""


def plot_costs(
    panels: Mapping[str, Mapping[str, Sequence[tuple[Sizes, float]]]], path: Path
) -> None:
    """Draw milliseconds over pixels, both on logarithmic axes.

    Args:
        panels: By what is on the axis, such as "pixels of the visible image": by the name of a
            line, its sizes and milliseconds.
        path: PNG file to write.

    Raises:
        MdjaxError: The file cannot be written.
    """
    width, height = _PANEL_INCHES_WH
    figure = Figure(figsize=(width * len(panels), height), dpi=_DPI, layout="constrained")
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (label, lines) in zip(all_axes, panels.items(), strict=True):
        sizes: dict[int, str] = {}
        for index, (name, points) in enumerate(lines.items()):
            ordered = sorted((w * h, ms) for (w, h), ms in points)
            sizes |= {w * h: f"{w}x{h}" for (w, h), _ in points}
            axes.plot(
                *zip(*ordered, strict=True),
                label=name,
                color=f"C{index % 10}",
                marker="os^Dv"[index // 10 % 5],
                markersize=4,
                linewidth=1.4,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(FixedLocator(sorted(sizes)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([sizes[x] for x in sorted(sizes)], fontsize=8)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: f"{ms:g}"))
        axes.set_xlabel(label)
        axes.grid(alpha=0.3, which="both", axis="y")
        axes.grid(alpha=0.3, axis="x")
        axes.spines[["top", "right"]].set_visible(False)
    all_axes[0].set_ylabel("milliseconds of one image pair")
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    save_figure(figure, path)
