"""Image pairs with their annotations on both images, so that a shifted label is seen at once."""

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mdjax.types import IGNORED_LABEL
from mdjax.viz.boxes import draw_boxes
from mdjax.viz.colours import Palette, compute_hues, create_palette
from mdjax.viz.grid import save_picture_grid
from mdjax.viz.labels import overlay_labels

_CELL_WIDTH_PX = 400  # A person at 640x480 is still some 20 pixels wide.
_MAX_CELL_HEIGHT_PX = 400
_LINE_PX = 2
_NAME_LETTERS = 20
_IGNORED_BOX_COLOUR = (200, 200, 200)
_MASK_ALPHA = 0.45


@dataclasses.dataclass(frozen=True)
class SheetBoxes:
    """The boxes of a pair, in pixels of the visible image."""

    boxes_xyxy_px: Float[np.ndarray, "n 4"]
    class_ids: Int[np.ndarray, " n"]
    is_ignored: Bool[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True)
class SheetRow:
    """One pair of a contact sheet.

    Attributes:
        lines: Written at the left; long ones are broken.
        visible_u8: The visible image.
        thermal_u8: The thermal image, of any resolution.
        cameras_u8: Thermal as cheap cameras see it, by title; the same titles in every row.
        boxes: None where the data set has none.
        labels_u8: Class ids of the visible image's size; None where the data set has none.
    """

    lines: Sequence[str]
    visible_u8: UInt8[np.ndarray, "h w 3"]
    thermal_u8: UInt8[np.ndarray, "hh ww"]
    cameras_u8: Mapping[str, UInt8[np.ndarray, "hh ww"]]
    boxes: SheetBoxes | None = None
    labels_u8: UInt8[np.ndarray, "h w"] | None = None


def make_contact_sheet(
    rows: Sequence[SheetRow],
    path: Path,
    *,
    object_class_names: Sequence[str] = (),
    label_class_names: Sequence[str] = (),
) -> None:
    """Draw a row for each pair: both images with their boxes or mask, and what cameras see.

    Images of any size are scaled to the same width or height. The legend has the classes that
    occur.

    Args:
        rows: At least one.
        path: PNG file to write.
        object_class_names: Of boxes, by class id.
        label_class_names: Of label maps, by class id.

    Raises:
        MdjaxError: The file cannot be written.
    """
    height, width = rows[0].visible_u8.shape[:2]
    cell_hw = (min(round(_CELL_WIDTH_PX * height / width), _MAX_CELL_HEIGHT_PX), _CELL_WIDTH_PX)
    colours = _Colours(
        compute_hues(len(object_class_names)), create_palette(len(label_class_names))
    )
    save_picture_grid(
        [(_make_name(row.lines), _make_cells(row, cell_hw, colours)) for row in rows],
        _make_legend(rows, colours, object_class_names, label_class_names),
        path,
    )


@dataclasses.dataclass(frozen=True)
class _Colours:
    """Colours by class id."""

    boxes: Palette
    labels: Palette


def _make_name(lines: Sequence[str]) -> str:
    return "\n".join(part for line in lines for part in textwrap.wrap(line, _NAME_LETTERS))


def _make_cells(
    row: SheetRow, cell_hw: tuple[int, int], colours: _Colours
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    size_hw = row.visible_u8.shape[:2]
    scale = min(cell_hw[0] / size_hw[0], cell_hw[1] / size_hw[1])
    fitted_hw = (max(1, round(size_hw[0] * scale)), max(1, round(size_hw[1] * scale)))
    what = "labels" if row.boxes is None else "boxes"
    images = {
        f"visible, {what}": _annotate(_fit(row.visible_u8, fitted_hw), row, scale, colours),
        f"thermal, same {what}": _annotate(_fit(row.thermal_u8, fitted_hw), row, scale, colours),
        **{title: _fit(camera_u8, fitted_hw) for title, camera_u8 in row.cameras_u8.items()},
    }
    return {title: _pad(image_u8, cell_hw) for title, image_u8 in images.items()}


def _fit(image_u8: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    is_shrunk = size_hw[0] < image_u8.shape[0]
    smooth = cv2.INTER_AREA if is_shrunk else cv2.INTER_LINEAR
    fitted_u8 = cv2.resize(image_u8, size_hw[::-1], interpolation=smooth)
    return fitted_u8 if fitted_u8.ndim == 3 else np.repeat(fitted_u8[..., None], 3, axis=-1)


def _annotate(image_u8: np.ndarray, row: SheetRow, scale: float, colours: _Colours) -> np.ndarray:
    """Lay the mask over the image, and draw the boxes."""
    if row.labels_u8 is not None:
        size_wh = image_u8.shape[1::-1]
        labels_u8 = cv2.resize(row.labels_u8, size_wh, interpolation=cv2.INTER_NEAREST)
        image_u8 = overlay_labels(image_u8, labels_u8, colours.labels, alpha=_MASK_ALPHA)
    if row.boxes is not None:
        of_boxes = [
            _IGNORED_BOX_COLOUR if is_ignored else colours.boxes[class_id]
            for class_id, is_ignored in zip(
                row.boxes.class_ids.tolist(), row.boxes.is_ignored.tolist(), strict=True
            )
        ]
        image_u8 = draw_boxes(
            image_u8,
            row.boxes.boxes_xyxy_px * scale,
            [""] * len(of_boxes),
            of_boxes,
            line_px=_LINE_PX,
        )
    return image_u8


def _pad(image_u8: np.ndarray, cell_hw: tuple[int, int]) -> np.ndarray:
    """Put an image of another aspect into the middle of a white cell."""
    cell_u8 = np.full((*cell_hw, 3), 255, np.uint8)
    height, width = image_u8.shape[:2]
    top, left = (cell_hw[0] - height) // 2, (cell_hw[1] - width) // 2
    cell_u8[top : top + height, left : left + width] = image_u8
    return cell_u8


def _make_legend(
    rows: Sequence[SheetRow],
    colours: _Colours,
    object_class_names: Sequence[str],
    label_class_names: Sequence[str],
) -> dict[str, tuple[int, int, int]]:
    """Colours by what they mean: of label maps, and of boxes."""
    maps = [row.labels_u8 for row in rows if row.labels_u8 is not None]
    boxes = [row.boxes for row in rows if row.boxes is not None]
    in_maps = {int(class_id) for labels_u8 in maps for class_id in np.unique(labels_u8)}
    in_boxes = {int(x) for part in boxes for x in part.class_ids[~part.is_ignored]}
    legend = {
        label_class_names[k].replace("_", " "): colours.labels[k]
        for k in sorted(in_maps - {0, IGNORED_LABEL})
    }
    for k in sorted(in_boxes):
        name = object_class_names[k].replace("_", " ")
        legend[f"{name} (box)" if name in legend else name] = colours.boxes[k]
    if any(part.is_ignored.any() for part in boxes):
        legend["ignored"] = _IGNORED_BOX_COLOUR
    return legend
