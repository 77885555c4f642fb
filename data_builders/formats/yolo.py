"""YOLO's text files: one box per line, in fractions of the image's size.

    class_number centre_x centre_y width height

Class numbers count from 0 and mean a line of the file of class names. An image without objects has
an empty file.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from data_builders.checks.annotations import AnnotatedObject, Role
from mdjax.io.findings import Findings
from mdjax.io.image_files import find_annotations
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError

# A box at the edge may stick out, and is clipped; a side of twice the image's is no longer at the
# edge, and pixels are nearly always more.
_MAX_SHARE = 2.0
_FIELDS = "class, centre x, centre y, width, height"


def read_yolo_folder(
    folder: Path,
    names: Iterable[str],
    root: Path,
    labels: Sequence[str],
    class_ids: Mapping[str, int],
    findings: Findings,
) -> dict[str, tuple[AnnotatedObject, ...]]:
    """Read the boxes of each image, see `read_yolo_text`; what is missing goes to the findings.

    Args:
        folder: Folder of the text files.
        names: Names of the images.
        root: Folder that names in messages are relative to.
        labels: What the class numbers of the files mean.
        class_ids: Class ids of the labels that are kept; boxes of others are dropped.
        findings: Takes what is wrong.

    Returns:
        Boxes by name of the image.
    """
    remedy = "an image without objects has an empty one"
    boxes: dict[str, tuple[AnnotatedObject, ...]] = {}
    for name, path in find_annotations(folder, names, ".txt", remedy, findings).items():
        place = path.relative_to(root).as_posix()
        try:
            boxes[name] = read_yolo_text(read_text(path, place), place, labels, class_ids, findings)
        except MdjaxError as error:
            findings.problems.append(str(error))
    return boxes


def read_yolo_text(
    text: str,
    name: str,
    labels: Sequence[str],
    class_ids: Mapping[str, int],
    findings: Findings,
) -> tuple[AnnotatedObject, ...]:
    """Read the boxes of one file; they stay fractions of the image's size.

    Lines that are not five numbers, are in pixels or have an unknown class go to the findings.

    Args:
        text: Content of the file.
        name: Name of the file, for messages.
        labels: What the class numbers of the files mean.
        class_ids: Class ids of the labels that are kept; boxes of others are dropped.
        findings: Takes what is wrong.
    """
    objects: list[AnnotatedObject] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            objects.append(_read_line(line, where, labels, class_ids))
        except MdjaxError as error:
            findings.problems.append(str(error))
    return tuple(objects)


def _read_line(
    line: str, where: str, labels: Sequence[str], class_ids: Mapping[str, int]
) -> AnnotatedObject:
    parts = line.split()
    if len(parts) != 5:
        raise MdjaxError(f"{where}: {_describe_wrong_count(parts)}")
    try:
        x, y, width, height = map(float, parts[1:])
    except ValueError:
        raise MdjaxError(
            f"{where}: needs five numbers ({_FIELDS}), is {line.strip()!r}; correct it."
        ) from None
    try:
        number = int(parts[0])
    except ValueError:
        raise MdjaxError(
            f"{where}: the class is {parts[0]!r}; write a whole number, such as 0."
        ) from None
    if any(_MAX_SHARE < value < math.inf for value in (x, y, width, height)):
        raise MdjaxError(
            f"{where}: centre and size are fractions of the image from 0 to 1, {line.strip()!r} "
            "looks like pixels; divide by the image's width and height."
        )
    if not 0 <= number < len(labels):
        raise MdjaxError(
            f"{where}: class {number} is unknown, classes.txt names 0..{len(labels) - 1}; add "
            "lines to it, or correct the number."
        )
    label = labels[number]
    return AnnotatedObject(
        box_xyxy=(x - width / 2, y - height / 2, x + width / 2, y + height / 2),
        label=label,
        class_id=class_ids.get(label, 0),
        role=Role.POSITIVE if label in class_ids else Role.DROPPED,
        where=where,
    )


def _describe_wrong_count(parts: Sequence[str]) -> str:
    """What a line of another number of fields may be, and what to do about it."""
    remedy = "correct it"
    if len(parts) == 6:
        remedy = "remove the sixth, which some tools write as the confidence"
    elif len(parts) > 6 and len(parts) % 2:
        remedy = f"if it is a polygon of {len(parts) // 2} corners, write the box around it"
    return (
        f"needs five numbers ({_FIELDS}), has {len(parts)} fields in {' '.join(parts)!r}; {remedy}."
    )


def read_class_names(path: Path, name: str) -> tuple[str, ...]:
    """Read a file with one class name per line; line 1 is class 0.

    Raises:
        MdjaxError: The file is missing, or has no names, an empty line between names, or a name
            twice.
    """
    if not path.exists():
        raise MdjaxError(f"{name}: file is missing; write one class name per line.")
    text = read_text(path, name)
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    if not names:
        raise MdjaxError(f"{name}: holds no class names; write one per line.")
    if "" in names:
        raise MdjaxError(
            f"{name}, line {names.index('') + 1}: is empty, but lines count; write a class name."
        )
    if twice := sorted({label for label in names if names.count(label) > 1}):
        raise MdjaxError(f"{name}: names {', '.join(twice)} more than once.")
    return names
