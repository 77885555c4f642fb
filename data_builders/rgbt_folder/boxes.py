"""Boxes of the user's own pairs, from a file for each image: YOLO, Pascal VOC, labelme."""

import dataclasses
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from data_builders.checks.annotations import AnnotatedObject, RawPair
from data_builders.formats.labelme import (
    LabelmeFile,
    convert_labelme_shapes,
    list_labelme_labels,
    read_labelme_json,
)
from data_builders.formats.voc import (
    VocFile,
    convert_voc_objects,
    find_edges_from_0,
    list_voc_labels,
    read_voc_xml,
)
from data_builders.formats.yolo import YoloClasses, read_yolo_files
from data_builders.rgbt_folder.annotation_files import (
    AnnotationPlace,
    Pairs,
    describe_other_files,
)
from data_builders.rgbt_folder.annotation_names import (
    MatchedAnnotations,
    PairKey,
    match_annotations,
)
from data_builders.rgbt_folder.class_names import (
    read_labelme_names,
    read_voc_names,
    read_yolo_names,
)
from mdjax.io.findings import Findings, name_first
from mdjax.io.read_file import read_bytes, read_text
from mdjax.types import MdjaxError, format_count

_T = TypeVar("_T")


class PairsWithBoxes(NamedTuple):
    """What files of boxes say."""

    pairs: dict[str, list[RawPair]]
    class_names: tuple[str, ...]
    """By class id; empty where what is wrong with them is among the findings."""


def add_yolo_boxes(
    raw_dir: Path, pairs: Pairs, place: AnnotationPlace, findings: Findings
) -> PairsWithBoxes:
    """Give each pair the boxes of its text file; without a file it has none."""
    matched = match_annotations(raw_dir, place, pairs, findings)
    folders = {path.parent for path in matched.files.values()}
    stated = read_yolo_names(raw_dir, folders or place.folders, findings)
    # Without names, every line would be reported for that.
    if stated is None:
        return PairsWithBoxes(copy_pairs(pairs), ())
    _report_missing(place, pairs, matched, findings)
    classes = YoloClasses(stated.names, number_names(stated.names), stated.source)
    boxes = read_yolo_files(
        matched.files, raw_dir, classes, findings, get_name=operator.itemgetter(1)
    )
    annotated = put_boxes(pairs, boxes, has_relative_boxes=True)
    return PairsWithBoxes(annotated, stated.names)


def add_voc_boxes(
    raw_dir: Path, pairs: Pairs, place: AnnotationPlace, findings: Findings
) -> PairsWithBoxes:
    """Give each pair the boxes of its XML file; without a file it has none."""
    matched = match_annotations(raw_dir, place, pairs, findings)
    _report_missing(place, pairs, matched, findings)

    def read(path: Path, name: str) -> VocFile:
        return read_voc_xml(read_bytes(path, name), name, findings)

    files = _read_files(raw_dir, matched, read, findings)
    if not files:  # What is wrong with them is among the findings.
        return PairsWithBoxes(copy_pairs(pairs), ())
    stated = read_voc_names(raw_dir, list_voc_labels(files.values()), findings)
    if stated is None:
        return PairsWithBoxes(copy_pairs(pairs), ())
    odd = find_edges_from_0(files.values())
    counting = "pixels from 1, as Pascal VOC does: a box from 1 to 2 is two pixels wide"
    if odd is not None:
        counting = (
            f"edges from 0, as {odd.where} shows, which begins at 0 or has a fraction: a box from "
            "1 to 2 is one pixel wide"
        )
    findings.notes.append(f"{place.name}: its numbers are read as {counting}.")
    boxes: dict[PairKey, tuple[AnnotatedObject, ...]] = {}
    for key, file in files.items():
        with findings.of_pair(key[1]):
            boxes[key] = convert_voc_objects(
                file,
                number_names(stated.names),
                findings,
                counts_from_1=odd is None,
                source=stated.source,
            )
    sizes = {key: file.stated_hw for key, file in files.items()}
    return PairsWithBoxes(put_boxes(pairs, boxes, sizes), stated.names)


def add_labelme_boxes(
    raw_dir: Path, pairs: Pairs, place: AnnotationPlace, findings: Findings
) -> PairsWithBoxes:
    """Give each pair the boxes around the shapes of its JSON file; without a file it has none."""
    matched = match_annotations(raw_dir, place, pairs, findings)
    _report_missing(place, pairs, matched, findings)

    def read(path: Path, name: str) -> LabelmeFile:
        return read_labelme_json(read_text(path, name), name, findings)

    files = _read_files(raw_dir, matched, read, findings)
    if not files:  # What is wrong with them is among the findings.
        return PairsWithBoxes(copy_pairs(pairs), ())
    stated = read_labelme_names(raw_dir, list_labelme_labels(files.values()), findings)
    if stated is None:
        return PairsWithBoxes(copy_pairs(pairs), ())
    boxes: dict[PairKey, tuple[AnnotatedObject, ...]] = {}
    for key, file in files.items():
        with findings.of_pair(key[1]):
            boxes[key] = convert_labelme_shapes(file, number_names(stated.names), findings)
    sizes = {key: file.stated_hw for key, file in files.items()}
    return PairsWithBoxes(put_boxes(pairs, boxes, sizes), stated.names)


def _read_files(
    raw_dir: Path,
    matched: MatchedAnnotations,
    read: Callable[[Path, str], _T],
    findings: Findings,
) -> dict[PairKey, _T]:
    """Read the file of each pair; one that cannot be read is among the findings."""
    files: dict[PairKey, _T] = {}
    for key, path in matched.files.items():
        with findings.of_pair(key[1]):
            try:
                files[key] = read(path, path.relative_to(raw_dir).as_posix())
            except MdjaxError as error:
                findings.problems.append(str(error))
    return files


def _report_missing(
    place: AnnotationPlace, pairs: Pairs, matched: MatchedAnnotations, findings: Findings
) -> None:
    """An image without a file shows no objects; all images of a split without one are a fault."""
    suffix = place.kind.suffix
    if not place.files:
        findings.problems.append(
            f"{place.name}: holds no file that ends in {suffix}{describe_other_files(place)}; put "
            "the annotations there, under the names of the images."
        )
        return
    strays = [path.name for path in matched.strays]
    hint = f"; of no image are {name_first(strays)}" if strays else ""
    missing: dict[str, list[str]] = {}
    for split, name in matched.missing:
        missing.setdefault(split, []).append(name)
    for split, names in missing.items():
        if len(names) == len(pairs[split]):
            findings.problems.append(
                f"{split}: none of its {format_count(len(names), 'image')} has a file *{suffix} in "
                f"{place.name}{hint}; give annotations the names of their images, and an image "
                "without objects an empty file."
            )
    rest = [name for split, name in matched.missing if len(missing[split]) < len(pairs[split])]
    if rest:
        total = sum(map(len, pairs.values()))
        findings.notes.append(
            f"{len(rest)} of {total} images have no file *{suffix} in {place.name}, so they count "
            f"as images without objects ({name_first(rest)})."
        )
        if strays:
            findings.warnings.append(
                f"{place.name}: {format_count(len(strays), 'file')} without an image of the same "
                f"name ({name_first(strays)}), and {format_count(len(rest), 'image')} without a "
                f"file ({name_first(rest)}); give annotations the names of their images."
            )


def put_boxes(
    pairs: Pairs,
    boxes: Mapping[PairKey, tuple[AnnotatedObject, ...]],
    sizes: Mapping[PairKey, tuple[int, int] | None] | None = None,
    *,
    has_relative_boxes: bool = False,
) -> dict[str, list[RawPair]]:
    """Give each pair its boxes, and the size that is stated with them; see `RawPair`."""
    return {
        split: [
            dataclasses.replace(
                pair,
                objects=boxes.get((split, pair.name), ()),
                stated_hw=(sizes or {}).get((split, pair.name)),
                has_relative_boxes=has_relative_boxes,
            )
            for pair in part
        ]
        for split, part in pairs.items()
    }


def number_names(names: tuple[str, ...]) -> dict[str, int]:
    """Class ids by name."""
    return {name: class_id for class_id, name in enumerate(names)}


def copy_pairs(pairs: Pairs) -> dict[str, list[RawPair]]:
    """The pairs as they are, where what is wrong with their boxes is among the findings."""
    return {split: list(part) for split, part in pairs.items()}
