"""COCO's JSON files of boxes.

    {"images": [{"id", "file_name", "width", "height"}],
     "categories": [{"id", "name"}],
     "annotations": [{"image_id", "category_id", "bbox": [left, top, width, height], "iscrowd"}]}

Boxes are in pixels and count from 0. Where `bbox` is missing, the box around the polygons in
`segmentation` takes its place. Crowds, and annotations marked "ignore", are ignored.
"""

import json
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from data_builders.checks.annotations import AnnotatedObject, BoxXyxy, Role
from mdjax.io.findings import Findings, Problem
from mdjax.io.image_files import IMAGE_SUFFIXES, compose_name
from mdjax.types import MdjaxError, format_count

_KEYS = ("images", "annotations", "categories")
# What a value of the wrong kind, shape or size raises when it is taken apart.
_BAD_VALUES = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


class _BadValueError(ValueError):
    """A value that is not what it should be; its message is for people."""


class CocoImage(NamedTuple):
    """The annotations of one image."""

    stated_hw: tuple[int, int] | None
    """None where it is among the findings."""
    objects: tuple[AnnotatedObject, ...]


class CocoContent(NamedTuple):
    """A file that was parsed; its images and annotations are still unchecked."""

    name: str
    """Of the file, for messages."""
    entries: Sequence[Any]
    """Its images."""
    annotations: Sequence[Any]
    categories: Mapping[Any, str]
    """Names by id."""
    groups: frozenset[str]
    """Categories that other ones name as what they are a kind of."""


def is_coco_file(path: Path) -> bool:
    """Whether a JSON file holds what those of COCO hold; no if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return all(f'"{key}"'.encode() in data for key in _KEYS)


def parse_coco_json(text: str, name: str, findings: Findings) -> CocoContent:
    """Parse a file of annotations; categories of the same id go to the findings.

    Args:
        text: Content of the file.
        name: Name of the file, for messages.
        findings: Takes what is wrong.

    Raises:
        MdjaxError: The text is no such JSON.
    """
    remedy = "export it as COCO, with images, annotations and categories"
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MdjaxError(
            f"{name}: is not a COCO file, but damaged, truncated or no JSON at all ({error}); "
            f"{remedy}."
        ) from error
    if not isinstance(content, dict):
        raise MdjaxError(
            f"{name}: is not a COCO file of images and annotations, but holds "
            f"{_describe_other(content)}; {remedy}."
        )
    if missing := [key for key in _KEYS if not isinstance(content.get(key), list)]:
        raise MdjaxError(
            f"{name}: is not a COCO file: it has no list {' and no list '.join(missing)}; {remedy}."
        )
    entries, annotations, kinds = (content[key] for key in _KEYS)
    try:
        groups = frozenset(
            str(kind["supercategory"])
            for kind in kinds
            if kind.get("supercategory") not in (None, kind["name"])
        )
        categories = _read_categories(kinds, name, findings)
    except _BAD_VALUES as error:
        raise MdjaxError(
            f"{name}: is not a COCO file: each of its categories needs an id and a name; {remedy}."
        ) from error
    return CocoContent(name, entries, annotations, categories, groups)


def _describe_other(content: Any) -> str:
    """What a JSON file is that holds no object."""
    if not isinstance(content, list):
        return "a single value"
    first = content[0] if content else None
    if isinstance(first, dict) and "data" in first:
        return "a list of tasks, as Label Studio's own JSON does"
    return "a list, as files of detections do"


def list_category_names(contents: Sequence[CocoContent]) -> tuple[str, ...]:
    """Names of the categories of all files, each file's in the order of their ids.

    A group of categories that no annotation uses is none itself: some tools list it first.
    """
    used = {
        content.categories.get(_get_category_id(annotation))
        for content in contents
        for annotation in content.annotations
    }
    groups = {name for content in contents for name in content.groups}
    names: dict[str, None] = {}
    for content in contents:
        ids = list(content.categories)
        if all(isinstance(key, int) for key in ids):
            ids = sorted(ids)
        names |= dict.fromkeys(content.categories[key] for key in ids)
    return tuple(name for name in names if name in used or name not in groups)


def _get_category_id(annotation: Any) -> Any:
    """None where it has none that could be one."""
    category_id = annotation.get("category_id") if isinstance(annotation, dict) else None
    return category_id if isinstance(category_id, Hashable) else None


def read_coco_images(
    content: CocoContent, class_ids: Mapping[str, int], findings: Findings
) -> dict[str, CocoImage]:
    """Read the boxes of all images.

    Images without a whole number of pixels, duplicate ids, unknown images or categories and boxes
    that are not four numbers go to the findings. An annotation with polygons and without `bbox` has
    the box around them, which is noted. Problems concern the path of their image.

    Args:
        content: The parsed file.
        class_ids: Class ids by category name. Categories that no annotation uses may be missing.
        findings: Takes what is wrong.

    Returns:
        Images by file name, with the folders that the file states, without ending.
    """
    name, categories = content.name, content.categories
    images = _read_images(content.entries, name, findings)
    objects: dict[Any, list[AnnotatedObject]] = {key: [] for key in images}
    num_polygons = 0
    for number, annotation in enumerate(content.annotations):
        where = f"{name}, annotation {number}"
        try:
            key, item = _read_annotation(annotation, where, categories, class_ids)
            if key not in objects:
                raise MdjaxError(
                    f"{where}: image_id {key!r} is not among the images; correct it, or take "
                    "the annotation out."
                )
            stem = PurePosixPath(images[key].path).name
            objects[key].append(item._replace(where=f"{where} ({stem})"))
            num_polygons += not _has_bbox(annotation)
        except MdjaxError as error:
            image = images.get(_read_image_id(annotation))
            findings.problems.append(Problem(str(error), *([image.path] if image else [])))
    if num_polygons:
        findings.notes.append(
            f"{name}: {num_polygons} of {len(content.annotations)} annotations have no bbox; the "
            "boxes around their polygons are used."
        )
    return {
        image.path: CocoImage(image.size_hw, tuple(objects[key])) for key, image in images.items()
    }


class _Image(NamedTuple):
    path: str
    """File name with the folders before it, without ending."""
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
            path = PurePosixPath(compose_name(entry["file_name"].replace("\\", "/")))
            # What looks like an ending may belong to the name.
            path = path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path
            key = entry["id"]
            twin = images.get(key)
        except _BAD_VALUES as error:
            findings.problems.append(f"{where}: needs id and file_name ({_describe_error(error)}).")
            continue
        if twin is not None:
            findings.problems.append(
                f"{name}: the images {twin.path} and {path} have the same id {key!r}; give each "
                "its own."
            )
        with findings.of_pair(path.as_posix()):
            size_hw = _read_size(entry, f"{where} ({path.name})", findings)
        images[key] = _Image(path.as_posix(), size_hw)
    findings.problems += [
        f"{name}, {path}: {count} images have this name; keep one."
        for path, count in Counter(image.path for image in images.values()).items()
        if count > 1
    ]
    return images


def _read_size(entry: Mapping[str, Any], where: str, findings: Findings) -> tuple[int, int] | None:
    try:
        return _read_whole(entry, "height"), _read_whole(entry, "width")
    except _BAD_VALUES as error:
        findings.problems.append(
            f"{where}: needs width and height in whole pixels ({_describe_error(error)})."
        )
        return None


def _read_image_id(annotation: Any) -> Hashable:
    """The image that an annotation is of, whatever else is wrong with it."""
    image_id = annotation.get("image_id") if isinstance(annotation, dict) else None
    return image_id if isinstance(image_id, Hashable) else None


def _read_annotation(
    annotation: Any, where: str, categories: Mapping[Any, str], class_ids: Mapping[str, int]
) -> tuple[Any, AnnotatedObject]:
    try:
        image_id, category_id = annotation["image_id"], annotation["category_id"]
        hash((image_id, category_id))
        box = _read_box(annotation, where)
        flags = [_read_flag(annotation.get(key)) for key in ("iscrowd", "ignore")]
    except _BAD_VALUES as error:
        raise MdjaxError(
            f"{where}: needs image_id, category_id and a bbox of four numbers "
            f"({_describe_error(error)})."
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
        box_xyxy=box,
        label=label,
        class_id=class_ids[label],
        role=Role.IGNORED if any(flags) else Role.POSITIVE,
        where=where,
    )


def _read_box(annotation: Any, where: str) -> BoxXyxy:
    """The box, or where there is none the one around the polygons."""
    if _has_bbox(annotation):
        numbers = [_read_number(value, "bbox") for value in annotation["bbox"]]
        if len(numbers) != 4:
            raise _BadValueError(f"bbox has {format_count(len(numbers), 'number')}")
        left, top, width, height = numbers
        return (left, top, left + width, top + height)
    polygons = annotation.get("segmentation")
    if isinstance(polygons, dict):
        raise MdjaxError(
            f"{where}: has no bbox, and its segmentation is no polygon but runs of pixels (RLE); "
            "write [left, top, width, height] in pixels as its bbox."
        )
    if not polygons:
        raise MdjaxError(
            f"{where}: has neither bbox nor segmentation; write [left, top, width, height] in "
            "pixels as its bbox, or take the annotation out."
        )
    if not all(isinstance(polygon, list) and polygon for polygon in polygons):
        raise _BadValueError("segmentation is no list of polygons")
    across = [_read_number(value, "segmentation") for polygon in polygons for value in polygon[::2]]
    down = [_read_number(value, "segmentation") for polygon in polygons for value in polygon[1::2]]
    if len(across) != len(down):
        raise _BadValueError("a polygon has an odd count of numbers")
    return (min(across), min(down), max(across), max(down))


def _has_bbox(annotation: Mapping[str, Any]) -> bool:
    """Some tools write an empty one instead of none."""
    return annotation.get("bbox") not in (None, [])


def _describe_error(error: Exception) -> str:
    """What is wrong with a value, in no language but ours."""
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]}"
    return str(error) if isinstance(error, _BadValueError) else "one of them is of another kind"


def _read_number(value: Any, field: str) -> float:
    if isinstance(value, str):
        raise _BadValueError(f"{field} holds the text {value!r}; write numbers without quotes")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadValueError(f"{field} holds {value!r}, which is not a number")
    return float(value)


def _read_whole(entry: Mapping[str, Any], field: str) -> int:
    value = entry[field]
    number = _read_number(value, field)
    if not number.is_integer() or number < 1:
        raise _BadValueError(f"{value!r} is not a number of pixels")
    return int(number)


def _read_flag(value: Any) -> bool:
    if value not in (None, 0, 1):
        raise _BadValueError(f"{value!r} is neither 0 nor 1")
    return bool(value)
