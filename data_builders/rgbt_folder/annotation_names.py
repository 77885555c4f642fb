"""Which annotation belongs to which pair, by the names of files and of the folders before them.

What belongs to a pair has its name, or that of its visible or thermal file. Folders may stand
before it as they stand before the image, some of them, or none: `labels/train/a.txt` and
`labels/a.txt` are both of `visible/train/a.jpg`.
"""

from collections.abc import Iterable, Sequence
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


class NameIndex(Generic[_T]):
    """Finds what belongs to a pair among many things with names."""

    def __init__(self, raw_dir: Path, items: Iterable[tuple[Parts, _T]]):
        """Take the data set's folder, and things with their folders and names."""
        self._raw_dir = raw_dir
        self._by_name: dict[str, list[tuple[Parts, _T]]] = {}
        for parts, item in items:
            self._by_name.setdefault(parts[-1], []).append((parts, item))

    def find(self, split: str, pair: RawPair) -> list[_T]:
        """What belongs to a pair; several things where their folders do not tell which."""
        for wanted in _list_names(pair):
            # In the order in which they count: the names of the split's folder and of the images'.
            of_images = [(*self._list_folders(path), wanted[-1]) for path in _list_images(pair)]
            places: list[Parts] = [(split, *wanted), _keep_telling(of_images[0]), *of_images]
            best: list[_T] = []
            best_score: tuple[int, ...] = ()
            for parts, item in self._by_name.get(wanted[-1], []):
                shared = tuple(_count_shared(parts, place) for place in places)
                is_of_pair = len(parts) in shared or _count_shared(parts, wanted) == len(wanted)
                score = (max(shared[:3]), *shared[3:])
                if not is_of_pair or score < best_score:
                    continue
                best = [*best, item] if score == best_score else [item]
                best_score = score
            if best:
                return best
        return []

    def _list_folders(self, path: Path) -> Parts:
        is_inside = path.is_relative_to(self._raw_dir)
        parts = path.relative_to(self._raw_dir).parts if is_inside else path.parts
        return tuple(map(compose_name, parts[:-1]))


def _keep_telling(parts: Parts) -> Parts:
    """Leave out folders of cameras and of images: annotations lie in others, or in none."""
    *folders, name = parts
    kept = [x for x in folders if find_camera(x) is None and x.lower() not in CONTAINER_FOLDERS]
    return (*kept, name)


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

    Several files of one pair, and one file of several pairs, go to the findings; so do files that
    are not read because their pair has another.
    """
    index = NameIndex(raw_dir, ((parts, path) for path, parts in place.files.items()))
    files: dict[PairKey, Path] = {}
    missing: list[PairKey] = []
    names_of: dict[Path, dict[str, None]] = {}
    for split, part in pairs.items():
        for pair in part:
            found = index.find(split, pair)
            for path in found:
                names_of.setdefault(path, {})[pair.name] = None
            if len(found) > 1:
                text = (
                    f"{pair.name}: has the annotation files {_name_files(raw_dir, found)}; keep "
                    "one of them."
                )
                findings.problems.append(Problem(text, pair.name))
            elif found:
                files[split, pair.name] = found[0]
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
    others = [path for path in unread if compose_name(path.stem) in annotated]
    if others:
        findings.warnings.append(
            f"{place.name}: {format_count(len(others), 'file')} not read, because other files of "
            f"the same pairs are ({_name_files(raw_dir, others)})."
        )
    return MatchedAnnotations(
        files, missing, [path for path in unread if compose_name(path.stem) not in known]
    )


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
