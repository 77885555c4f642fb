"""Edges of thermal images over visible ones, before and after an alignment."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Shaped, UInt8

from mdjax.viz.grid import save_picture_grid

# A few pixels of a camera are seen.
_CELL_WIDTH_PX = 420
_EDGE_COLOUR = (255, 140, 0)
_PART_COLOUR = (90, 200, 255)
# Of the grey levels: colours stand out from a dark image.
_BRIGHTNESS = 0.65
_STRONG_PERCENTILE = 97.0
_DISPLAYED_PERCENTILES = (1.0, 99.0)


@dataclasses.dataclass(frozen=True)
class AlignmentRow:
    """One pair, and its thermal image as it lies on the visible one.

    Attributes:
        name: Of the pair.
        visible_u8: Visible image, RGB.
        thermal: Thermal image of any size, grey levels or counts.
        aligned: The same warped onto the whole visible image.
    """

    name: str
    visible_u8: UInt8[np.ndarray, "h w 3"]
    thermal: Shaped[np.ndarray, "hh ww"]
    aligned: Shaped[np.ndarray, "hhh www"]


def save_alignment(
    rows: Sequence[AlignmentRow],
    corners: Float64[np.ndarray, "4 2"],
    part_xyxy: Float64[np.ndarray, " 4"],
    path: Path,
) -> None:
    """Write a picture of pairs before and after they were aligned.

    Args:
        rows: Pairs of one size.
        corners: Of the thermal image in the visible one, as fractions of its width and height.
        part_xyxy: What both cameras see, as fractions too.
        path: PNG file to write.

    Raises:
        MdjaxError: The file cannot be written.
    """
    width = _CELL_WIDTH_PX
    height = round(width * rows[0].visible_u8.shape[0] / rows[0].visible_u8.shape[1])
    size = np.array([width, height])
    covered = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(covered, np.round(corners * size).astype(np.int32), 1)
    left, top, right, bottom = np.round(part_xyxy * np.tile(size, 2)).astype(int)
    pictures: list[tuple[str, dict[str, np.ndarray]]] = []
    for row in rows:
        visible_u8 = _resize(row.visible_u8, (height, width))
        stretched, aligned = (
            _resize(_to_grey_u8(image), (height, width)) for image in (row.thermal, row.aligned)
        )
        before_u8 = _draw_edges(visible_u8, stretched, np.ones((height, width), bool))
        after_u8 = _draw_edges(visible_u8, aligned, covered > 0)
        corner, opposite = (int(left), int(top)), (int(right) - 1, int(bottom) - 1)
        cv2.rectangle(after_u8, corner, opposite, _PART_COLOUR, 1)
        cells = {
            "visible": visible_u8,
            "thermal, stretched": np.repeat(stretched[..., None], 3, axis=-1),
            "before": before_u8,
            "after": after_u8,
        }
        pictures.append((row.name, cells))
    legend = {"edges of the thermal image": _EDGE_COLOUR, "what both cameras see": _PART_COLOUR}
    save_picture_grid(pictures, legend, path)


def _resize(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    smooth = cv2.INTER_AREA if size_hw[1] < image.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(image, size_hw[::-1], interpolation=smooth)


def _to_grey_u8(image: Shaped[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    low, high = np.percentile(image, _DISPLAYED_PERCENTILES)
    scaled = (image.astype(np.float32) - low) * (255 / max(float(high - low), 1e-6))
    return np.clip(scaled, 0, 255).astype(np.uint8)


def _draw_edges(
    visible_u8: np.ndarray, thermal_u8: np.ndarray, is_shown: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "h w 3"]:
    smooth = cv2.GaussianBlur(thermal_u8.astype(np.float32), (0, 0), 1)
    strength = np.hypot(cv2.Scharr(smooth, -1, 1, 0), cv2.Scharr(smooth, -1, 0, 1))
    strong = max(float(np.percentile(strength[is_shown], _STRONG_PERCENTILE)), 1e-6)
    alpha = (np.clip(strength / strong, 0, 1) ** 2 * is_shown)[..., None]
    # A dark image shows more so.
    seen_u8 = _to_grey_u8(cv2.cvtColor(visible_u8, cv2.COLOR_RGB2GRAY))
    grey = seen_u8[..., None] * _BRIGHTNESS
    return np.round((1 - alpha) * grey + alpha * np.array(_EDGE_COLOUR)).astype(np.uint8)
