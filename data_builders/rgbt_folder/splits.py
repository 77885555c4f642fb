"""The image pairs of the user's own folder by split, from folders or lists (`rgbt_folder`)."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from data_builders.checks.annotations import RawPair
from data_builders.formats.name_list import read_names
from mdjax.io.findings import Findings
from mdjax.io.image_files import IMAGE_SUFFIXES, MatchedFiles, list_files, match_folders
from mdjax.types import MdjaxError

SPLITS = ("train", "val", "test")

_IMAGE_FOLDERS = ("visible", "thermal")


def find_split_pairs(raw_dir: Path, findings: Findings) -> dict[str, list[RawPair]]:
    """Pairs by split, none of them empty, still without annotations."""
    if missing := [kind for kind in _IMAGE_FOLDERS if not (raw_dir / kind).is_dir()]:
        findings.problems += [f"{raw_dir / kind}: folder is missing." for kind in missing]
        return {}
    lists = [split for split in SPLITS if (raw_dir / f"{split}.txt").exists()]
    folders, problems = _find_split_folders(raw_dir, has_lists=bool(lists))
    findings.problems += problems
    files: dict[str, dict[str, tuple[Path, Path]]] = {}
    named: set[str] = set()  # Also those without partner: they are reported for that alone.
    if folders and lists:
        findings.problems.append(
            f"has both the folders {', '.join(f'visible/{split}' for split in folders)} and the "
            f"lists {', '.join(f'{split}.txt' for split in lists)}; keep one kind."
        )
    elif folders:
        findings.problems += _find_stray_images(raw_dir)
        for split in folders:
            matched = match_folders(
                raw_dir / "visible" / split, raw_dir / "thermal" / split, findings
            )
            files[split] = matched.pairs
            named |= set(matched.pairs) | matched.singles
    elif lists and not problems:  # Else what lies in these folders would be reported as missing.
        matched = match_folders(raw_dir / "visible", raw_dir / "thermal", findings)
        if matched.pairs:  # Else every name would be reported for what is wrong with the folders.
            files = {split: _pick(raw_dir, split, matched, findings) for split in lists}
            named = set(matched.pairs) | matched.singles
            _note_unlisted(raw_dir, matched, files, findings)
    elif not problems:
        findings.problems.append(
            "has no splits: sort the images into visible/train/, thermal/train/ and so on, or "
            "write their names into train.txt, val.txt, test.txt."
        )
    night = _read_night_names(raw_dir, named, findings)
    return {
        split: [
            RawPair(name=name, visible=visible, thermal=thermal, is_night=name in night)
            for name, (visible, thermal) in part.items()
        ]
        for split, part in files.items()
        if part
    }


def _find_split_folders(raw_dir: Path, *, has_lists: bool) -> tuple[list[str], list[str]]:
    """Splits that have a folder of images, and a problem for each folder of another name."""
    # Some systems leave hidden folders.
    names = {
        (kind, path.name)
        for kind in _IMAGE_FOLDERS
        for path in (raw_dir / kind).iterdir()
        if path.is_dir() and not path.name.startswith(".")
    }
    # Lists say what is in a split: folders, such as one for each sequence, are then not read.
    what = (
        "is a folder, but listed images must be directly in visible/ and thermal/; move its images "
        "there, under names that contain the folder (FOLDER_NAME), and write these names into the "
        "lists; do the same with annotations"
        if has_lists
        else "is not a split; rename it to train, val or test, or remove it"
    )
    problems = [f"{kind}/{name}: {what}." for kind, name in sorted(names) if name not in SPLITS]
    return [split for split in SPLITS if split in {name for _, name in names}], problems


def _find_stray_images(raw_dir: Path) -> list[str]:
    problems: list[str] = []
    for kind in _IMAGE_FOLDERS:
        # Without any, there is nothing to complain of.
        images = list_files(raw_dir / kind, Findings(), IMAGE_SUFFIXES)
        if images:
            first = next(iter(images.values())).name
            problems.append(
                f"{kind}/: {len(images)} images ({first}...) are outside the folders of splits; "
                "move them into one of these."
            )
    return problems


def _pick(
    raw_dir: Path, split: str, matched: MatchedFiles, findings: Findings
) -> dict[str, tuple[Path, Path]]:
    """The pairs that a list names; what is wrong with it goes to the findings."""
    path = raw_dir / f"{split}.txt"
    try:
        names = read_names(path)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return {}
    if not names:
        findings.problems.append(f"{path.name}: is empty; write names into it, or remove it.")
    if len(set(names)) < len(names):
        findings.problems += [
            f"{path.name}, {name}: is listed {count} times; keep one."
            for name, count in Counter(names).items()
            if count > 1
        ]
    findings.problems += [
        f"{path.name}, {name}: there is no such pair in visible/ and thermal/; correct the name, "
        "or remove it."
        for name in dict.fromkeys(names)
        if name not in matched.pairs and name not in matched.singles
    ]
    return {name: matched.pairs[name] for name in names if name in matched.pairs}


def _note_unlisted(
    raw_dir: Path,
    matched: MatchedFiles,
    files: Mapping[str, Mapping[str, tuple[Path, Path]]],
    findings: Findings,
) -> None:
    listed = {name for part in files.values() for name in part}
    unlisted = sorted(set(matched.pairs) - listed)
    if not unlisted:
        return
    known = {"classes.txt", "night.txt", *(f"{split}.txt" for split in SPLITS)}
    others = sorted({path.name for path in raw_dir.glob("[!.]*.txt")} - known)
    findings.notes.append(
        f"{len(unlisted)} pairs in no list, omitted ({unlisted[0]}...)."
        + (f" Not read as lists: {', '.join(others)}." if others else "")
    )


def _read_night_names(raw_dir: Path, known: set[str], findings: Findings) -> set[str]:
    path = raw_dir / "night.txt"
    if not path.exists():
        return set()
    try:
        names = set(read_names(path))
    except MdjaxError as error:
        findings.problems.append(str(error))
        return set()
    findings.problems += [
        f"night.txt, {name}: there is no such pair; correct the name, or remove it."
        for name in sorted(names - known)
        if known
    ]
    return names
