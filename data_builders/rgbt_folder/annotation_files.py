"""Where the annotations of the user's own pairs are: one kind of them, in one place.

The endings of the files tell the kind, so that the name of their folder says little.
"""

import enum
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from data_builders.checks.annotations import RawPair
from data_builders.formats.coco import is_coco_file
from data_builders.formats.labelme import is_labelme_file
from mdjax.io.findings import Findings, name_first
from mdjax.io.folder_tree import SPLIT_NAMES
from mdjax.io.image_files import compose_name
from mdjax.types import format_count

Pairs = Mapping[str, Sequence[RawPair]]
"""By split."""
Parts = tuple[str, ...]
"""Folders, and a name without ending."""


class Kind(enum.Enum):
    """Formats of annotations: what they are called, and the ending of their files."""

    YOLO = "YOLO", ".txt"
    VOC = "Pascal VOC", ".xml"
    COCO = "COCO", ".json"
    LABELME = "labelme", ".json"
    MASKS = "masks", ".png"

    @property
    def title(self) -> str:
        """What people call it."""
        return self.value[0]

    @property
    def suffix(self) -> str:
        """The ending of its files, in lower case."""
        return self.value[1]


_BOXES = (Kind.YOLO, Kind.VOC, Kind.COCO, Kind.LABELME)
# Names in lower case; and the kind of a folder that holds nothing that tells it.
_FOLDERS = {
    **dict.fromkeys(("labels", "label"), Kind.YOLO),
    **dict.fromkeys(("annotations", "annotation"), Kind.COCO),
    **dict.fromkeys(("masks", "mask", "segmentationclass", "gt"), Kind.MASKS),
}
_COCO_FILE = "annotations.json"
# As one tool writes them beside the images of each split.
_COCO_FILE_OF_SPLIT = "_annotations.coco.json"
_CVAT_FILE = "annotations.xml"
# Of annotations in formats that are not read.
_UNREAD_SUFFIXES = (".csv", ".json", ".jsonl", ".xml", ".mat", ".npy", ".npz", ".parquet", ".h5")
# Lists of class names, which are no annotations of images called so.
_OTHER_FILES = ("classes.txt", "labelmap.txt", "obj.names")
# Such as train, instances_train and instances_train2017.
_COCO_NAME = re.compile(r"(?:instances_)?(?P<split>[a-z]+)(?:_?\d+)?")


class AnnotationPlace(NamedTuple):
    """The annotations of a data set."""

    kind: Kind
    name: str
    """What a person calls the place: `labels/`."""
    files: dict[Path, Parts]
    """All its files of this kind, with their folders and names, but without the place's own."""
    folders: tuple[Path, ...]
    """Where they are."""


def find_annotation_place(
    raw_dir: Path, pairs: Pairs, findings: Findings
) -> AnnotationPlace | None:
    """Find the annotations of a data set.

    They are in one folder, in one of each split or sequence (`train/labels/`), or beside the
    images.

    Returns:
        None where there are none or several kinds, which is among the findings.
    """
    folders, coco_files = _find_folders(raw_dir)
    places: list[AnnotationPlace] = []
    for same in folders.values():
        place = _list_place(raw_dir, same, findings)
        if place is None:
            return None
        places.append(place)
    main = [path for path in sorted(raw_dir.iterdir()) if path.name.lower() == _COCO_FILE]
    places += [_make_coco_place(raw_dir, paths) for paths in (main, sorted(coco_files)) if paths]
    places = places or _find_beside_images(raw_dir, pairs)
    others = [path for path in sorted(raw_dir.iterdir()) if path.suffix.lower() == ".json"]
    if not places and (paths := [path for path in others if is_coco_file(path)]):
        places = [_make_coco_place(raw_dir, paths)]
    if len(places) == 1:
        return places[0]
    if places:
        held = " and ".join(place.name.rstrip("/") for place in places)
        findings.problems.append(
            f"has {held}, and a data set has one kind of annotations; keep one there, and move the "
            "other out of this folder."
        )
        return None
    findings.problems.append(
        "has no annotations; give one of labels/ (YOLO or labelme), annotations/ (Pascal VOC or "
        f"COCO), annotations.json (COCO) and masks/ (class ids){_describe_unread(raw_dir)}."
    )
    return None


def _make_coco_place(raw_dir: Path, paths: Sequence[Path]) -> AnnotationPlace:
    parts = {path: _get_parts(path, raw_dir) for path in paths}
    return AnnotationPlace(Kind.COCO, paths[0].name, parts, ())


def _describe_unread(raw_dir: Path) -> str:
    """Files that look like annotations in a data set without any."""
    if (raw_dir / _CVAT_FILE).is_file():
        return f" ({_CVAT_FILE} is in CVAT's own format, which is not read: export one of these)"
    found = sorted(
        path.relative_to(raw_dir).as_posix()
        for pattern in ("[!.]*", "[!.]*/[!.]*")
        for path in raw_dir.glob(pattern)
        if path.suffix.lower() in _UNREAD_SUFFIXES
    )
    if not found:
        return ""
    return f" (not read: {name_first(found)}; if the annotations are there, export one of these)"


def describe_other_files(place: AnnotationPlace) -> str:
    """What a place holds that has no file of its kind, such as `, but 3 files *.npy`."""
    endings = Counter(
        path.suffix.lower()
        for folder in place.folders
        for path in folder.rglob("[!.]*")
        if path.is_file() and path.name not in _OTHER_FILES and path.suffix
    )
    held = [f"{format_count(count, 'file')} *{end}" for end, count in endings.most_common(1)]
    return f", but {held[0]}" if held else ""


def find_coco_file(place: AnnotationPlace, split: str) -> Path | None:
    """Find the file of a split by its name or folder; or the only file, if it is of no split.

    Where several files are of the split, the one of `instances` counts: the others are of captions
    or keypoints.
    """
    named = [path for path, parts in place.files.items() if split in _find_splits(parts)]
    of_objects = [path for path in named if path.stem.lower().startswith("instances")]
    for paths in (named, of_objects):
        if len(paths) == 1:
            return paths[0]
    (first, parts), *more = place.files.items()
    return first if not more and not _find_splits(parts) else None


def _find_splits(parts: Parts) -> set[str]:
    """Splits that the name of a file, or of a folder that it is in, stands for."""
    words = {part.lower() for part in parts[:-1]}
    if match := _COCO_NAME.fullmatch(parts[-1].lower()):
        words.add(match["split"])
    return {split for split, known in SPLIT_NAMES.items() if words & set(known)}


def _find_folders(raw_dir: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Folders of annotations by name in lower case, and COCO's files of splits."""
    folders: dict[str, list[Path]] = {}
    coco_files: list[Path] = []
    seen: set[Path] = set()
    for root, names, files in os.walk(raw_dir, followlinks=True):
        folder = Path(root).resolve()
        if folder in seen:  # A link to a folder that it is in.
            names.clear()
            continue
        seen.add(folder)
        found = [name for name in sorted(names) if name.lower() in _FOLDERS]
        for name in found:
            folders.setdefault(name.lower(), []).append(Path(root, name))
        names[:] = sorted(x for x in names if x not in found and not x.startswith("."))
        coco_files += [Path(root, name) for name in files if name.lower() == _COCO_FILE_OF_SPLIT]
    return folders, coco_files


def _list_place(
    raw_dir: Path, folders: Sequence[Path], findings: Findings
) -> AnnotationPlace | None:
    """Folders of one name; None where they hold several kinds, which is among the findings."""
    name = folders[0].name
    default = _FOLDERS[name.lower()]
    # Texts may lie beside masks, and say what the colours mean.
    kinds = (Kind.MASKS,) if default is Kind.MASKS else tuple(Kind)
    files: dict[Kind, dict[Path, Parts]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            below = path.relative_to(folder).parts
            kind = _find_kind(path, kinds)
            # Some systems leave hidden companions of each file.
            if kind is None or path.name in _OTHER_FILES or any(x[0] == "." for x in below):
                continue
            parents = map(compose_name, folder.parent.relative_to(raw_dir).parts)
            files.setdefault(kind, {})[path] = (*parents, *_get_parts(path, folder))
    if len(files) > 1:
        held = " and ".join(
            f"{format_count(len(files[kind]), 'file')} *{kind.suffix} ({kind.title})"
            for kind in sorted(files, key=lambda kind: (kind.suffix, kind.title))
        )
        findings.problems.append(f"{name}/: holds {held}; keep one kind there.")
        return None
    kind = next(iter(files), default)
    return AnnotationPlace(kind, f"{name}/", files.get(kind, {}), tuple(folders))


def _find_beside_images(raw_dir: Path, pairs: Pairs) -> list[AnnotationPlace]:
    """Boxes in files beside the visible images, or else beside the thermal ones."""
    everything = [pair for part in pairs.values() for pair in part]
    visible = [pair.visible for pair in everything]
    thermal = [pair.thermal for pair in everything if pair.thermal is not None]
    for images in (visible, thermal):
        stems = {(path.parent, compose_name(path.stem)) for path in images}
        folders = sorted({path.parent for path in images})
        found: dict[Kind, dict[Path, Parts]] = {}
        for path in (path for folder in folders for path in sorted(folder.iterdir())):
            if (path.parent, compose_name(path.stem)) not in stems:
                continue
            kind = _find_kind(path, _BOXES)
            if kind is not None:
                found.setdefault(kind, {})[path] = _get_parts(path, raw_dir)
        if found:
            name = folders[0].relative_to(raw_dir).as_posix()
            return [
                AnnotationPlace(kind, f"{name}/*{kind.suffix}", files, tuple(folders))
                for kind, files in found.items()
            ]
    return []


def _find_kind(path: Path, kinds: Sequence[Kind]) -> Kind | None:
    """The kind of a file; None where it is of none of these."""
    of_suffix = [kind for kind in kinds if kind.suffix == path.suffix.lower()]
    if Kind.LABELME in of_suffix:  # The name does not tell it from COCO's.
        return Kind.LABELME if is_labelme_file(path) else Kind.COCO
    return next(iter(of_suffix), None)


def _get_parts(path: Path, folder: Path) -> Parts:
    parts = path.relative_to(folder).parts
    return (*map(compose_name, parts[:-1]), compose_name(path.stem))
