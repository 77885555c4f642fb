"""The image pairs of the user's own folder by split: from folders, from lists, or dealt."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from data_builders.checks.annotations import RawPair
from data_builders.dealing import Dealing, deal_pairs
from data_builders.formats.name_list import LIST_FOLDERS
from data_builders.rgbt_folder.pair_finder import PairFinder, read_lines
from mdjax.io.findings import Findings, Problem, name_first
from mdjax.io.folder_tree import SPLITS, find_split, scan_folders
from mdjax.io.image_files import (
    IMAGE_SUFFIXES,
    MatchedFiles,
    compose_name,
    list_files,
)
from mdjax.io.image_folders import (
    FolderPair,
    ImageFolders,
    find_image_folders,
    match_image_folders,
)
from mdjax.types import MdjaxError, format_count

NIGHT_LIST = "night.txt"
_DAY_LIST = "day.txt"
_TRAIN_AND_VAL_LIST = "trainval.txt"
_NIGHT_FOLDER = "night"


def find_split_pairs(
    raw_dir: Path, findings: Findings, dealing: Dealing | None = None
) -> dict[str, list[RawPair]]:
    """Find the pairs of each split, still without annotations; none of the splits is empty.

    Args:
        raw_dir: Folder of the data set.
        findings: Gets what is wrong.
        dealing: Makes the splits of a data set that has none.
    """
    try:
        images = find_image_folders(raw_dir, scan_folders(raw_dir))
    except MdjaxError as error:
        findings.problems.append(str(error))
        return {}
    lists = _find_lists(raw_dir, findings)
    of_split, others = _sort_folders(images)
    if fault := _find_two_kinds(raw_dir, of_split, lists, dealing):
        findings.problems.append(fault)
        return {}
    if not (of_split or lists or dealing):
        findings.problems += _describe_no_splits(raw_dir, others)
        return {}
    if of_split:
        findings.problems += _find_other_folders(raw_dir, others)
        matched = {
            split: match_image_folders(folder_pairs, findings)
            for split, folder_pairs in of_split.items()
        }
        finder = _make_finder(raw_dir, matched.values())
        return _make_pairs(
            raw_dir, {split: part.pairs for split, part in matched.items()}, finder, findings
        )
    everything = match_image_folders(others, findings)
    finder = _make_finder(raw_dir, [everything])
    if dealing is None:
        if not everything.pairs:  # Every name would be reported for what is wrong with the folders.
            return {}
        chosen = {
            split: _pick(path, images.title, everything, finder, findings)
            for split, path in lists.items()
        }
        _note_unlisted(raw_dir, everything, chosen, lists, findings)
        return _make_pairs(raw_dir, chosen, finder, findings)
    pairs = _make_pairs(raw_dir, {"train": everything.pairs}, finder, findings)
    return deal_pairs(pairs["train"], dealing, findings) if pairs else {}


def find_list_folder(raw_dir: Path) -> Path:
    """The folder of the lists of splits, the data set's own one before those of Pascal VOC."""
    folders = (raw_dir / name for name in LIST_FOLDERS)
    return next((folder for folder in folders if any(_list_lists(folder).values())), raw_dir)


def _list_lists(folder: Path) -> dict[str, list[Path]]:
    """Lists in a folder by split, in order."""
    paths: dict[str, list[Path]] = {split: [] for split in SPLITS}
    for path in sorted(folder.glob("*.[tT][xX][tT]")):
        split = find_split(path.stem)
        if split is not None:
            paths[split].append(path)
    # Where the pairs of both are to be trained on, as with the first of Pascal VOC's data sets.
    both = folder / _TRAIN_AND_VAL_LIST
    if not paths["train"] and not paths["val"] and both.is_file():
        paths["train"].append(both)
    return paths


def _find_lists(raw_dir: Path, findings: Findings) -> dict[str, Path]:
    """Lists by split, in order."""
    folder = find_list_folder(raw_dir)
    paths = _list_lists(folder)
    if folder != raw_dir:
        read = [path.name for same in paths.values() for path in same]
        findings.notes.append(
            f"splits from the lists in {_relate(raw_dir, folder)}/: {', '.join(read)}."
        )
    findings.problems += [
        f"{' and '.join(path.name for path in same)}: are lists of one split; keep one."
        for same in paths.values()
        if len(same) > 1
    ]
    return {split: same[0] for split, same in paths.items() if same}


def _sort_folders(images: ImageFolders) -> tuple[dict[str, list[FolderPair]], list[FolderPair]]:
    """Folders by split, in order, and those of no split."""
    of_split: dict[str, list[FolderPair]] = {}
    others: list[FolderPair] = []
    for pair in images.pairs:
        split = pair.place.split
        (others if split is None else of_split.setdefault(split, [])).append(pair)
    return of_split, others


def _find_two_kinds(
    raw_dir: Path,
    of_split: Mapping[str, Sequence[FolderPair]],
    lists: Mapping[str, Path],
    dealing: Dealing | None,
) -> str | None:
    """What is wrong where more than one thing says what the splits are."""
    folders = ", ".join(_relate(raw_dir, pairs[0].visible) for pairs in of_split.values())
    names = ", ".join(_relate(raw_dir, path) for path in lists.values())
    if folders and lists:
        return f"has both the folders {folders} and the lists {names}; keep one kind."
    if dealing is not None and (folders or lists):
        what = f"the lists {names}" if lists else f"the folders {folders}"
        return f"has {what} already, so --split-by has nothing to do; omit it, or remove them."
    return None


def _describe_no_splits(raw_dir: Path, others: Sequence[FolderPair]) -> list[str]:
    deal = "--split-by sequence"
    if names := _find_outer_folders(raw_dir, others):
        return [
            f"{name}: is not a split; rename it to train, val or test, or remove it; or let "
            f"{deal} make the splits."
            for name in names
        ]
    return [
        "has no splits: sort the images into visible/train/, thermal/train/ and so on, or write "
        f"their names into train.txt, val.txt, test.txt, or let {deal} make the splits."
    ]


def _find_other_folders(raw_dir: Path, others: Sequence[FolderPair]) -> list[str]:
    """A problem for each folder that is of no split, though others are, and for its images."""
    problems = [
        f"{name}: is not a split; rename it to train, val or test, or remove it."
        for name in _find_outer_folders(raw_dir, others)
    ]
    for pair in others:
        for folder in dict.fromkeys((pair.visible, pair.thermal)):
            # Without any, there is nothing to complain of.
            images = {} if pair.place.sequence else list_files(folder, Findings(), IMAGE_SUFFIXES)
            if images:
                first = next(iter(images.values())).name
                problems.append(
                    f"{_relate(raw_dir, folder)}/: {len(images)} images ({first}...) are outside "
                    "the folders of splits; move them into one of these."
                )
    return problems


def _find_outer_folders(raw_dir: Path, others: Iterable[FolderPair]) -> list[str]:
    """The outermost folders that might be splits but for their names."""
    names: set[str] = set()
    for pair in others:
        first = pair.place.sequence.partition("/")[0]
        for folder in (pair.visible, pair.thermal):
            if first and folder.is_dir():
                parts = folder.relative_to(raw_dir).parts
                end = [compose_name(part) for part in parts].index(first) + 1
                names.add("/".join(parts[:end]))
    return sorted(names)


def _make_finder(raw_dir: Path, matched: Iterable[MatchedFiles]) -> PairFinder:
    """All names: also those without partner, which are reported for that alone."""
    names: dict[str, list[Path]] = {}
    for part in matched:
        for name in sorted(part.singles):
            names.setdefault(name, [])
        for name, paths in part.pairs.items():
            names.setdefault(name, []).extend(paths)
    return PairFinder(raw_dir, names)


def _make_pairs(
    raw_dir: Path,
    files: Mapping[str, Mapping[str, tuple[Path, Path]]],
    finder: PairFinder,
    findings: Findings,
) -> dict[str, list[RawPair]]:
    night = _read_night_names(raw_dir, finder, findings)
    if night is None:
        night = frozenset(name for part in files.values() for name in part if _is_in_night(name))
        if night:
            findings.notes.append(
                f"{format_count(len(night), 'pair')} in folders named {_NIGHT_FOLDER} count as "
                f"taken at night; {NIGHT_LIST} would tell otherwise."
            )
    return {
        split: [
            RawPair(name=name, visible=visible, thermal=thermal, is_night=name in night)
            for name, (visible, thermal) in part.items()
        ]
        for split, part in files.items()
        if part
    }


def _is_in_night(name: str) -> bool:
    return _NIGHT_FOLDER in name.lower().split("/")[:-1]


def _pick(
    path: Path, title: str, matched: MatchedFiles, finder: PairFinder, findings: Findings
) -> dict[str, tuple[Path, Path]]:
    """The pairs that a list names; what is wrong with it goes to the findings."""
    try:
        lines = read_lines(path)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return {}
    if not lines:
        findings.problems.append(f"{path.name}: is empty; write names into it, or remove it.")
    findings.problems += [
        f"{path.name}, {line}: is listed {count} times; keep one."
        for line, count in Counter(lines).items()
        if count > 1
    ]
    names = _find_names(path, lines, finder, f"there is no such pair in {title}", findings)
    return {name: matched.pairs[name] for name in names if name in matched.pairs}


def _find_names(
    path: Path, lines: Sequence[str], finder: PairFinder, unknown: str, findings: Findings
) -> list[str]:
    """The names that lines of a list mean, each once."""
    names: dict[str, None] = {}
    start = len(findings.problems)
    for line in dict.fromkeys(lines):
        try:
            name = finder.find(line)
        except MdjaxError as error:
            findings.problems.append(f"{path.name}, {line}: {error}")
            continue
        if name is None:
            text = f"{path.name}, {line}: {unknown}; correct the name, or remove it."
            findings.problems.append(Problem(text, line))
        else:
            names[name] = None
    if not names:  # The list is wrong, not every line of it.
        findings.problems[start:] = [str(problem) for problem in findings.problems[start:]]
    return list(names)


def _note_unlisted(
    raw_dir: Path,
    matched: MatchedFiles,
    files: Mapping[str, Mapping[str, tuple[Path, Path]]],
    lists: Mapping[str, Path],
    findings: Findings,
) -> None:
    listed = {name for part in files.values() for name in part}
    unlisted = sorted(set(matched.pairs) - listed)
    if not unlisted:
        return
    known = {"classes.txt", NIGHT_LIST, _DAY_LIST, *(path.name.lower() for path in lists.values())}
    others = sorted(
        path.name for path in raw_dir.glob("[!.]*.txt") if path.name.lower() not in known
    )
    findings.notes.append(
        f"{len(unlisted)} pairs in no list, omitted ({unlisted[0]}...)."
        + (f" Not read as lists: {', '.join(others)}." if others else "")
    )


def _read_night_names(
    raw_dir: Path, finder: PairFinder, findings: Findings
) -> frozenset[str] | None:
    """Names of the pairs of the night, from a list of them or of those of the day; None without."""
    night = _read_listed(raw_dir, NIGHT_LIST, finder, findings)
    day = _read_listed(raw_dir, _DAY_LIST, finder, findings)
    if day is None:
        return night
    if night is None:
        night = finder.names - day
        findings.notes.append(
            f"{format_count(len(night), 'pair')} not in {_DAY_LIST} count as taken at night."
        )
        return night
    findings.problems += [
        Problem(f"{name}: is in {NIGHT_LIST} and in {_DAY_LIST}; take it out of one.", name)
        for name in sorted(night & day)
    ]
    if not finder.is_empty and (untold := sorted(finder.names - night - day)):
        findings.notes.append(
            f"{format_count(len(untold), 'pair')} in neither {NIGHT_LIST} nor {_DAY_LIST} count as "
            f"taken by day ({name_first(untold)})."
        )
    return night


def _read_listed(
    raw_dir: Path, file_name: str, finder: PairFinder, findings: Findings
) -> frozenset[str] | None:
    """Names of the pairs that a list names, whatever the case of its own name; None without."""
    paths = [path for path in sorted(raw_dir.iterdir()) if path.name.lower() == file_name]
    if not paths:
        return None
    try:
        lines = read_lines(paths[0])
    except MdjaxError as error:
        findings.problems.append(str(error))
        return frozenset()
    if finder.is_empty:  # Every name would be reported for what is wrong with the folders.
        return frozenset()
    return frozenset(_find_names(paths[0], lines, finder, "there is no such pair", findings))


def _relate(raw_dir: Path, path: Path) -> str:
    return path.relative_to(raw_dir).as_posix()
