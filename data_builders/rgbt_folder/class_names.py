"""The class names of the user's own folder, from the file that states them."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from data_builders.formats.class_names import read_class_names, read_yaml_class_names
from data_builders.formats.labelmap import (
    BACKGROUND,
    LABELMAP_FILE,
    list_labelmap_names,
    read_labelmap,
)
from mdjax.io.findings import Findings
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError

CLASSES_FILE = "classes.txt"
FROM_ANNOTATIONS = "the annotations"
"""As a source of class names: they state them themselves."""

# A line each, as some tools write them beside YOLO's files.
_DARKNET_FILE = "obj.names"
_YAML_SUFFIXES = (".yaml", ".yml")


class StatedNames(NamedTuple):
    """Class names by id, and the file that states them."""

    names: tuple[str, ...]
    source: str


def read_yolo_names(
    raw_dir: Path, label_folders: Iterable[Path], findings: Findings
) -> StatedNames | None:
    """Read what class numbers of YOLO's files mean, from any file that tools write for it.

    These are `classes.txt`, `obj.names`, and a YAML file with an entry `names`, such as
    `data.yaml`: in the data set's folder, beside the labels that are read, or in a folder between.
    Those of other labels may have other numbers.

    Args:
        raw_dir: Folder of the data set.
        label_folders: Those of the labels that are read.
        findings: Takes what is wrong.

    Returns:
        None where they are missing, wrong, or differ between files, which is among the findings.
    """
    stated: list[StatedNames] = []
    problems: list[str] = []
    for path in _list_name_files(raw_dir, label_folders):
        source = path.relative_to(raw_dir).as_posix()
        try:
            if path.suffix.lower() in _YAML_SUFFIXES:
                names = read_yaml_class_names(read_text(path, source), source)
            else:
                names = read_class_names(path, source)
        except MdjaxError as error:
            problems.append(str(error))
            continue
        if names is not None:
            stated.append(StatedNames(names, source))
    problems += [
        f"{other.source}: names {', '.join(other.names)}, but {stated[0].source} "
        f"{', '.join(stated[0].names)}; keep the one that the labels were written with."
        for other in stated[1:]
        if other.names != stated[0].names
    ]
    if not stated and not problems:
        problems.append(
            f"{CLASSES_FILE}: file is missing; write one class name per line, or put the data.yaml "
            "of the labels here."
        )
    findings.problems += problems
    return None if problems else stated[0]


def _list_name_files(raw_dir: Path, label_folders: Iterable[Path]) -> list[Path]:
    """Files that may state the names, those of outer folders first; texts come before YAML."""
    folders = {raw_dir}
    for folder in label_folders:
        folders |= {x for x in (folder, *folder.parents) if x.is_relative_to(raw_dir)}
    texts: list[Path] = []
    yaml_files: list[Path] = []
    for folder in sorted(folders, key=lambda folder: (len(folder.parts), folder)):
        texts += [folder / name for name in (CLASSES_FILE, _DARKNET_FILE)]
        yaml_files += [x for x in sorted(folder.iterdir()) if x.suffix.lower() in _YAML_SUFFIXES]
    return [*(path for path in texts if path.is_file()), *yaml_files]


def read_voc_names(raw_dir: Path, used: tuple[str, ...], findings: Findings) -> StatedNames | None:
    """Read the class names of Pascal VOC's files: `classes.txt`, `labelmap.txt`, or those in use.

    Args:
        raw_dir: Folder of the data set.
        used: Names in the files.
        findings: Takes what is wrong, and notes where the names come from.

    Returns:
        None where they are missing or wrong, which is among the findings.
    """
    path = raw_dir / LABELMAP_FILE
    if (raw_dir / CLASSES_FILE).exists() or not path.exists():
        return _read_names(raw_dir, used, "in alphabetical order", findings)

    def read_objects() -> tuple[str, ...]:
        colours = read_labelmap(read_text(path, LABELMAP_FILE), LABELMAP_FILE, findings)
        names = list_labelmap_names(colours)
        return tuple(name for name in names if name.lower() != BACKGROUND)

    return _try_to_read(read_objects, LABELMAP_FILE, findings)


def read_labelme_names(
    raw_dir: Path, used: tuple[str, ...], findings: Findings
) -> StatedNames | None:
    """Read the class names of labelme's files, from `classes.txt` or the labels in use.

    For the arguments and what is returned see `read_voc_names`.
    """
    return _read_names(raw_dir, used, "in alphabetical order", findings)


def read_coco_names(
    raw_dir: Path, categories: tuple[str, ...], findings: Findings
) -> StatedNames | None:
    """Read the class names of COCO's files, from `classes.txt` or the categories.

    For the arguments and what is returned see `read_voc_names`.
    """
    return _read_names(raw_dir, categories, "in the order of their ids", findings)


def _read_names(
    raw_dir: Path, names: tuple[str, ...], order: str, findings: Findings
) -> StatedNames | None:
    path = raw_dir / CLASSES_FILE
    if path.exists():
        return _try_to_read(lambda: read_class_names(path, CLASSES_FILE), CLASSES_FILE, findings)
    if not names:
        findings.problems.append(
            f"{CLASSES_FILE}: file is missing, and the annotations name no class; write one class "
            "name per line."
        )
        return None
    findings.notes.append(f"class names from the annotations, {order}: {', '.join(names)}.")
    return StatedNames(names, FROM_ANNOTATIONS)


def _try_to_read(
    read: Callable[[], tuple[str, ...]], source: str, findings: Findings
) -> StatedNames | None:
    try:
        return StatedNames(read(), source)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return None
