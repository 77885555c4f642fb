"""KAIST's text files: annotations, image lists and detections, read strictly.

Hwang et al., "Multispectral pedestrian detection", CVPR 2015, and those who score on it:

    % bbGt version=3                              an annotation file, one for each image
    person 492 215 20 51 1 0 0 0 0 0 0            label x y w h occlusion vx vy vw vh ignore angle

    set06/V000/I00019                             a list of images, one name a line

    1,527.95,222.09,22.448,54.752,88.548          detections: image (from 1), x, y, w, h, score

All of them count pixels from 1: the image's own area begins at 1. Scores compare the files as they
stand; `KaistAnnotation.to_boxes_xyxy_px` and `write_detections` convert from and to mdjax's arrays,
which begin at 0.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from mdjax.io.text_lines import raise_problems, read_numbered_lines
from mdjax.types import MdjaxError

KAIST_IMAGE_SIZE_HW = (512, 640)

PERSON_LABEL = "person"
LABELS = (PERSON_LABEL, "people", "person?", "cyclist")

_HEADER = "% bbGt version=3"
_ANNOTATION_COLUMNS = "label x y w h occlusion vx vy vw vh ignore angle"
_DETECTION_COLUMNS = "image,x,y,w,h,score"
_NAME_PATTERN = re.compile(r"set(?P<set>\d\d)/V\d{3}/I\d{5}")
_NIGHT_SETS = {*(3, 4, 5), *(9, 10, 11)}
_NUM_SETS = 12
_FIRST_PIXEL = 1.0
# The improved test annotations have 13 boxes that reach up to 5 px beyond an edge.
_EDGE_TOLERANCE_PX = 8.0


@dataclasses.dataclass(frozen=True)
class KaistAnnotation:
    """The objects of one image, as the file has them."""

    labels: tuple[str, ...]
    boxes_xywh_px: Float[np.ndarray, "g 4"]
    """Left, top, width, height; pixels count from 1."""
    occlusion: Int[np.ndarray, " g"]
    """0 none, 1 partial, 2 heavy."""
    is_ignored: Bool[np.ndarray, " g"]
    """The column `ignore`; what a label means is up to the reader of this class."""

    def to_boxes_xyxy_px(self) -> Float[np.ndarray, "g 4"]:
        """Left, top, right, bottom edges, continuous and counted from 0."""
        corner = self.boxes_xywh_px[:, :2] - _FIRST_PIXEL
        return np.concatenate([corner, corner + self.boxes_xywh_px[:, 2:]], axis=1)


@dataclasses.dataclass(frozen=True)
class KaistDetections:
    """The detections of one image, in the order of the file."""

    boxes_xywh_px: Float[np.ndarray, "n 4"]
    """Left, top, width, height; pixels count from 1."""
    scores: Float[np.ndarray, " n"]


def read_image_list(path: Path) -> tuple[str, ...]:
    """Reads the names of images, as `set06/V000/I00019`, in the order that detections count in.

    Raises:
        MdjaxError: The file cannot be read, is empty, or has lines that are no name or come twice.
    """
    lines = read_numbered_lines(path)
    problems: list[str] = []
    first_line_of: dict[str, int] = {}
    for number, name in lines:
        if not _NAME_PATTERN.fullmatch(name):
            problems.append(f"line {number}: {name!r} is no name such as set06/V000/I00019")
        elif name in first_line_of:
            problems.append(f"line {number}: {name} stands in line {first_line_of[name]} already")
        else:
            first_line_of[name] = number
    if not lines:
        problems.append("the list is empty")
    raise_problems(path, problems, "Give KAIST's list of images, one name a line.")
    return tuple(first_line_of)


def is_night_image(name: str) -> bool:
    """Whether an image was taken at night: sets 03-05 and 09-11, the others of 00-11 by day.

    Raises:
        MdjaxError: The name has another set, of which nothing is known.
    """
    match = _NAME_PATTERN.fullmatch(name)
    if match is None or int(match["set"]) >= _NUM_SETS:
        raise MdjaxError(
            f"{name}: whether this is day or night is unknown; KAIST has the sets 00-02 and 06-08 "
            "by day, 03-05 and 09-11 by night. Take the image out of the list."
        )
    return int(match["set"]) in _NIGHT_SETS


def read_annotation(
    path: Path,
    *,
    image_size_hw: tuple[int, int] | None = None,
    labels: Sequence[str] = LABELS,
) -> KaistAnnotation:
    """Reads one annotation file.

    Args:
        path: A file that begins with `% bbGt version=3`.
        image_size_hw: Rows and columns; boxes that leave the image by more than 8 px are then
            refused.
        labels: Known labels, by default those of test annotations; others are refused.

    Raises:
        MdjaxError: The file cannot be read, or has lines that are no annotation; all are named.
    """
    annotation, problems = _parse_annotation(path, image_size_hw, labels)
    raise_problems(path, problems, f"A line has: {_ANNOTATION_COLUMNS}.")
    return annotation


def read_annotations(
    folder: Path, names: Sequence[str], *, image_size_hw: tuple[int, int] | None = None
) -> list[KaistAnnotation]:
    """Reads the annotation of every name: `set06_V000_I00019.txt` or `set06/V000/I00019.txt`.

    Args:
        folder: Where the files are, flat or in folders.
        names: Images as `read_image_list` returns them; the result has their order.
        image_size_hw: Rows and columns; boxes that leave the image by more than 8 px are then
            refused.

    Raises:
        MdjaxError: Files are missing, all listed in one message; or files have bad lines.
    """
    if not folder.is_dir():
        raise MdjaxError(f"{folder}: there is no such folder; give the one with the annotations.")
    layouts = [[folder / f"{name.replace('/', mark)}.txt" for name in names] for mark in "_/"]
    paths = max(layouts, key=lambda layout: sum(path.is_file() for path in layout))
    missing = [path.relative_to(folder).as_posix() for path in paths if not path.is_file()]
    if missing:
        raise MdjaxError(
            f"{folder}: {len(missing)} of {len(paths)} annotation files are missing:\n"
            + "\n".join(f"  {name}" for name in missing)
            + "\nAn image without persons has a file with the header line alone."
        )
    annotations, problems = [], []
    for path in paths:
        annotation, problems_of_file = _parse_annotation(path, image_size_hw, LABELS)
        annotations.append(annotation)
        name = path.relative_to(folder).as_posix()
        problems += [f"{name}: {problem}" for problem in problems_of_file]
    raise_problems(folder, problems, f"A line has: {_ANNOTATION_COLUMNS}.")
    return annotations


def read_detections(
    path: Path, *, num_images: int, image_size_hw: tuple[int, int] | None = None
) -> list[KaistDetections]:
    """Reads a detection file, `image,x,y,w,h,score` a line; an image may have none.

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
    raise_problems(path, problems, f"A line has: {_DETECTION_COLUMNS}.")
    order = np.argsort(table[:, 0], kind="stable")
    table = table[order]
    ends = np.searchsorted(table[:, 0], np.arange(1, num_images + 1), side="right")
    return [KaistDetections(part[:, 1:5], part[:, 5]) for part in np.split(table[:, :6], ends)[:-1]]


def write_detections(
    path: Path,
    boxes_xyxy_px: Sequence[Float[np.ndarray, "_ 4"]],
    scores: Sequence[Float[np.ndarray, " _"]],
) -> None:
    """Writes detections as `read_detections` and other people's scripts read them.

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
        xywh = np.concatenate([boxes[:, :2] + _FIRST_PIXEL, boxes[:, 2:] - boxes[:, :2]], axis=1)
        rows = np.concatenate([xywh, image_scores.astype(np.float64)[:, None]], axis=1)
        is_bad = ~np.isfinite(rows).all(1) | (xywh[:, 2:] <= 0).any(1)
        problems += [f"image {index}: {_format_row(row)}" for row in rows[is_bad]]
        # Nine digits tell any two float32 apart.
        lines += [f"{index},{_format_row(row)}\n" for row in rows]
    raise_problems(path, problems, "Not written: x,y,w,h,score need finite numbers, w and h > 0.")
    try:
        path.write_text("".join(lines), encoding="ascii")
    except OSError as error:
        raise MdjaxError(f"{path}: cannot be written: {error.strerror or error}.") from error


def _format_row(row: Float[np.ndarray, " n"]) -> str:
    return ",".join(f"{value:.9g}" for value in row)


def _parse_annotation(
    path: Path, image_size_hw: tuple[int, int] | None, known_labels: Sequence[str]
) -> tuple[KaistAnnotation, list[str]]:
    lines = read_numbered_lines(path)
    problems: list[str] = []
    if not lines or lines[0][1] != _HEADER:
        found = repr(lines[0][1]) if lines else "nothing"
        problems.append(f"line 1: {found} where {_HEADER!r} is expected")
    labels: list[str] = []
    rows: list[list[float]] = []
    for number, line in lines[1:]:
        label, *fields = line.split()
        row, problem = _parse_object(label, fields, image_size_hw, known_labels)
        if problem:
            problems.append(f"line {number}: {problem}")
        else:
            labels.append(label)
            rows.append(row)
    table = np.array(rows, np.float64).reshape(-1, len(_ANNOTATION_COLUMNS.split()) - 1)
    annotation = KaistAnnotation(
        labels=tuple(labels),
        boxes_xywh_px=table[:, :4],
        occlusion=table[:, 4].astype(np.int64),
        is_ignored=table[:, 9] != 0,
    )
    return annotation, problems


def _parse_object(
    label: str,
    fields: Sequence[str],
    image_size_hw: tuple[int, int] | None,
    known_labels: Sequence[str],
) -> tuple[list[float], str]:
    """The numbers after the label, or what is wrong with them."""
    num_columns = len(_ANNOTATION_COLUMNS.split())
    if len(fields) + 1 != num_columns:
        return [], f"has {len(fields) + 1} columns, not {num_columns}"
    if label not in known_labels:
        return [], f"unknown label {label!r}; known are {', '.join(known_labels)}"
    try:
        row = [float(field) for field in fields]
    except ValueError as error:
        return [], str(error)
    if not np.isfinite(row).all():
        return [], "has a number that is not finite"
    x, y, width, height, occlusion = row[:5]
    if width <= 0 or height <= 0:
        return [], f"the box is {width:g} wide and {height:g} high; both must be above 0"
    if occlusion not in (0, 1, 2):
        return [], f"occlusion is {occlusion:g}, not 0 (none), 1 (partial) or 2 (heavy)"
    if row[9] not in (0, 1):
        return [], f"ignore is {row[9]:g}, not 0 or 1"
    if image_size_hw is not None:
        low = _FIRST_PIXEL - _EDGE_TOLERANCE_PX
        high_y, high_x = (side + _FIRST_PIXEL + _EDGE_TOLERANCE_PX for side in image_size_hw)
        if x < low or y < low or x + width > high_x or y + height > high_y:
            size = f"{image_size_hw[1]}x{image_size_hw[0]}"
            return [], f"the box {' '.join(fields[:4])} (x y w h) leaves its image of {size}"
    return row, ""


def _parse_table(lines: Sequence[tuple[int, str]]) -> tuple[Float[np.ndarray, "n 6"], list[str]]:
    """Six numbers a line, or what is wrong with which lines."""
    num_columns = len(_DETECTION_COLUMNS.split(","))
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
                f"line {number}: {line!r} has a field that is no number"
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
        end_y, end_x = (side + _FIRST_PIXEL for side in image_size_hw)
        is_beyond = (x >= end_x) | (y >= end_y)
        is_beyond |= (x + width <= _FIRST_PIXEL) | (y + height <= _FIRST_PIXEL)
        rules.append((is_beyond, lambda row: f"the box lies outside its image of {size}"))
    faults: dict[int, str] = {}
    for is_bad, describe in rules:
        for row in np.flatnonzero(is_bad).tolist():
            faults.setdefault(row, describe(row))
    return sorted(faults.items())
