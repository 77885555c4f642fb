"""Annotations of the user's own image pairs: they are found, and each pair gets its own."""

from pathlib import Path
from typing import NamedTuple

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.rgbt_folder.annotation_files import Kind, find_annotation_place
from data_builders.rgbt_folder.boxes import add_labelme_boxes, add_voc_boxes, add_yolo_boxes
from data_builders.rgbt_folder.coco_boxes import add_coco_boxes
from data_builders.rgbt_folder.masks import add_masks
from mdjax.io.findings import Findings
from mdjax.types import IGNORED_LABEL, MdjaxError

_ADD_BOXES = {
    Kind.YOLO: add_yolo_boxes,
    Kind.VOC: add_voc_boxes,
    Kind.COCO: add_coco_boxes,
    Kind.LABELME: add_labelme_boxes,
}


class FolderAnnotations(NamedTuple):
    """What a folder says about its pairs."""

    pairs: dict[str, list[RawPair]]
    """By split, annotated; as they were where what is wrong is among the findings."""
    class_names: ClassNames
    folders: frozenset[str]
    """Names of the folders that are read."""


def add_annotations(
    raw_dir: Path,
    pairs: dict[str, list[RawPair]],
    findings: Findings,
    *,
    ignored_label: int = IGNORED_LABEL,
) -> FolderAnnotations:
    """Find and read the annotations of all pairs; what is wrong goes to the findings.

    Args:
        raw_dir: Folder of the data set.
        pairs: Pairs by split, without annotations.
        findings: Takes what is wrong.
        ignored_label: Class id in masks that is not counted, besides 255.

    Raises:
        MdjaxError: `ignored_label` is no class id.
    """
    if not 0 <= ignored_label <= IGNORED_LABEL:
        raise MdjaxError(
            f"ignored_label = {ignored_label}: give a class id from 0 to {IGNORED_LABEL}."
        )
    # Without pairs, what is wrong with them is among the findings.
    place = find_annotation_place(raw_dir, pairs, findings) if pairs else None
    if place is None:
        return FolderAnnotations(pairs, ClassNames(), frozenset())
    parents = (*place.folders, *(path.parent for path in place.files))
    folders = frozenset(x.relative_to(raw_dir).parts[0] for x in parents if x != raw_dir)
    if place.kind is Kind.MASKS:
        pairs, names = add_masks(raw_dir, pairs, place, findings, ignored_label=ignored_label)
        return FolderAnnotations(pairs, ClassNames(labels=names), folders)
    if ignored_label != IGNORED_LABEL:
        findings.problems.append(
            f"ignored_label = {ignored_label}: is for masks, but {place.name} holds boxes; omit "
            "--ignored-label."
        )
    pairs, names = _ADD_BOXES[place.kind](raw_dir, pairs, place, findings)
    return FolderAnnotations(pairs, ClassNames(objects=names), folders)
