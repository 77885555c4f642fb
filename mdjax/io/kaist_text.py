"""KAIST's annotations and image lists, read strictly.

Hwang et al., "Multispectral pedestrian detection", CVPR 2015, and those who score on it:

    % bbGt version=3                              an annotation file, one for each image
    person 492 215 20 51 1 0 0 0 0 0 0            label x y w h occlusion vx vy vw vh ignore angle

    set06/V000/I00019                             a list of images, one name per line

Pixels count from 1: the image's own area begins at 1. Scores compare the files as they stand, those
of detections too (`mdjax.io.kaist_detections`); `KaistAnnotation.to_boxes_xyxy_px` converts to
mdjax's arrays, which begin at 0.
"""

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from mdjax.io.text_lines import raise_problems, read_numbered_lines
from mdjax.types import MdjaxError

KAIST_IMAGE_SIZE_HW = (512, 640)
FIRST_PIXEL = 1.0
"""Where the first column and the first row begin."""

PERSON_LABEL = "person"
LABELS = (PERSON_LABEL, "people", "person?", "cyclist")

_HEADER = "% bbGt version=3"
_ANNOTATION_COLUMNS = "label x y w h occlusion vx vy vw vh ignore angle"
_ANNOTATION_REMEDY = f"Fix these lines; each has: {_ANNOTATION_COLUMNS}."
_NAME_PATTERN = re.compile(r"set(?P<set>0\d|1[01])/V\d{3}/I\d{5}")
_NIGHT_SETS = {*(3, 4, 5), *(9, 10, 11)}
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
        corner = self.boxes_xywh_px[:, :2] - FIRST_PIXEL
        return np.concatenate([corner, corner + self.boxes_xywh_px[:, 2:]], axis=1)


def read_image_list(path: Path) -> tuple[str, ...]:
    """Read the names of images, as `set06/V000/I00019`, in the order that detections count in.

    Raises:
        MdjaxError: The file cannot be read, is empty, or has lines that are no name or come twice.
    """
    lines = read_numbered_lines(path)
    problems: list[str] = []
    first_line_of: dict[str, int] = {}
    for number, name in lines:
        if not _NAME_PATTERN.fullmatch(name):
            problems.append(
                f"line {number}: {name!r} is no name such as set06/V000/I00019; the sets are 00-11"
            )
        elif name in first_line_of:
            problems.append(f"line {number}: {name} stands in line {first_line_of[name]} already")
        else:
            first_line_of[name] = number
    if not lines:
        problems.append("the list is empty")
    raise_problems(
        path,
        problems,
        "Give KAIST's list of images, one name per line. Detections refer to the list that they "
        "were made with: if they exist already, do not remove lines.",
    )
    return tuple(first_line_of)


def is_night_image(name: str) -> bool:
    """Whether an image of `read_image_list` was taken at night: sets 03-05 and 09-11."""
    match = _NAME_PATTERN.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no name of KAIST.")
    return int(match["set"]) in _NIGHT_SETS


def read_annotation(
    path: Path,
    *,
    image_size_hw: tuple[int, int] | None = None,
    labels: Sequence[str] = LABELS,
) -> KaistAnnotation:
    """Read one annotation file.

    Args:
        path: A file that begins with `% bbGt version=3`.
        image_size_hw: Rows and columns; boxes that leave the image by more than 8 px are then
            refused.
        labels: Known labels, by default those of test annotations; others are refused.

    Raises:
        MdjaxError: The file cannot be read, or has lines that are no annotation; all are named.
    """
    annotation, problems = _parse_annotation(path, image_size_hw, labels)
    raise_problems(path, problems, _ANNOTATION_REMEDY)
    return annotation


def read_annotations(
    folder: Path, names: Sequence[str], *, image_size_hw: tuple[int, int] | None = None
) -> list[KaistAnnotation]:
    """Read the annotation of every name: `set06_V000_I00019.txt` or `set06/V000/I00019.txt`.

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
    raise_problems(folder, problems, _ANNOTATION_REMEDY)
    return annotations


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
        low = FIRST_PIXEL - _EDGE_TOLERANCE_PX
        high_y, high_x = (side + FIRST_PIXEL + _EDGE_TOLERANCE_PX for side in image_size_hw)
        if x < low or y < low or x + width > high_x or y + height > high_y:
            size = f"{image_size_hw[1]}x{image_size_hw[0]}"
            return [], f"the box {' '.join(fields[:4])} (x y w h) leaves its image of {size}"
    return row, ""
