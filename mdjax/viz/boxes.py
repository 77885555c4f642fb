"""Boxes on image pairs."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from mdjax.viz.colours import Palette
from mdjax.viz.grid import compute_cell_size, fit_cell_size, save_picture_grid
from mdjax.viz.heat import overlay_heat

# Of a picture's shorter side: lines and letters that are read at a glance, at any size.
_SIDE_PX_A_LINE_WIDTH = 300
_SIDE_PX_AT_FONT_SCALE_1 = 900
_MIN_FONT_SCALE = 0.35
_FONT = cv2.FONT_HERSHEY_SIMPLEX
Colour = tuple[int, int, int]
_TRUE_COLOUR: Colour = (70, 200, 90)
_FOUND_COLOUR: Colour = (245, 150, 40)


def draw_detections(
    visible_u8: UInt8[np.ndarray, "h w 3"],
    thermal_u8: UInt8[np.ndarray, "hh ww"] | None,
    boxes_xyxy_px: Float[np.ndarray, "n 4"],
    *,
    texts: Sequence[str],
    colours: Palette,
) -> UInt8[np.ndarray, "h w2 3"]:
    """Draw boxes with texts on the visible image and, at its right, on the thermal one.

    Args:
        visible_u8: The visible image.
        thermal_u8: The thermal image, of any resolution; None for no second image.
        boxes_xyxy_px: Boxes in pixels of the visible image; the first come to lie on top.
        texts: One a box, written above it.
        colours: One a box.
    """
    panels = [visible_u8]
    if thermal_u8 is not None:
        size_wh = visible_u8.shape[1::-1]
        scaled_u8 = cv2.resize(thermal_u8, size_wh, interpolation=cv2.INTER_LINEAR)
        panels.append(np.repeat(scaled_u8[..., None], 3, axis=-1))
    return np.hstack([draw_boxes(panel, boxes_xyxy_px, texts, colours) for panel in panels])


def draw_boxes(
    image_u8: UInt8[np.ndarray, "h w 3"],
    boxes_xyxy_px: Float[np.ndarray, "n 4"],
    texts: Sequence[str],
    colours: Palette,
    *,
    line_px: int | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw boxes with texts on an image.

    Args:
        image_u8: The image, which stays as it is.
        boxes_xyxy_px: Boxes in its pixels; the first come to lie on top.
        texts: One a box, written above it; empty for none.
        colours: One a box.
        line_px: Width of the lines; by default as the size of the image needs it.
    """
    canvas = image_u8.copy()
    side_px = min(canvas.shape[:2])
    line_px = line_px or max(1, round(side_px / _SIDE_PX_A_LINE_WIDTH))
    font_scale = max(_MIN_FONT_SCALE, side_px / _SIDE_PX_AT_FONT_SCALE_1)
    corners = np.rint(boxes_xyxy_px).astype(int).tolist()
    drawn = list(zip(corners, texts, colours, strict=True))
    for (left, top, right, bottom), text, colour in reversed(drawn):
        # The right and the bottom edge end a box: its last pixels lie before them.
        cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, line_px)
        if not text:
            continue
        (width, height), baseline = cv2.getTextSize(text, _FONT, font_scale, 1)
        x = max(0, min(left, canvas.shape[1] - width))
        y = max(height, top - baseline)
        cv2.rectangle(canvas, (x, y - height), (x + width, y + baseline), colour, cv2.FILLED)
        cv2.putText(canvas, text, (x, y), _FONT, font_scale, (0, 0, 0), 1, cv2.LINE_AA)
    return canvas


@dataclasses.dataclass(frozen=True)
class DetectionRow:
    """One scene of a comparison of detectors.

    Attributes:
        name: Written at the left.
        visible_u8: The RGB image; None where it is not to be shown: all boxes are then drawn on
            the thermal image.
        thermal_camera_u8: Thermal as the cheap camera sees it, scaled back up.
        true_boxes_xyxy_px: Ground truth.
        found: Boxes and their scores by column title; the same titles in every row.
        heat: The F-MSE mask on its own grid, or None for no such column.
    """

    name: str
    visible_u8: UInt8[np.ndarray, "h w 3"] | None
    thermal_camera_u8: UInt8[np.ndarray, "h w"]
    true_boxes_xyxy_px: Float[np.ndarray, "g 4"]
    found: Mapping[str, tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, " n"]]]
    heat: Float[np.ndarray, "h2 w2"] | None = None


def make_detection_figure(
    rows: Sequence[DetectionRow], path: Path, *, shows_bare: bool = False
) -> None:
    """Draw a row for each scene: ground truth, thermal, each detector's boxes, and the F-MSE mask.

    The layout of figure 2 of the MD paper; the thermal image shows the ground truth too.

    Args:
        rows: At least one; all images of one size, all rows with or all without visible images.
        path: PNG file to write.
        shows_bare: Show the image pair without boxes, and the ground truth in a column after it;
            small images are enlarged more.

    Raises:
        MdjaxError: The file cannot be written.
    """
    size_hw = rows[0].thermal_camera_u8.shape
    cell_hw = fit_cell_size(size_hw) if shows_bare else compute_cell_size(size_hw)
    save_picture_grid(
        [(row.name, _make_cells(row, cell_hw, shows_bare=shows_bare)) for row in rows],
        {"ground truth": _TRUE_COLOUR, "found": _FOUND_COLOUR},
        path,
    )


def _make_cells(
    row: DetectionRow, cell_hw: tuple[int, int], *, shows_bare: bool
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    scale = cell_hw[0] / row.thermal_camera_u8.shape[0]
    smooth = cv2.INTER_AREA if shows_bare and scale < 1 else cv2.INTER_LINEAR

    def fit(image_u8: np.ndarray) -> np.ndarray:
        return cv2.resize(image_u8, cell_hw[::-1], interpolation=smooth)

    def draw(image_u8: np.ndarray, boxes: np.ndarray, texts: list[str], colour: Colour):
        return draw_boxes(image_u8, boxes * scale, texts, [colour] * len(boxes))

    thermal_u8 = np.repeat(fit(row.thermal_camera_u8)[..., None], 3, axis=-1)
    visible_u8 = None if row.visible_u8 is None else fit(row.visible_u8)
    background_u8 = thermal_u8 if visible_u8 is None else visible_u8
    true_boxes = row.true_boxes_xyxy_px

    def draw_truth(image_u8: np.ndarray) -> np.ndarray:
        return draw(image_u8, true_boxes, [""] * len(true_boxes), _TRUE_COLOUR)

    if shows_bare:
        cells = {} if visible_u8 is None else {"RGB": visible_u8}
        cells |= {"thermal camera": thermal_u8, "ground truth": draw_truth(background_u8)}
    else:
        cells = {} if visible_u8 is None else {"ground truth": draw_truth(visible_u8)}
        cells |= {"thermal camera": draw_truth(thermal_u8)}
    for title, (boxes, scores) in row.found.items():
        texts = [f"{score:.2f}" for score in scores]
        cells[title] = draw(background_u8, boxes, texts, _FOUND_COLOUR)
    if row.heat is not None:
        cells["F-MSE mask"] = overlay_heat(background_u8, row.heat)
    return cells
