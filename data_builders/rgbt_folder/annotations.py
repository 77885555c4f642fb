"""Annotations of the user's own image pairs: which kind a folder has, and whose they are."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from data_builders.checks.annotations import RawPair
from data_builders.checks.dataset import ClassNames
from data_builders.formats.class_names import read_class_names
from data_builders.formats.coco import CocoImage, read_coco_json
from data_builders.formats.yolo import YoloClasses, read_yolo_folder
from mdjax.io.findings import Findings
from mdjax.io.image_files import find_annotations
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError

ANNOTATION_NAMES = ("labels", "annotations.json", "annotations", "masks")
"""Files and folders of annotations; a data set has one of them."""


class FolderAnnotations(NamedTuple):
    """What a folder says about its pairs."""

    pairs: dict[str, list[RawPair]]
    """By split, annotated; as they were where what is wrong is among the findings."""
    class_names: ClassNames
    folders: frozenset[str]
    """Names of the folders that are read."""


def add_annotations(
    raw_dir: Path, pairs: dict[str, list[RawPair]], findings: Findings
) -> FolderAnnotations:
    """Find and read the annotations of all pairs; what is wrong goes to the findings.

    Args:
        raw_dir: Folder of the data set.
        pairs: Pairs by split, without annotations.
        findings: Takes what is wrong.
    """
    try:
        names = read_class_names(raw_dir / "classes.txt", "classes.txt")
    except MdjaxError as error:
        findings.problems.append(str(error))
        names = ()
    class_names = ClassNames(objects=names)
    kinds = [kind for kind in ANNOTATION_NAMES if (raw_dir / kind).exists()]
    if len(kinds) != 1:
        findings.problems.append(
            f"has {' and '.join(kinds) or 'no annotations'}; give one of labels/ (YOLO), "
            "annotations.json or annotations/ (COCO) and masks/ (class ids)."
        )
    elif fault := _find_other_structure(raw_dir / kinds[0], pairs):
        findings.problems.append(fault)
    elif not names:  # Every annotation would be reported for what is wrong with classes.txt.
        pass
    elif kinds == ["masks"]:
        class_names = ClassNames(labels=names)
        pairs = _add_masks(raw_dir, pairs, findings)
    elif kinds == ["labels"]:
        pairs = _add_yolo_boxes(raw_dir, pairs, names, findings)
    else:
        pairs = _add_coco_boxes(raw_dir, pairs, names, findings)
    folders = frozenset(kind for kind in kinds if (raw_dir / kind).is_dir())
    return FolderAnnotations(pairs, class_names, folders)


def _find_other_structure(annotations: Path, pairs: Mapping[str, Sequence[RawPair]]) -> str | None:
    """What is wrong where annotations are of another format, or images alone lie in split folders.

    One line instead of one for each annotation that is then not found.
    """
    if not annotations.is_dir() or not pairs:
        return None
    if any(annotations.rglob("*.xml")) and not any(annotations.glob("*.json")):
        return (
            f"{annotations.name}/: holds XML files (VOC), which are not read; write the boxes as "
            "YOLO's into labels/, or as COCO's into annotations.json, and remove this folder."
        )
    if annotations.name == "annotations":
        return None
    suffix = ".png" if annotations.name == "masks" else ".txt"
    are_images_sorted = any((annotations.parent / "visible" / split).is_dir() for split in pairs)
    flat, deep = (
        sum(path.suffix.lower() == suffix for path in annotations.glob(pattern))
        for pattern in ("*", "*/*")
    )
    if are_images_sorted and flat and not deep:
        return (
            f"{annotations.name}/: its {flat} files are in one folder, but the images in folders "
            f"of splits; move them into {annotations.name}/train/ and so on, like the images."
        )
    if not are_images_sorted and deep and not flat:
        return (
            f"{annotations.name}/: its {deep} files are in folders, but the images in one folder; "
            f"move them into {annotations.name}/ itself."
        )
    return None


def _get_subfolder(raw_dir: Path, pair: RawPair) -> PurePath:
    """`train` where images lie in folders of splits, else `.`."""
    return pair.visible.parent.relative_to(raw_dir / "visible")


def _group_names(
    raw_dir: Path, pairs: Mapping[str, Sequence[RawPair]]
) -> dict[PurePath, list[str]]:
    """Names of pairs by subfolder; a subfolder's annotations are looked for once."""
    groups: dict[PurePath, dict[str, None]] = {}
    for part in pairs.values():
        for pair in part:
            groups.setdefault(_get_subfolder(raw_dir, pair), {})[pair.name] = None
    return {subfolder: list(names) for subfolder, names in groups.items()}


def _add_masks(
    raw_dir: Path, pairs: Mapping[str, Sequence[RawPair]], findings: Findings
) -> dict[str, list[RawPair]]:
    remedy = "each image needs one"
    masks = {
        subfolder: find_annotations(raw_dir / "masks" / subfolder, names, ".png", remedy, findings)
        for subfolder, names in _group_names(raw_dir, pairs).items()
    }
    return {
        split: [
            dataclasses.replace(pair, labels=masks[_get_subfolder(raw_dir, pair)].get(pair.name))
            for pair in part
        ]
        for split, part in pairs.items()
    }


def _add_yolo_boxes(
    raw_dir: Path,
    pairs: Mapping[str, Sequence[RawPair]],
    class_names: tuple[str, ...],
    findings: Findings,
) -> dict[str, list[RawPair]]:
    class_ids = {name: class_id for class_id, name in enumerate(class_names)}
    classes = YoloClasses(class_names, class_ids)
    boxes = {
        subfolder: read_yolo_folder(
            raw_dir / "labels" / subfolder, names, raw_dir, classes, findings
        )
        for subfolder, names in _group_names(raw_dir, pairs).items()
    }
    return {
        split: [
            dataclasses.replace(
                pair,
                objects=boxes[_get_subfolder(raw_dir, pair)].get(pair.name, ()),
                has_relative_boxes=True,
            )
            for pair in part
        ]
        for split, part in pairs.items()
    }


def _add_coco_boxes(
    raw_dir: Path,
    pairs: dict[str, list[RawPair]],
    names: tuple[str, ...],
    findings: Findings,
) -> dict[str, list[RawPair]]:
    class_ids = {name: class_id for class_id, name in enumerate(names)}
    files = {split: raw_dir / "annotations" / f"{split}.json" for split in pairs}
    if not (raw_dir / "annotations").exists():
        files = dict.fromkeys(pairs, raw_dir / "annotations.json")
    images: dict[Path, dict[str, CocoImage]] = {}
    for path in dict.fromkeys(files.values()):
        place = path.relative_to(raw_dir).as_posix()
        try:
            images[path] = read_coco_json(read_text(path, place), place, class_ids, findings)
        except MdjaxError as error:
            findings.problems.append(str(error))
    used = {pair.name for part in pairs.values() for pair in part}
    for path, content in images.items():
        if unused := sorted(set(content) - used):
            findings.notes.append(
                f"{path.name}: {len(unused)} images are in no split, omitted ({unused[0]}...)."
            )
    annotated: dict[str, list[RawPair]] = {}
    for split, path in files.items():
        content = images.get(path)
        if content is not None:
            annotated[split] = [
                _add_coco_image(pair, content, path.name, findings) for pair in pairs[split]
            ]
    return pairs | annotated


def _add_coco_image(
    pair: RawPair, images: dict[str, CocoImage], place: str, findings: Findings
) -> RawPair:
    image = images.get(pair.name)
    if image is None:
        findings.problems.append(
            f"{place}, {pair.name}: the image is not listed; list it, without annotations if it "
            "shows no objects."
        )
        return pair
    return dataclasses.replace(pair, objects=image.objects, stated_hw=image.stated_hw)
