"""Masks over image pairs: where a loss looks, and where networks attend to."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mdjax.viz.grid import fit_cell_size, save_picture_grid
from mdjax.viz.heat import get_heat_colours, overlay_heat

# Of the brightest weight, with their texts in the legend.
_SHARES = {1 / 64: "1/64 of the brightest", 1 / 8: "1/8", 1.0: "1"}


class Mask(NamedTuple):
    """Weights on a grid of any size, and the weight that is drawn brightest; None: the largest."""

    weights: Float[np.ndarray, "h2 w2"]
    largest: float | None = None


@dataclasses.dataclass(frozen=True)
class MaskRow:
    """One scene of a figure of masks.

    Attributes:
        name: Written at the left.
        visible_u8: The RGB image; None where it is not to be shown: the masks then lie over the
            thermal image.
        thermal_camera_u8: Thermal as the cheap camera sees it, scaled back up.
        masks: By column title; the same titles in every row.
    """

    name: str
    visible_u8: UInt8[np.ndarray, "h w 3"] | None
    thermal_camera_u8: UInt8[np.ndarray, "h w"]
    masks: Mapping[str, Mask]


def make_mask_figure(rows: Sequence[MaskRow], path: Path) -> None:
    """Draw a row for each scene: the image pair, and each mask over the dimmed image.

    The layout of figure 4 of the MD paper.

    Args:
        rows: At least one; all images of one size, all rows with or all without visible images.
        path: PNG file to write.

    Raises:
        MdjaxError: The file cannot be written.
    """
    cell_hw = fit_cell_size(rows[0].thermal_camera_u8.shape)
    colours = get_heat_colours(list(_SHARES))
    save_picture_grid(
        [(row.name, _make_cells(row, cell_hw)) for row in rows],
        dict(zip(_SHARES.values(), colours, strict=True)),
        path,
    )


def _make_cells(row: MaskRow, cell_hw: tuple[int, int]) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    is_shrunk = cell_hw[0] < row.thermal_camera_u8.shape[0]
    smooth = cv2.INTER_AREA if is_shrunk else cv2.INTER_LINEAR

    def fit(image_u8: np.ndarray) -> np.ndarray:
        return cv2.resize(image_u8, cell_hw[::-1], interpolation=smooth)

    thermal_u8 = np.repeat(fit(row.thermal_camera_u8)[..., None], 3, axis=-1)
    cells = {} if row.visible_u8 is None else {"RGB": fit(row.visible_u8)}
    cells["thermal camera"] = thermal_u8
    background_u8 = next(iter(cells.values()))
    for title, mask in row.masks.items():
        cells[title] = overlay_heat(background_u8, mask.weights, largest=mask.largest)
    return cells
