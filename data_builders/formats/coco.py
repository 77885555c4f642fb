"""COCO's JSON files of boxes.

    {"images": [{"id", "file_name", "width", "height"}],
     "categories": [{"id", "name"}],
     "annotations": [{"image_id", "category_id", "bbox": [left, top, width, height], "iscrowd"}]}

Boxes are in pixels and count from 0. Crowds, and annotations marked "ignore", are ignored.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from data_builders.checks.annotations import AnnotatedObject, Role
from mdjax.io.findings import Findings
from mdjax.io.image_files import compose_name
from mdjax.types import MdjaxError

# What a value of the wrong kind, shape or size raises when it is taken apart.
_BAD_VALUES = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class CocoImage(NamedTuple):
    """The annotations of one image."""

    stated_hw: tuple[int, int] | None
    """None where it is among the findings."""
    objects: tuple[AnnotatedObject, ...]


def read_coco_json(
    text: str, name: str, class_ids: Mapping[str, int], findings: Findings
) -> dict[str, CocoImage]:
    """Read a file of annotations.

    Images without a whole number of pixels, duplicate ids, unknown images or categories and boxes
    that are not four numbers go to the findings.

    Args:
        text: Content of the file.
        name: Name of the file, for messages.
        class_ids: Class ids by category name. Categories that no annotation uses may be missing.
        findings: Takes what is wrong.

    Returns:
        Images by file name, without folder and ending.

    Raises:
        MdjaxError: The text is no such JSON.
    """
    try:
        content = json.loads(text)
        entries, annotations = list(content["images"]), list(content["annotations"])
        categories = _read_categories(content["categories"], name, findings)
    except (*_BAD_VALUES, RecursionError) as error:
        raise MdjaxError(
            f"{name}: is not a COCO file of images, categories and annotations "
            f"({type(error).__name__}: {error})."
        ) from error
    images = _read_images(entries, name, findings)
    objects: dict[Any, list[AnnotatedObject]] = {key: [] for key in images}
    for number, annotation in enumerate(annotations):
        where = f"{name}, annotation {number}"
        try:
            key, item = _read_annotation(annotation, where, categories, class_ids)
            if key not in objects:
                raise MdjaxError(
                    f"{where}: image_id {key!r} is not among the images; correct it, or take "
                    "the annotation out."
                )
            objects[key].append(item._replace(where=f"{where} ({images[key].stem})"))
        except MdjaxError as error:
            findings.problems.append(str(error))
    return {
        image.stem: CocoImage(image.size_hw, tuple(objects[key])) for key, image in images.items()
    }


class _Image(NamedTuple):
    stem: str
    size_hw: tuple[int, int] | None


def _read_categories(entries: Any, name: str, findings: Findings) -> dict[Any, str]:
    names: dict[Any, list[str]] = {}
    for entry in entries:
        names.setdefault(entry["id"], []).append(str(entry["name"]))
    findings.problems += [
        f"{name}: the categories {', '.join(labels)} have the same id {key!r}; give each its own."
        for key, labels in names.items()
        if len(labels) > 1
    ]
    return {key: labels[0] for key, labels in names.items()}


def _read_images(entries: Sequence[Any], name: str, findings: Findings) -> dict[Any, _Image]:
    """Images by id."""
    images: dict[Any, _Image] = {}
    for number, entry in enumerate(entries):
        where = f"{name}, image {number}"
        try:
            # A file written under Windows may have its separators.
            key, stem = entry["id"], PurePosixPath(entry["file_name"].replace("\\", "/")).stem
            stem = compose_name(stem)
            twin = images.get(key)
        except _BAD_VALUES as error:
            findings.problems.append(
                f"{where}: needs id and file_name ({type(error).__name__}: {error})."
            )
            continue
        if twin is not None:
            findings.problems.append(
                f"{name}: the images {twin.stem} and {stem} have the same id {key!r}; give each "
                "its own."
            )
        images[key] = _Image(stem, _read_size(entry, f"{where} ({stem})", findings))
    findings.problems += [
        f"{name}, {stem}: {count} images have this name; keep one."
        for stem, count in Counter(image.stem for image in images.values()).items()
        if count > 1
    ]
    return images


def _read_size(entry: Mapping[str, Any], where: str, findings: Findings) -> tuple[int, int] | None:
    try:
        return _read_whole(entry["height"]), _read_whole(entry["width"])
    except _BAD_VALUES as error:
        findings.problems.append(
            f"{where}: needs width and height in whole pixels ({type(error).__name__}: {error})."
        )
        return None


def _read_annotation(
    annotation: Any, where: str, categories: Mapping[Any, str], class_ids: Mapping[str, int]
) -> tuple[Any, AnnotatedObject]:
    try:
        image_id, category_id = annotation["image_id"], annotation["category_id"]
        hash((image_id, category_id))
        if annotation.get("bbox") is None:
            raise MdjaxError(
                f"{where}: has no bbox; write [left, top, width, height] in pixels, around its "
                "segmentation where it has one."
            )
        left, top, width, height = map(_read_number, annotation["bbox"])
        flags = [_read_flag(annotation.get(key)) for key in ("iscrowd", "ignore")]
    except _BAD_VALUES as error:
        raise MdjaxError(
            f"{where}: needs image_id, category_id and a bbox of four numbers "
            f"({type(error).__name__}: {error})."
        ) from error
    label = categories.get(category_id)
    if label is None:
        raise MdjaxError(
            f"{where}: category_id {category_id!r} is not among the categories; correct it, or "
            "add the category."
        )
    if label not in class_ids:
        raise MdjaxError(
            f"{where}: category {label!r} is unknown; add it to classes.txt, which has "
            f"{', '.join(class_ids)}."
        )
    return image_id, AnnotatedObject(
        box_xyxy=(left, top, left + width, top + height),
        label=label,
        class_id=class_ids[label],
        role=Role.IGNORED if any(flags) else Role.POSITIVE,
        where=where,
    )


def _read_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _read_whole(value: Any) -> int:
    number = _read_number(value)
    if not number.is_integer() or number < 1:
        raise ValueError(f"{value!r} is not a number of pixels")
    return int(number)


def _read_flag(value: Any) -> bool:
    if value not in (None, 0, 1):
        raise ValueError(f"{value!r} is neither 0 nor 1")
    return bool(value)
