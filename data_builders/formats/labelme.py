"""labelme's JSON files of shapes, one for each image.

    {"shapes": [{"label": "person", "shape_type": "rectangle", "points": [[4, 3], [12, 9]]}],
     "imagePath": "a.jpg", "imageHeight": 512, "imageWidth": 640}

Points are in pixels and count from 0. Each shape becomes the box around it: a rectangle has two
opposite corners in any order, or all four; a circle its centre and a point on it; a mask its first
and its last pixel. Points and lines enclose nothing, and are refused.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_builders.checks.annotations import AnnotatedObject, BoxXyxy, Role
from mdjax.io.findings import Findings
from mdjax.types import MdjaxError

# The entry is among the first of a file; the image itself, in text, may follow it.
_NUM_BYTES_READ = 65_536
_KEY = re.compile(rb'"shapes"\s*:')
# Fewest points of each kind of shape that has an area; of a polygon without a kind too.
_MIN_POINTS = {"rectangle": 2, "circle": 2, "mask": 2, "polygon": 3, "rotation": 3}


class LabelmeFile(NamedTuple):
    """The annotations of one image."""

    stated_hw: tuple[int, int] | None
    """None where the file does not state it."""
    shapes: tuple["LabelmeShape", ...]


class LabelmeShape(NamedTuple):
    """One shape, as the box around it."""

    box_xyxy_px: BoxXyxy
    label: str
    where: str
    """File and number, for messages."""


def is_labelme_file(path: Path) -> bool:
    """Whether a JSON file begins as labelme's do; no if it cannot be read."""
    try:
        with path.open("rb") as file:
            return _KEY.search(file.read(_NUM_BYTES_READ)) is not None
    except OSError:
        return False


def read_labelme_json(text: str, name: str, findings: Findings) -> LabelmeFile:
    """Read one file; shapes without a label, or that enclose nothing, go to the findings.

    Args:
        text: Content of the file.
        name: Name of the file, for messages.
        findings: Takes what is wrong.

    Raises:
        MdjaxError: It is no JSON, or no file of labelme.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MdjaxError(
            f"{name}: is damaged, truncated or no JSON at all ({error}); save it again with "
            "labelme."
        ) from error
    entries = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise MdjaxError(f"{name}: has no list shapes, as labelme's files do; save it again.")
    shapes: list[LabelmeShape] = []
    for number, entry in enumerate(entries, start=1):
        try:
            shapes.append(_read_shape(entry, f"{name}, shape {number}"))
        except MdjaxError as error:
            findings.problems.append(str(error))
    return LabelmeFile(_read_size(content), tuple(shapes))


def list_labelme_labels(files: Iterable[LabelmeFile]) -> tuple[str, ...]:
    """All labels of shapes, in alphabetical order."""
    return tuple(sorted({shape.label for file in files for shape in file.shapes}))


def convert_labelme_shapes(
    file: LabelmeFile, class_ids: Mapping[str, int], findings: Findings
) -> tuple[AnnotatedObject, ...]:
    """Give each box its class; unknown classes go to the findings.

    Args:
        file: What the file holds.
        class_ids: Class ids by name.
        findings: Takes what is wrong.
    """
    objects: list[AnnotatedObject] = []
    for shape in file.shapes:
        if shape.label not in class_ids:
            findings.problems.append(
                f"{shape.where}: class {shape.label!r} is unknown; add it to classes.txt, which "
                f"has {', '.join(class_ids)}."
            )
            continue
        objects.append(
            AnnotatedObject(
                box_xyxy=shape.box_xyxy_px,
                label=shape.label,
                class_id=class_ids[shape.label],
                role=Role.POSITIVE,
                where=shape.where,
            )
        )
    return tuple(objects)


def _read_size(content: Mapping[str, Any]) -> tuple[int, int] | None:
    """Rows and columns; other tools that write such files leave them out, or write 0."""
    height, width = (_read_whole(content.get(key)) for key in ("imageHeight", "imageWidth"))
    return None if height is None or width is None else (height, width)


def _read_whole(value: Any) -> int | None:
    """None where it is no number of pixels."""
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and value >= 1 else None


def _read_shape(entry: Any, where: str) -> LabelmeShape:
    label = entry.get("label") if isinstance(entry, dict) else None
    if not isinstance(label, str) or not label.strip():
        raise MdjaxError(f"{where}: has no label; write its class, or remove the shape.")
    # Files of labelme's first versions hold polygons alone, and do not say so.
    kind = entry.get("shape_type") or "polygon"
    if not isinstance(kind, str) or kind not in _MIN_POINTS:
        raise MdjaxError(
            f"{where}: is of the type {kind!r}, which encloses nothing; draw a rectangle instead, "
            "or remove the shape."
        )
    points = _read_points(entry.get("points"))
    if points is None or len(points) < _MIN_POINTS[kind]:
        raise MdjaxError(
            f"{where}: a {kind} needs {_MIN_POINTS[kind]} points or more, of two finite numbers "
            "each; draw it again, or remove the shape."
        )
    return LabelmeShape(_make_box(kind, points), label.strip(), where)


def _read_points(entries: Any) -> list[tuple[float, float]] | None:
    """None where they are no list of points."""
    if not isinstance(entries, list):
        return None
    points: list[tuple[float, float]] = []
    for entry in entries:
        if not isinstance(entry, list) or len(entry) != 2 or not all(map(_is_finite, entry)):
            return None
        points.append((float(entry[0]), float(entry[1])))
    return points


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    try:
        return is_number and math.isfinite(value)
    except OverflowError:  # A whole number of hundreds of digits.
        return False


def _make_box(kind: str, points: Sequence[tuple[float, float]]) -> BoxXyxy:
    if kind == "circle":
        (x, y), edge = points[:2]
        radius = math.dist((x, y), edge)
        return (x - radius, y - radius, x + radius, y + radius)
    across, down = [x for x, _ in points], [y for _, y in points]
    # The last pixel of a mask belongs to it.
    last = 1.0 if kind == "mask" else 0.0
    return (min(across), min(down), max(across) + last, max(down) + last)
