"""KAIST's detection files, read strictly, and written.

    1,527.95,222.09,22.448,54.752,88.548          image (from 1), x, y, w, h, score

Images count in a list, see `mdjax.io.kaist_text`; pixels count from 1 as in annotations, where
mdjax's arrays begin at 0.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from mdjax.io.json_file import write_text
from mdjax.io.kaist_text import FIRST_PIXEL
from mdjax.io.text_lines import raise_problems, read_numbered_lines

_COLUMNS = "image,x,y,w,h,score"
_REMEDY = (
    f"Fix these lines; each has: {_COLUMNS}. Images count from 1, in the list that the detections "
    "were made with."
)


@dataclasses.dataclass(frozen=True)
class KaistDetections:
    """The detections of one image, in the order of the file."""

    boxes_xywh_px: Float[np.ndarray, "n 4"]
    """Left, top, width, height; pixels count from 1."""
    scores: Float[np.ndarray, " n"]


def read_detections(
    path: Path, *, num_images: int, image_size_hw: tuple[int, int] | None = None
) -> list[KaistDetections]:
    """Read a detection file, `image,x,y,w,h,score` per line; an image may have none.

    Args:
        path: The file; a file without a line is a detector that found nothing.
        num_images: Length of the list that the image indices count in.
        image_size_hw: Rows and columns; boxes that do not touch the image are then refused. Boxes
            that only reach beyond its edges are fine, released files have many.

    Returns:
        Detections of each image of the list.

    Raises:
        MdjaxError: The file cannot be read, or has bad lines; they are named.
    """
    lines = read_numbered_lines(path)
    line_numbers = [number for number, _ in lines]
    table, problems = _parse_table(lines)
    if not problems:
        checks = _find_bad_detections(table, num_images, image_size_hw)
        problems = [f"line {line_numbers[row]}: {text}" for row, text in checks]
    raise_problems(path, problems, _REMEDY)
    order = np.argsort(table[:, 0], kind="stable")
    table = table[order]
    ends = np.searchsorted(table[:, 0], np.arange(1, num_images + 1), side="right")
    return [KaistDetections(part[:, 1:5], part[:, 5]) for part in np.split(table[:, :6], ends)[:-1]]


def write_detections(
    path: Path,
    boxes_xyxy_px: Sequence[Float[np.ndarray, "_ 4"]],
    scores: Sequence[Float[np.ndarray, " _"]],
) -> None:
    """Write detections as `read_detections` and other people's scripts read them.

    Args:
        path: The file to write.
        boxes_xyxy_px: Of each image of the list, edges that count from 0; the file gets 1 added.
        scores: Of each image, one a box.

    Raises:
        MdjaxError: A box has no area, a number is not finite, or the file cannot be written.
    """
    lines: list[str] = []
    problems: list[str] = []
    for index, (boxes, image_scores) in enumerate(zip(boxes_xyxy_px, scores, strict=True), start=1):
        boxes = boxes.astype(np.float64)
        xywh = np.concatenate([boxes[:, :2] + FIRST_PIXEL, boxes[:, 2:] - boxes[:, :2]], axis=1)
        rows = np.concatenate([xywh, image_scores.astype(np.float64)[:, None]], axis=1)
        is_bad = ~np.isfinite(rows).all(1) | (xywh[:, 2:] <= 0).any(1)
        problems += [f"image {index}: {_format_row(row)}" for row in rows[is_bad]]
        # Nine digits tell any two float32 apart.
        lines += [f"{index},{_format_row(row)}\n" for row in rows]
    raise_problems(path, problems, "Not written: x,y,w,h,score need finite numbers, w and h > 0.")
    write_text(path, "".join(lines))


def _format_row(row: Float[np.ndarray, " n"]) -> str:
    return ",".join(f"{value:.9g}" for value in row)


def _parse_table(lines: Sequence[tuple[int, str]]) -> tuple[Float[np.ndarray, "n 6"], list[str]]:
    """Six numbers per line, or what is wrong with which lines."""
    num_columns = len(_COLUMNS.split(","))
    problems = [
        f"line {number}: has {line.count(',') + 1} columns, not {num_columns}"
        for number, line in lines
        if line.count(",") != num_columns - 1
    ]
    if lines and not problems:
        try:
            # One flat list: a list for each of 240,000 lines takes four times as long.
            fields = ",".join(line for _, line in lines).split(",")
            return np.array(fields, np.float64).reshape(-1, num_columns), []
        except ValueError:
            problems = [
                f"line {number}: {line!r} has a field that is not a number"
                for number, line in lines
                if not all(_is_number(field) for field in line.split(","))
            ]
    return np.zeros((0, num_columns)), problems


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _find_bad_detections(
    table: Float[np.ndarray, "n 6"], num_images: int, image_size_hw: tuple[int, int] | None
) -> list[tuple[int, str]]:
    """Row and fault of each bad line, the first fault of a line alone."""
    index, x, y, width, height, score = table.T
    size = "" if image_size_hw is None else f"{image_size_hw[1]}x{image_size_hw[0]}"
    rules: list[tuple[np.ndarray, Callable[[int], str]]] = [
        (~np.isfinite(score), lambda row: f"the score is {score[row]:g}, not a finite number"),
        (~np.all(np.isfinite(table), axis=1), lambda _: "has a number that is not finite"),
        (
            (index < 1) | (index > num_images) | (index != np.round(index)),
            lambda row: f"image {index[row]:g}; the list has images 1 to {num_images}",
        ),
        (
            (width <= 0) | (height <= 0),
            lambda row: (
                f"the box is {width[row]:g} wide and {height[row]:g} high; both must be above 0"
            ),
        ),
    ]
    if image_size_hw is not None:
        end_y, end_x = (side + FIRST_PIXEL for side in image_size_hw)
        is_beyond = (x >= end_x) | (y >= end_y)
        is_beyond |= (x + width <= FIRST_PIXEL) | (y + height <= FIRST_PIXEL)
        rules.append((is_beyond, lambda row: f"the box lies outside its image of {size}"))
    faults: dict[int, str] = {}
    for is_bad, describe in rules:
        for row in np.flatnonzero(is_bad).tolist():
            faults.setdefault(row, describe(row))
    return sorted(faults.items())
