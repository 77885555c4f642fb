"""Pictures of label maps, of a comparison between networks, and of training curves.

Images are uint8 in RGB order. A palette gives each class id a colour; the colours belong to the
data set, so callers hand them in. matplotlib is used without its global state: nothing opens a
window.
"""

import colorsys
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mdjax.types import IGNORED_LABEL, MdjaxError

Palette = Sequence[tuple[int, int, int]]
"""Colours in RGB by class id."""

IGNORED_COLOUR = (128, 128, 128)
_HEAT_MAP = "inferno"
_DIMMED = 0.6

_DPI = 100
_CELL_WIDTH_PX = 280  # Wide enough to tell a person at 160x120 apart; six columns fit a screen.
_GAP_PX = 6
_TITLE_PX = 30
_LEGEND_ROW_PX = 24
_SIDE_PX = 26


def compute_hues(num_colours: int) -> Palette:
    """Return colours at equal distances around the circle of hues, red first."""
    hues = (index / num_colours for index in range(num_colours))
    colours = [colorsys.hsv_to_rgb(hue, 0.75, 0.95) for hue in hues]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in colours]


def colourise_labels(
    labels_u8: UInt8[np.ndarray, "h w"], palette: Palette
) -> UInt8[np.ndarray, "h w 3"]:
    """Paints each class in its colour, ignored pixels in grey.

    Raises:
        MdjaxError: A label has no colour in the palette.
    """
    table = np.zeros((256, 3), np.uint8)
    table[: len(palette)] = palette
    table[IGNORED_LABEL] = IGNORED_COLOUR
    unknown = np.setdiff1d(np.unique(labels_u8), [*range(len(palette)), IGNORED_LABEL])
    if unknown.size:
        raise MdjaxError(
            f"The labels hold the class id {int(unknown[0])}, but the palette has only "
            f"{len(palette)} colours; give the palette of the data set they come from."
        )
    return table[labels_u8]


def overlay_labels(
    visible_u8: UInt8[np.ndarray, "h w 3"],
    labels_u8: UInt8[np.ndarray, "h w"],
    palette: Palette,
    *,
    alpha: float = 0.6,
) -> UInt8[np.ndarray, "h w 3"]:
    """Lays the colours of the labels over an image; class 0 and ignored pixels stay as they are.

    Args:
        visible_u8: The image.
        labels_u8: Class ids of the same size.
        palette: Colours by class id.
        alpha: Share of the label's colour, 0 to 1.
    """
    is_painted = (labels_u8 != 0) & (labels_u8 != IGNORED_LABEL)
    mixed = (1 - alpha) * visible_u8 + alpha * colourise_labels(labels_u8, palette)
    return np.where(is_painted[..., None], np.rint(mixed).astype(np.uint8), visible_u8)


def overlay_heat(
    visible_u8: UInt8[np.ndarray, "h w 3"],
    heat: Float[np.ndarray, "h2 w2"],
    *,
    alpha: float = 0.9,
) -> UInt8[np.ndarray, "h w 3"]:
    """Lays a map of weights over the dimmed grey image, from clear for 0 to bright for the largest.

    Args:
        visible_u8: The image.
        heat: Weights ≥ 0 on a grid of any size, as the F-MSE mask on the feature grid; drawn as
            even squares, since the loss knows nothing finer.
        alpha: Share of the colour where the weight is largest, 0 to 1; it falls with the root of
            the weight, so that the scene shows through where little is asked.
    """
    height_px, width_px = visible_u8.shape[:2]
    share = heat.astype(np.float64) / max(float(heat.max()), np.finfo(np.float32).tiny)
    share = cv2.resize(share, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    colours = matplotlib.colormaps[_HEAT_MAP](share)[..., :3] * 255
    grey = _DIMMED * cv2.cvtColor(visible_u8, cv2.COLOR_RGB2GRAY)[..., None]
    opacity = alpha * np.sqrt(share)[..., None]
    return np.rint((1 - opacity) * grey + opacity * colours).astype(np.uint8)


def save_label_png(labels_u8: UInt8[np.ndarray, "h w"], path: Path) -> None:
    """Writes class ids as an 8-bit PNG of one channel, the format of MFNet's label files.

    Raises:
        MdjaxError: The file cannot be written.
    """
    _write_png(labels_u8, path)


def save_rgb_png(image_u8: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Writes an RGB image as PNG.

    Raises:
        MdjaxError: The file cannot be written.
    """
    _write_png(np.ascontiguousarray(image_u8[..., ::-1]), path)  # OpenCV expects BGR.


def _write_png(image: np.ndarray, path: Path) -> None:
    data = cv2.imencode(".png", image)[1]
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise MdjaxError(f"{path}: the picture cannot be written: {error.strerror}.") from error


@dataclasses.dataclass(frozen=True)
class ComparisonRow:
    """One scene of a comparison.

    Attributes:
        name: Written at the left, as "night" or a file name.
        visible_u8: The RGB image.
        thermal_camera_u8: Thermal as the cheap camera sees it, scaled back up.
        labels_u8: Ground truth.
        predictions_u8: Class ids by column title; every scene of a figure has the same titles.
        heat: The F-MSE mask on its own grid, or None for no such column.
    """

    name: str
    visible_u8: UInt8[np.ndarray, "h w 3"]
    thermal_camera_u8: UInt8[np.ndarray, "h w"]
    labels_u8: UInt8[np.ndarray, "h w"]
    predictions_u8: Mapping[str, UInt8[np.ndarray, "h w"]]
    heat: Float[np.ndarray, "h2 w2"] | None = None


def make_comparison_figure(
    rows: Sequence[ComparisonRow], path: Path, *, class_names: Sequence[str], palette: Palette
) -> None:
    """Draws one row a scene: RGB, thermal, ground truth, each prediction, and the F-MSE mask.

    The layout of figures 3 and 4 of the MD paper, with a legend of the classes that occur. Labels
    are enlarged without smoothing, by a whole factor, so that every pixel stays visible;
    large images are shrunk.

    Args:
        rows: At least one; all images of one size.
        path: PNG file to write.
        class_names: Names by class id.
        palette: Colours by class id.

    Raises:
        MdjaxError: The file cannot be written.
    """
    cell_hw = compute_cell_size(rows[0].labels_u8.shape)
    class_ids = _find_classes(rows)
    save_picture_grid(
        [(row.name, _make_cells(row, cell_hw, palette)) for row in rows],
        {class_names[k].replace("_", " "): palette[k] for k in class_ids},
        path,
    )


def compute_cell_size(image_size_hw: tuple[int, ...]) -> tuple[int, int]:
    """Height and width in pixels of an image in a grid of pictures: scaled by a whole factor."""
    height_px, width_px = image_size_hw
    enlarge = max(1, round(_CELL_WIDTH_PX / width_px))
    shrink = max(1, round(width_px / _CELL_WIDTH_PX))
    return height_px * enlarge // shrink, width_px * enlarge // shrink


def save_picture_grid(
    rows: Sequence[tuple[str, Mapping[str, UInt8[np.ndarray, "h w 3"]]]],
    legend: Mapping[str, tuple[int, int, int]],
    path: Path,
) -> None:
    """Writes pictures in rows and columns, with titles, row names and a legend of colours.

    Args:
        rows: Name at the left, and pictures by the title of their column; all of one size, with
            the same titles in each row.
        legend: Colours by what they mean.
        path: PNG file to write.

    Raises:
        MdjaxError: The file cannot be written.
    """
    titles = list(rows[0][1])
    cell_hw = rows[0][1][titles[0]].shape[:2]
    total_width_px = _SIDE_PX + len(titles) * (cell_hw[1] + _GAP_PX)
    legend_columns = max(1, min(len(legend), (total_width_px - _SIDE_PX) // 150))
    legend_rows = -(-len(legend) // legend_columns)
    legend_px = _LEGEND_ROW_PX * legend_rows + 2 * _GAP_PX
    total_height_px = _TITLE_PX + len(rows) * (cell_hw[0] + _GAP_PX) + legend_px

    figure = Figure(figsize=(total_width_px / _DPI, total_height_px / _DPI), dpi=_DPI)
    for row_index, (name, cells) in enumerate(rows):
        top_px = _TITLE_PX + row_index * (cell_hw[0] + _GAP_PX)
        for column_index, (title, image) in enumerate(cells.items()):
            left_px = _SIDE_PX + column_index * (cell_hw[1] + _GAP_PX)
            axes = _add_cell(figure, image, left_px, total_height_px - top_px - cell_hw[0])
            if row_index == 0:
                axes.set_title(title, fontsize=12, pad=6)
            if column_index == 0:
                axes.set_ylabel(name, fontsize=11, labelpad=4)
    figure.legend(
        handles=[
            Patch(facecolor=f"#{bytes(colour).hex()}", edgecolor="0.6", label=meaning)
            for meaning, colour in legend.items()
        ],
        loc="lower center",
        ncols=legend_columns,
        frameon=False,
        fontsize=11,
        borderaxespad=0.2,
    )
    save_figure(figure, path)


def _make_cells(
    row: ComparisonRow, cell_hw: tuple[int, int], palette: Palette
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    def fit(image_u8: np.ndarray, interpolation: int) -> np.ndarray:
        return cv2.resize(image_u8, cell_hw[::-1], interpolation=interpolation)

    def paint(labels_u8: np.ndarray) -> np.ndarray:
        return fit(colourise_labels(labels_u8, palette), cv2.INTER_NEAREST)

    is_shrunk = cell_hw[0] < row.labels_u8.shape[0]
    smooth = cv2.INTER_AREA if is_shrunk else cv2.INTER_LINEAR
    visible_u8 = fit(row.visible_u8, smooth)
    thermal_u8 = fit(row.thermal_camera_u8, smooth)
    cells = {
        "RGB": visible_u8,
        "thermal, as the camera sees it": np.repeat(thermal_u8[..., None], 3, axis=-1),
        "ground truth": paint(row.labels_u8),
        **{title: paint(labels_u8) for title, labels_u8 in row.predictions_u8.items()},
    }
    if row.heat is not None:
        cells["F-MSE mask"] = overlay_heat(visible_u8, row.heat)
    return cells


def _find_classes(rows: Sequence[ComparisonRow]) -> list[int]:
    maps = [labels for row in rows for labels in (row.labels_u8, *row.predictions_u8.values())]
    found = {int(class_id) for labels_u8 in maps for class_id in np.unique(labels_u8)}
    return sorted(found - {IGNORED_LABEL})


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
    axes.imshow(image_u8, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def plot_training_curves(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], path: Path, *, metrics: Sequence[str]
) -> None:
    """Draws one panel a metric with one line a run, over the training step.

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
        for index, (name, entries) in enumerate(runs.items()):
            points = [
                (entry["step"], entry[metric]) for entry in entries if entry.get(metric) is not None
            ]
            if points:
                axes.plot(*zip(*points, strict=True), label=name, color=f"C{index}", linewidth=1.5)
        if not axes.lines:
            known = sorted({name for entries in runs.values() for line in entries for name in line})
            raise MdjaxError(f"No run logged {metric!r}; logged are {', '.join(known)}.")
        axes.set_title(metric, fontsize=10)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    if len(runs) > 1:
        panels[0].legend(frameon=False, fontsize=9)
    save_figure(figure, path)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Raises:
        MdjaxError: The file cannot be written.
    """
    try:
        # Without the library's version in it, equal pictures are equal files.
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as error:
        raise MdjaxError(f"{path}: the picture cannot be written: {error.strerror}.") from error
