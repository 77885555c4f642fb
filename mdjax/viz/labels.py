"""Pictures of label maps."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mdjax.types import IGNORED_LABEL, MdjaxError
from mdjax.viz.colours import IGNORED_COLOUR, Palette
from mdjax.viz.grid import compute_cell_size, save_picture_grid
from mdjax.viz.heat import overlay_heat


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
    # Counting is faster than sorting, as `unique` would do: these are all pixels of a video.
    found = np.flatnonzero(np.bincount(labels_u8.ravel()))
    unknown = np.setdiff1d(found, [*range(len(palette)), IGNORED_LABEL])
    if unknown.size:
        raise MdjaxError(
            f"The labels hold the class id {int(unknown[0])}, but the palette has only "
            f"{len(palette)} colours; give the palette of the data set they come from."
        )
    return cv2.LUT(cv2.merge([labels_u8] * 3), table[:, None])


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
    colours_u8 = colourise_labels(labels_u8, palette)
    mixed_u8 = cv2.addWeighted(visible_u8, 1 - alpha, colours_u8, alpha, 0)
    return np.where(is_painted[..., None], mixed_u8, visible_u8)


@dataclasses.dataclass(frozen=True)
class ComparisonRow:
    """One scene of a comparison.

    Attributes:
        name: Written at the left, as "night" or a file name.
        visible_u8: The RGB image; None where it is not to be shown.
        thermal_camera_u8: Thermal as the cheap camera sees it, scaled back up.
        labels_u8: Ground truth.
        predictions_u8: Class ids by column title; every scene of a figure has the same titles.
        heat: The F-MSE mask on its own grid, or None for no such column.
    """

    name: str
    visible_u8: UInt8[np.ndarray, "h w 3"] | None
    thermal_camera_u8: UInt8[np.ndarray, "h w"]
    labels_u8: UInt8[np.ndarray, "h w"]
    predictions_u8: Mapping[str, UInt8[np.ndarray, "h w"]]
    heat: Float[np.ndarray, "h2 w2"] | None = None


def make_comparison_figure(
    rows: Sequence[ComparisonRow], path: Path, *, class_names: Sequence[str], palette: Palette
) -> None:
    """Draw one row for each scene: RGB, thermal, ground truth, each prediction, and the F-MSE mask.

    The layout of figures 3 and 4 of the MD paper, with a legend of the classes that occur. Labels
    are enlarged without smoothing, by a whole factor, so that every pixel stays visible;
    large images are shrunk.

    Args:
        rows: At least one; all images of one size, all rows with or all without visible images.
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


def _make_cells(
    row: ComparisonRow, cell_hw: tuple[int, int], palette: Palette
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    def fit(image_u8: np.ndarray, interpolation: int) -> np.ndarray:
        return cv2.resize(image_u8, cell_hw[::-1], interpolation=interpolation)

    def paint(labels_u8: np.ndarray) -> np.ndarray:
        return fit(colourise_labels(labels_u8, palette), cv2.INTER_NEAREST)

    is_shrunk = cell_hw[0] < row.labels_u8.shape[0]
    smooth = cv2.INTER_AREA if is_shrunk else cv2.INTER_LINEAR
    thermal_u8 = fit(row.thermal_camera_u8, smooth)
    images_u8 = {"thermal, as the camera sees it": np.repeat(thermal_u8[..., None], 3, axis=-1)}
    if row.visible_u8 is not None:
        images_u8 = {"RGB": fit(row.visible_u8, smooth), **images_u8}
    cells = {
        **images_u8,
        "ground truth": paint(row.labels_u8),
        **{title: paint(labels_u8) for title, labels_u8 in row.predictions_u8.items()},
    }
    if row.heat is not None:
        cells["F-MSE mask"] = overlay_heat(next(iter(images_u8.values())), row.heat)
    return cells


def _find_classes(rows: Sequence[ComparisonRow]) -> list[int]:
    maps = [labels for row in rows for labels in (row.labels_u8, *row.predictions_u8.values())]
    found = {int(class_id) for labels_u8 in maps for class_id in np.unique(labels_u8)}
    return sorted(found - {IGNORED_LABEL})
