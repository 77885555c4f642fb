"""Which annotation belongs to which pair, by the names of files and of the folders before them.

What belongs to a pair has its name, or that of its visible or thermal file. Folders may stand
before it as they stand before the image, some of them, or none: `labels/train/a.txt` and
`labels/a.txt` are both of `visible/train/a.jpg`. Where both images of a pair have annotations,
those of the visible one are read: boxes of records are in its pixels.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from data_builders.checks.annotations import RawPair
from data_builders.rgbt_folder.annotation_files import AnnotationPlace, Pairs, Parts
from mdjax.io.findings import Findings, Problem, name_first
from mdjax.io.folder_tree import CONTAINER_FOLDERS, find_camera
from mdjax.io.image_files import IMAGE_SUFFIXES, compose_name
from mdjax.types import format_count

PairKey = tuple[str, str]
"""Split and name."""

_T = TypeVar("_T")

# Label Studio puts eight hexadecimal digits before the names of images that are uploaded.
_UPLOADED_NAME = re.compile(r"[0-9a-f]{8}-(?P<name>.+)")


class NameIndex(Generic[_T]):
    """Finds what belongs to a pair among many things with names."""

    def __init__(self, raw_dir: Path, items: Iterable[tuple[Parts, _T]]):
        """Take the data set's folder, and things with their folders and names."""
        self._raw_dir = raw_dir
        self._by_name: dict[str, list[tuple[Parts, _T]]] = {}
        self._by_original_name: dict[str, list[tuple[Parts, _T]]] = {}
        for parts, item in items:
            self._by_name.setdefault(parts[-1], []).append((parts, item))
            *folders, name = parts
            if match := _UPLOADED_NAME.fullmatch(name):
                original = match["name"]
                things = self._by_original_name.setdefault(original, [])
                things.append(((*folders, original), item))

    def find(self, split: str, pair: RawPair) -> list[_T]:
        """What belongs to a pair; several things where their folders do not tell which.

        What has the pair's name counts before what Label Studio has put a prefix to.
        """
        for by_name in (self._by_name, self._by_original_name):
            for wanted in _list_names(pair):
                scored = self._score(by_name, wanted, split, pair)
                best = max((score for score, _ in scored), default=())
                if scored:
                    return [item for score, item in scored if score == best]
        return []

    def find_all(self, split: str, pair: RawPair) -> list[_T]:
        """What may belong to a pair, by any of its names and in any folder that fits."""
        return [
            item
            for by_name in (self._by_name, self._by_original_name)
            for wanted in _list_names(pair)
            for _, item in self._score(by_name, wanted, split, pair)
        ]

    def _score(
        self,
        by_name: Mapping[str, Sequence[tuple[Parts, _T]]],
        wanted: Parts,
        split: str,
        pair: RawPair,
    ) -> list[tuple[tuple[int, ...], _T]]:
        """What may belong to a pair by one of its names, and how well its folders fit."""
        visible, *thermal = ((*self._list_folders(path), wanted[-1]) for path in _list_images(pair))
        # In the order in which they count: the names of the split's folder and of the images'.
        # `visible/labels/train/a.txt` is of `visible/images/train/a.jpg`.
        places: list[Parts] = [(split, *wanted), _keep_telling(visible)]
        places += [visible, _leave_out_containers(visible)]
        num_of_visible = len(places)
        places += [place for x in thermal for place in (x, _leave_out_containers(x))]
        scored: list[tuple[tuple[int, ...], _T]] = []
        for parts, item in by_name.get(wanted[-1], []):
            shared = tuple(_count_shared(parts, place) for place in places)
            if len(parts) in shared or _count_shared(parts, wanted) == len(wanted):
                score = (max(shared[:num_of_visible]), *shared[num_of_visible:])
                scored.append((score, item))
        return scored

    def _list_folders(self, path: Path) -> Parts:
        is_inside = path.is_relative_to(self._raw_dir)
        parts = path.relative_to(self._raw_dir).parts if is_inside else path.parts
        return tuple(map(compose_name, parts[:-1]))


def _leave_out_containers(parts: Parts) -> Parts:
    *folders, name = parts
    return (*(x for x in folders if x.lower() not in CONTAINER_FOLDERS), name)


def _keep_telling(parts: Parts) -> Parts:
    """Leave out folders of cameras and of images: annotations lie in others, or in none."""
    *folders, name = _leave_out_containers(parts)
    return (*(x for x in folders if find_camera(x) is None), name)


def _list_names(pair: RawPair) -> list[Parts]:
    """What the annotation of a pair may be called; the first that is there counts."""
    *folders, name = pair.name.split("/")
    stems = [name, *(compose_name(path.stem) for path in _list_images(pair))]
    names: list[Parts] = [(*folders, stem) for stem in stems]
    return list(dict.fromkeys([*names, ("_".join((*folders, name)),)]))


def _count_shared(first: Parts, second: Parts) -> int:
    """How many of the last parts are equal."""
    count = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        count += 1
    return count


class MatchedAnnotations(NamedTuple):
    """The annotation files of pairs."""

    files: dict[PairKey, Path]
    missing: list[PairKey]
    """Pairs that have none."""
    strays: list[Path]
    """Files that no image has by name."""


def match_annotations(
    raw_dir: Path, place: AnnotationPlace, pairs: Pairs, findings: Findings
) -> MatchedAnnotations:
    """Find the annotation file of each pair.

    Several files of one pair that differ, and one file of several pairs, go to the findings; so do
    files that are not read because their pair has another.
    """
    index = NameIndex(raw_dir, ((parts, path) for path, parts in place.files.items()))
    files: dict[PairKey, Path] = {}
    missing: list[PairKey] = []
    names_of: dict[Path, dict[str, None]] = {}
    # Further files of pairs, and the one that may be read in their place.
    others_of: dict[Path, Path] = {}
    for split, part in pairs.items():
        for pair in part:
            found = index.find(split, pair)
            for path in found:
                names_of.setdefault(path, {})[pair.name] = None
            if len(found) > 1 and len({_read_words(path) for path in found}) > 1:
                text = (
                    f"{pair.name} ({_name_files(raw_dir, found)}): has several annotation files "
                    "that differ; keep one of them."
                )
                findings.problems.append(Problem(text, pair.name))
            elif found:
                files[split, pair.name] = found[0]
                more = (path for path in index.find_all(split, pair) if path != found[0])
                others_of.update(dict.fromkeys(more, found[0]))
            else:
                missing.append((split, pair.name))
    findings.problems += [
        Problem(
            f"{path.relative_to(raw_dir).as_posix()}: is by its name the annotation file of the "
            f"images {name_first([*names])}; sort annotations into folders like the "
            "images.",
            *names,
        )
        for path, names in names_of.items()
        if len(names) > 1
    ]
    unread = [path for path in place.files if path not in names_of]
    known = _list_image_names(pairs)
    annotated = {
        compose_name(stem)
        for pair in _list_pairs(pairs)
        for stem in (pair.name.rpartition("/")[2], *(path.stem for path in _list_images(pair)))
    }
    others = others_of.keys() - files.values()
    others |= {path for path in unread if compose_name(path.stem) in annotated}
    _tell_of_others(raw_dir, place, sorted(others), others_of, findings)
    return MatchedAnnotations(
        files, missing, [path for path in unread if compose_name(path.stem) not in known]
    )


def _tell_of_others(
    raw_dir: Path,
    place: AnnotationPlace,
    others: Sequence[Path],
    read: Mapping[Path, Path],
    findings: Findings,
) -> None:
    """Note files that hold what the file that is read holds, and warn of other ones.

    Args:
        raw_dir: Folder of the data set.
        place: Where the files are.
        others: Files that are not read, because others of their pairs are.
        read: These others, where it is known which.
        findings: Takes the note and the warning.
    """
    same: list[Path] = []
    differing: list[Path] = []
    for path in others:
        is_same = path in read and _read_words(path) == _read_words(read[path])
        (same if is_same else differing).append(path)
    reason = "because other files of the same pairs are, those of visible images first"
    for paths, lines, held in (
        (same, findings.notes, "the same as these"),
        (differing, findings.warnings, "something else"),
    ):
        if paths:
            lines.append(
                f"{place.name}: {format_count(len(paths), 'file')} not read, {reason}; they hold "
                f"{held} ({_name_files(raw_dir, paths)})."
            )


def _read_words(path: Path) -> bytes | None:
    """A hash of what a file says, whatever its line ends are; None where it cannot be read."""
    try:
        return hashlib.blake2b(b" ".join(path.read_bytes().split()), digest_size=16).digest()
    except OSError:  # Reported where it is read.
        return None


def _name_files(raw_dir: Path, paths: Sequence[Path]) -> str:
    return name_first([path.relative_to(raw_dir).as_posix() for path in paths])


def _list_pairs(pairs: Pairs) -> list[RawPair]:
    return [pair for part in pairs.values() for pair in part]


def _list_images(pair: RawPair) -> list[Path]:
    return [path for path in (pair.visible, pair.thermal) if path is not None]


def _list_image_names(pairs: Pairs) -> set[str]:
    """Names of all images that lie beside those of the pairs, also of those in no split."""
    folders = {path.parent for pair in _list_pairs(pairs) for path in _list_images(pair)}
    return {
        compose_name(path.stem)
        for folder in folders
        for path in folder.iterdir()
        if path.suffix.lower() in IMAGE_SUFFIXES
    } | {pair.name.rpartition("/")[2] for pair in _list_pairs(pairs)}
