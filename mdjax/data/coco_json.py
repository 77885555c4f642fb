"""COCO's JSON files of boxes.

    {"images": [{"id", "file_name", "width", "height"}],
     "categories": [{"id", "name"}],
     "annotations": [{"image_id", "category_id", "bbox": [left, top, width, height], "iscrowd"}]}

Boxes are in pixels and count from 0. Crowds, and annotations marked "ignore", are ignored.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, NamedTuple

from mdjax.data.annotations import AnnotatedObject, Findings, Role
from mdjax.types import MdjaxError


class CocoImage(NamedTuple):
    """What a file says of one image."""

    stated_hw: tuple[int, int]
    objects: tuple[AnnotatedObject, ...]


def read_coco_json(
    text: str, name: str, class_ids: Mapping[str, int], findings: Findings
) -> dict[str, CocoImage]:
    """Read a file of annotations.

    An unknown image or category, a box that is not four numbers and two images of one name go to
    the findings.

    Args:
        text: the file's content.
        name: the file, for messages.
        class_ids: class ids by category name. Categories that no annotation uses may be missing.
        findings: gets what is wrong.

    Returns:
        Images by file name, without folder and ending.

    Raises:
        MdjaxError: no such JSON.
    """
    try:
        content = json.loads(text)
        images = {image["id"]: image for image in content["images"]}
        sizes = {key: (int(x["height"]), int(x["width"])) for key, x in images.items()}
        names = {key: PurePath(image["file_name"]).stem for key, image in images.items()}
        categories = {x["id"]: str(x["name"]) for x in content["categories"]}
        annotations = list(content["annotations"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MdjaxError(
            f"{name}: is no COCO file of images, categories and annotations "
            f"({type(error).__name__}: {error})."
        ) from error
    findings.problems += [
        f"{name}: lists {count} images of the name {stem}."
        for stem, count in Counter([*names.values()]).items()
        if count > 1
    ]
    if len(images) < len(content["images"]):
        findings.problems.append(f"{name}: some images have the same id.")
    objects: dict[Any, list[AnnotatedObject]] = {key: [] for key in images}
    for number, annotation in enumerate(annotations):
        where = f"{name}, annotation {number}"
        try:
            key, item = _read_annotation(annotation, where, categories, class_ids)
            if key not in objects:
                raise MdjaxError(f"{where}: image_id {key!r} is not among the images.")
            objects[key].append(item._replace(where=f"{where} ({names[key]})"))
        except MdjaxError as error:
            findings.problems.append(str(error))
    return {names[key]: CocoImage(sizes[key], tuple(objects[key])) for key in images}


def _read_annotation(
    annotation: Any, where: str, categories: Mapping[Any, str], class_ids: Mapping[str, int]
) -> tuple[Any, AnnotatedObject]:
    try:
        image_id, category_id = annotation["image_id"], annotation["category_id"]
        hash((image_id, category_id))
        left, top, width, height = map(float, annotation["bbox"])
        is_ignored = bool(annotation.get("iscrowd") or annotation.get("ignore"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise MdjaxError(
            f"{where}: needs image_id, category_id and a bbox of four numbers "
            f"({type(error).__name__}: {error})."
        ) from error
    label = categories.get(category_id)
    if label is None:
        raise MdjaxError(f"{where}: category_id {category_id!r} is not among the categories.")
    if label not in class_ids:
        raise MdjaxError(
            f"{where}: category {label!r} is unknown, the file of class names has "
            f"{', '.join(class_ids)}."
        )
    return image_id, AnnotatedObject(
        box_xyxy=(left, top, left + width, top + height),
        label=label,
        class_id=class_ids[label],
        role=Role.IGNORED if is_ignored else Role.POSITIVE,
        where=where,
    )
