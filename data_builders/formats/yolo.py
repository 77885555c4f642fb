"""YOLO's text files: one box per line, in fractions of the image's size.

    class_number centre_x centre_y width height
    class_number x1 y1 x2 y2 x3 y3 ...            a polygon, which becomes the box around it

Class numbers count from 0 and mean an entry of the list of class names; they may be written as
`1.0` or `1.0e+00`. An image without objects has an empty file, or none.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from data_builders.checks.annotations import AnnotatedObject, BoxXyxy, Role
from mdjax.io.findings import Findings
from mdjax.io.image_files import find_annotations
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError, format_count

# A box at the edge may stick out, and is clipped; a side of twice the image's is no longer at the
# edge, and pixels are nearly always more.
_MAX_SHARE = 2.0
_FIELDS = "class, centre x, centre y, width, height"
# Characters of a line that a message shows.
_MAX_QUOTED = 60
# Three corners are the fewest: seven fields with the class.
_MIN_POLYGON_FIELDS = 7

_Key = TypeVar("_Key", bound=Hashable)


class YoloClasses(NamedTuple):
    """What class numbers mean."""

    labels: Sequence[str]
    """Names by class number of the files."""
    class_ids: Mapping[str, int]
    """Class ids of the labels that are kept; boxes of others are dropped."""
    source: str = "classes.txt"
    """The file that says so, for messages."""


class YoloText(NamedTuple):
    """What one file holds."""

    objects: tuple[AnnotatedObject, ...]
    """Boxes in fractions of the image's size."""
    num_polygons: int
    """How many of them were polygons."""


def read_yolo_folder(
    folder: Path, names: Iterable[str], root: Path, classes: YoloClasses, findings: Findings
) -> dict[str, tuple[AnnotatedObject, ...]]:
    """Read the boxes of each image, each of which needs a file; see `read_yolo_files`.

    Args:
        folder: Folder of the text files.
        names: Names of the images.
        root: Folder that names in messages are relative to.
        classes: What class numbers mean.
        findings: Takes what is wrong.

    Returns:
        Boxes by name of the image.
    """
    remedy = "an image without objects has an empty one"
    files = find_annotations(folder, names, ".txt", remedy, findings)
    return read_yolo_files(files, root, classes, findings, get_name=str)


def read_yolo_files(
    files: Mapping[_Key, Path],
    root: Path,
    classes: YoloClasses,
    findings: Findings,
    *,
    get_name: Callable[[_Key], str],
) -> dict[_Key, tuple[AnnotatedObject, ...]]:
    """Read files of boxes, see `read_yolo_text`; how many were polygons is noted.

    Args:
        files: By any key.
        root: Folder that names in messages are relative to.
        classes: What class numbers mean.
        findings: Takes what is wrong.
        get_name: Gets the name of the pair from a key.

    Returns:
        Boxes by the same key.
    """
    texts: dict[_Key, YoloText] = {}
    for key, path in files.items():
        place = path.relative_to(root).as_posix()
        with findings.of_pair(get_name(key)):
            try:
                texts[key] = read_yolo_text(read_text(path, place), place, classes, findings)
            except MdjaxError as error:
                findings.problems.append(str(error))
    if num_polygons := sum(text.num_polygons for text in texts.values()):
        first = next(files[key].name for key, text in texts.items() if text.num_polygons)
        findings.notes.append(
            f"{format_count(num_polygons, 'polygon')} in YOLO files: the box around each is used "
            f"({first}...)."
        )
    return {key: text.objects for key, text in texts.items()}


def read_yolo_text(text: str, name: str, classes: YoloClasses, findings: Findings) -> YoloText:
    """Read the boxes of one file; they stay fractions of the image's size.

    Lines that are neither a box nor a polygon, are in pixels or have an unknown class go to the
    findings.

    Args:
        text: Content of the file.
        name: Name of the file, for messages.
        classes: What class numbers mean.
        findings: Takes what is wrong.
    """
    objects: list[AnnotatedObject] = []
    num_polygons = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            objects.append(_read_line(line, where, classes))
            num_polygons += _is_polygon(line.split())
        except MdjaxError as error:
            findings.problems.append(str(error))
    return YoloText(tuple(objects), num_polygons)


def _is_polygon(parts: Sequence[str]) -> bool:
    return len(parts) >= _MIN_POLYGON_FIELDS and len(parts) % 2 == 1


def _read_line(line: str, where: str, classes: YoloClasses) -> AnnotatedObject:
    parts = line.split()
    if len(parts) != 5 and not _is_polygon(parts):
        raise MdjaxError(f"{where}: {_describe_wrong_count(parts)}")
    try:
        shares = [float(part) for part in parts[1:]]
    except ValueError:
        raise MdjaxError(
            f"{where}: needs five numbers ({_FIELDS}), is {_quote(line)}; correct it."
        ) from None
    number = _read_class_number(parts[0], where)
    if any(_MAX_SHARE < value < math.inf for value in shares):
        raise MdjaxError(
            f"{where}: centre and size are fractions of the image from 0 to 1, {_quote(line)} "
            "looks like pixels; divide by the image's width and height."
        )
    if not 0 <= number < len(classes.labels):
        last, remedy = len(classes.labels) - 1, "add lines to it"
        if classes.source != "classes.txt":
            remedy = "add names to it"
        raise MdjaxError(
            f"{where}: class {number} is unknown, {classes.source} names 0..{last}; {remedy}, or "
            "correct the number."
        )
    label = classes.labels[number]
    return AnnotatedObject(
        box_xyxy=_make_box(shares) if len(parts) == 5 else _make_box_around(shares, where),
        label=label,
        class_id=classes.class_ids.get(label, 0),
        role=Role.POSITIVE if label in classes.class_ids else Role.DROPPED,
        where=where,
    )


def _read_class_number(text: str, where: str) -> int:
    """A whole number, also as numerical libraries write one: `1.0`, `1.000e+00`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise MdjaxError(f"{where}: the class is {text!r}; write a whole number, such as 0.")
    return int(number)


def _make_box(shares: Sequence[float]) -> BoxXyxy:
    x, y, width, height = shares
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _make_box_around(corners: Sequence[float], where: str) -> BoxXyxy:
    if not all(map(math.isfinite, corners)):
        raise MdjaxError(
            f"{where}: a corner of its polygon is not a finite number; correct it, or remove the "
            "line."
        )
    across, down = corners[::2], corners[1::2]
    return (min(across), min(down), max(across), max(down))


def _quote(line: str) -> str:
    """The line, or the beginning of a long one."""
    text = line.strip()
    return repr(text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}...")


def _describe_wrong_count(parts: Sequence[str]) -> str:
    """What a line of another number of fields may be, and what to do about it."""
    line = _quote(" ".join(parts))
    if len(parts) == 6:
        return (
            f"has a sixth number in {line}: a confidence, as detectors write it into their "
            "results, which are no annotations; remove the sixth to use them anyway."
        )
    count = format_count(len(parts), "field")
    num_keypoints, rest = divmod(len(parts) - 5, 3)
    if num_keypoints > 1 and not rest:
        return (
            f"has {count} in {line}, which fits a box with {num_keypoints} keypoints of three "
            "numbers each, and these are not read; keep the first five fields, or export boxes "
            "alone."
        )
    return (
        f"needs five numbers ({_FIELDS}) or a polygon (class, and two numbers for each corner), "
        f"separated by spaces, has {count} in {line}; correct it."
    )
