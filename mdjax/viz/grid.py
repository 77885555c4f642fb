"""Pictures in rows and columns, with titles and a legend."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mdjax.viz.files import save_figure

_DPI = 100
_CELL_WIDTH_PX = 280  # Wide enough to tell a person at 160x120 apart; six columns fit a screen.
_GAP_PX = 6
_TITLE_PX = 30
_LEGEND_ROW_PX = 24
_SIDE_PX = 26
_LETTER_PX = 8.5  # Of a name of several lines, on average.


def compute_cell_size(image_size_hw: tuple[int, ...]) -> tuple[int, int]:
    """Height and width in pixels of an image in a grid of pictures: scaled by a whole factor."""
    height_px, width_px = image_size_hw
    enlarge = max(1, round(_CELL_WIDTH_PX / width_px))
    shrink = max(1, round(width_px / _CELL_WIDTH_PX))
    return height_px * enlarge // shrink, width_px * enlarge // shrink


def fit_cell_size(image_size_hw: tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels of an image that need not be scaled by a whole factor."""
    height_px, width_px = image_size_hw
    return round(height_px * _CELL_WIDTH_PX / width_px), _CELL_WIDTH_PX


def save_picture_grid(
    rows: Sequence[tuple[str, Mapping[str, UInt8[np.ndarray, "h w 3"]]]],
    legend: Mapping[str, tuple[int, int, int]],
    path: Path,
) -> None:
    """Write pictures in rows and columns, with titles, row names and a legend of colours.

    Args:
        rows: Name at the left, and pictures by the title of their column; all of one size, with
            the same titles in each row. A name of one line is turned, one of several is not.
        legend: Colours by what they mean.
        path: PNG file to write.

    Raises:
        MdjaxError: The file cannot be written.
    """
    titles = list(rows[0][1])
    cell_hw = rows[0][1][titles[0]].shape[:2]
    side_px = max(_compute_name_width(name) for name, _ in rows)
    total_width_px = side_px + len(titles) * (cell_hw[1] + _GAP_PX)
    legend_columns = max(1, min(len(legend), (total_width_px - _SIDE_PX) // 150))
    legend_rows = -(-len(legend) // legend_columns)
    legend_px = _LEGEND_ROW_PX * legend_rows + 2 * _GAP_PX
    total_height_px = _TITLE_PX + len(rows) * (cell_hw[0] + _GAP_PX) + legend_px

    figure = Figure(figsize=(total_width_px / _DPI, total_height_px / _DPI), dpi=_DPI)
    for row_index, (name, cells) in enumerate(rows):
        top_px = _TITLE_PX + row_index * (cell_hw[0] + _GAP_PX)
        for column_index, (title, image) in enumerate(cells.items()):
            left_px = side_px + column_index * (cell_hw[1] + _GAP_PX)
            axes = _add_cell(figure, image, left_px, total_height_px - top_px - cell_hw[0])
            if row_index == 0:
                axes.set_title(title, fontsize=12, pad=6)
            if column_index == 0:
                _write_name(axes, name, side_px / cell_hw[1])
    figure.legend(
        handles=make_patches(legend),
        loc="lower center",
        ncols=legend_columns,
        frameon=False,
        fontsize=11,
        borderaxespad=0.2,
    )
    save_figure(figure, path)


def make_patches(legend: Mapping[str, tuple[int, int, int]]) -> list[Patch]:
    """Make the handles of a legend of colours by what they mean."""
    return [
        Patch(facecolor=f"#{bytes(colour).hex()}", edgecolor="0.6", label=meaning)
        for meaning, colour in legend.items()
    ]


def show_picture(axes: Axes, image_u8: UInt8[np.ndarray, "h w 3"]) -> None:
    """Fill axes with a picture, without ticks and frame."""
    axes.imshow(image_u8, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _compute_name_width(name: str) -> int:
    lines = name.splitlines()
    return _SIDE_PX if len(lines) < 2 else round(_LETTER_PX * max(map(len, lines))) + 2 * _GAP_PX


def _write_name(axes: Axes, name: str, side_width: float) -> None:
    """Beside an image; the width of that side is in widths of the image."""
    if len(name.splitlines()) < 2:
        axes.set_ylabel(name, fontsize=11, labelpad=4)
    else:
        left = -0.95 * side_width
        axes.text(left, 0.5, name, fontsize=10, va="center", transform=axes.transAxes)


def _add_cell(figure: Figure, image_u8: np.ndarray, left_px: int, bottom_px: int) -> Axes:
    """Places an image so that its pixels are the figure's pixels."""
    total_width_px, total_height_px = figure.get_size_inches() * _DPI
    height_px, width_px = image_u8.shape[:2]
    box = (
        left_px / total_width_px,
        bottom_px / total_height_px,
        width_px / total_width_px,
        height_px / total_height_px,
    )
    axes = figure.add_axes(box)
    show_picture(axes, image_u8)
    return axes
