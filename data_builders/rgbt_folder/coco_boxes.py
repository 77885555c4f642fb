"""Boxes of the user's own pairs, from files of COCO: one for all images, or one for each split."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

from data_builders.checks.annotations import AnnotatedObject
from data_builders.formats.coco import (
    CocoContent,
    CocoImage,
    list_category_names,
    parse_coco_json,
    read_coco_images,
)
from data_builders.rgbt_folder.annotation_files import (
    AnnotationPlace,
    Pairs,
    Parts,
    find_coco_file,
)
from data_builders.rgbt_folder.annotation_names import NameIndex, PairKey
from data_builders.rgbt_folder.boxes import PairsWithBoxes, copy_pairs, number_names, put_boxes
from data_builders.rgbt_folder.class_names import FROM_ANNOTATIONS, read_coco_names
from mdjax.io.findings import Findings, Problem, name_first
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError, format_count

# Of fewer boxes, all may be corners by chance.
_MIN_BOXES = 10
# As sizes, corners of boxes in the right or lower half of an image end outside of it.
_MIN_OUTSIDE = 0.25


def add_coco_boxes(
    raw_dir: Path, pairs: Pairs, place: AnnotationPlace, findings: Findings
) -> PairsWithBoxes:
    """Give each pair the boxes that the file of its split, or the only file, has for it."""
    files = _find_coco_files(place, pairs, findings)
    contents: dict[Path, CocoContent] = {}
    for path in dict.fromkeys(files.values()):
        name = path.relative_to(raw_dir).as_posix()
        try:
            contents[path] = parse_coco_json(read_text(path, name), name, findings)
        except MdjaxError as error:
            findings.problems.append(str(error))
    if not contents:  # What is wrong with them is among the findings.
        return PairsWithBoxes(copy_pairs(pairs), ())
    categories = list_category_names([*contents.values()])
    stated = read_coco_names(raw_dir, categories, findings)
    if stated is None:
        return PairsWithBoxes(copy_pairs(pairs), ())
    boxes: dict[PairKey, tuple[AnnotatedObject, ...]] = {}
    sizes: dict[PairKey, tuple[int, int] | None] = {}
    everything: list[CocoImage] = []
    for path, content in contents.items():
        start = len(findings.problems)
        images = read_coco_images(content, number_names(stated.names), findings)
        everything += images.values()
        part = {split: pairs[split] for split in pairs if files.get(split) == path}
        matched = _match_coco_images(raw_dir, content.name, images, part, findings)
        names: dict[str, str] = {}
        for key, image_path in matched.items():
            image = images[image_path]
            boxes[key], sizes[key] = image.objects, image.stated_hw
            names[image_path] = key[1]
        findings.rename_pairs(names, start)
    if fault := _find_corners(everything):
        # Boxes that happen to lie inside their images would be no better.
        findings.problems.append(f"{place.name}: {fault}")
        return PairsWithBoxes(copy_pairs(pairs), ())
    used = {item.label for objects in boxes.values() for item in objects}
    if stated.source == FROM_ANNOTATIONS and (unused := [x for x in categories if x not in used]):
        findings.notes.append(
            f"no annotation uses {name_first(unused)}: list the classes to be kept in classes.txt."
        )
    return PairsWithBoxes(put_boxes(pairs, boxes, sizes), stated.names)


def _find_corners(images: Iterable[CocoImage]) -> str | None:
    """What is wrong where the boxes of a data set are left, top, right, bottom.

    As such all lie in their images, which no boxes do by chance; as COCO's own numbers many do not.
    """
    num_boxes = num_outside = 0
    for image in images:
        height, width = image.stated_hw or (math.inf, math.inf)
        for item in image.objects:
            left, top, right, bottom = item.box_xyxy
            # The file's third and fourth number.
            third, fourth = right - left, bottom - top
            if not (left < third <= width + 1 and top < fourth <= height + 1):
                return None
            num_boxes += 1
            num_outside += right > width + 1 or bottom > height + 1
    if num_boxes < _MIN_BOXES or num_outside < _MIN_OUTSIDE * num_boxes:
        return None
    return (
        f"the bboxes look like left, top, right, bottom, as which all {num_boxes} lie in their "
        f"images; as COCO's left, top, width, height {num_outside} do not. Subtract left from "
        "right, and top from bottom."
    )


def _find_coco_files(place: AnnotationPlace, pairs: Pairs, findings: Findings) -> dict[str, Path]:
    if not place.files:
        findings.problems.append(
            f"{place.name}: holds no file that ends in .json; put the annotations there."
        )
        return {}
    files: dict[str, Path] = {}
    for split in pairs:
        path = find_coco_file(place, split)
        if path is None:
            names = [path.name for path in place.files]
            findings.problems.append(
                f"{split}: none of the files {name_first(names)} is by its name or folder the COCO "
                f"file of this split; call it {split}.json, or give one file for all splits."
            )
        else:
            files[split] = path
    return files


def _match_coco_images(
    raw_dir: Path, name: str, images: Mapping[str, CocoImage], pairs: Pairs, findings: Findings
) -> dict[PairKey, str]:
    """The path of each pair's entry; pairs without one, or with several, go to the findings."""
    index = NameIndex(raw_dir, ((_split_path(path), path) for path in images))
    found: dict[PairKey, str] = {}
    used: set[str] = set()
    everything = [(split, pair) for split, part in pairs.items() for pair in part]
    if images and everything and not any(index.find(split, pair) for split, pair in everything):
        # The names are wrong, not every image of them.
        findings.problems.append(
            f"{name}: lists none of the {format_count(len(everything), 'image')} of "
            f"{', '.join(pairs)} ({everything[0][1].name}...), but {name_first([*images])}; make "
            "file_name equal to the names of the images."
        )
        return {}
    for split, pair in everything:
        paths = index.find(split, pair)
        used |= set(paths)
        if len(paths) == 1:
            found[split, pair.name] = paths[0]
            continue
        text = "the image is not listed; list it, without annotations if it shows no objects."
        if paths:
            shown = name_first(paths)
            text = f"{len(paths)} images have this name ({shown}); keep one."
        findings.problems.append(Problem(f"{name}, {pair.name}: {text}", pair.name))
    if unused := sorted(set(images) - used):
        file = name.rpartition("/")[2]
        findings.notes.append(
            f"{file}: {len(unused)} images are in no split, omitted ({unused[0]}...)."
        )
    return found


def _split_path(path: str) -> Parts:
    return tuple(path.split("/"))
