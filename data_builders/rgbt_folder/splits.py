"""The pairs of a folder of one's own by split, by folders or by lists (`rgbt_folder`)."""

from collections.abc import Mapping
from pathlib import Path, PurePath

from data_builders.checks.annotations import RawPair
from mdjax.io.findings import Findings
from mdjax.io.image_files import IMAGE_SUFFIXES, MatchedFiles, list_files, match_folders
from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError

SPLITS = ("train", "val", "test")

_IMAGE_FOLDERS = ("visible", "thermal")


def find_split_pairs(raw_dir: Path, findings: Findings) -> dict[str, list[RawPair]]:
    """Pairs by split, none of them empty, still without annotations."""
    if missing := [kind for kind in _IMAGE_FOLDERS if not (raw_dir / kind).is_dir()]:
        findings.problems += [f"{raw_dir / kind}: folder is missing." for kind in missing]
        return {}
    folders, problems = _find_split_folders(raw_dir)
    findings.problems += problems
    lists = [split for split in SPLITS if (raw_dir / f"{split}.txt").exists()]
    files: dict[str, dict[str, tuple[Path, Path]]] = {}
    named: set[str] = set()  # Also those without partner: they are reported for that alone.
    if folders and lists:
        findings.problems.append(
            f"has both the folders {', '.join(f'visible/{split}' for split in folders)} and the "
            f"lists {', '.join(f'{split}.txt' for split in lists)}; leave one kind."
        )
    elif folders:
        findings.problems += _find_stray_images(raw_dir)
        for split in folders:
            matched = match_folders(
                raw_dir / "visible" / split, raw_dir / "thermal" / split, findings
            )
            files[split] = matched.pairs
            named |= set(matched.pairs) | matched.singles
    elif lists:
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


def _find_split_folders(raw_dir: Path) -> tuple[list[str], list[str]]:
    """Splits that have a folder of images, and a problem for each folder of another name."""
    # Some systems leave hidden folders.
    names = {
        (kind, path.name)
        for kind in _IMAGE_FOLDERS
        for path in (raw_dir / kind).iterdir()
        if path.is_dir() and not path.name.startswith(".")
    }
    problems = [
        f"{kind}/{name}: is no split; rename it to train, val or test, or take it out."
        for kind, name in sorted(names)
        if name not in SPLITS
    ]
    return [split for split in SPLITS if split in {name for _, name in names}], problems


def _find_stray_images(raw_dir: Path) -> list[str]:
    problems: list[str] = []
    for kind in _IMAGE_FOLDERS:
        # Without any, there is nothing to complain of.
        images = list_files(raw_dir / kind, Findings(), IMAGE_SUFFIXES)
        if images:
            first = next(iter(images.values())).name
            problems.append(
                f"{kind}/: {len(images)} images ({first}...) lie beside the folders of splits; "
                "move them into one of these."
            )
    return problems


def _pick(
    raw_dir: Path, split: str, matched: MatchedFiles, findings: Findings
) -> dict[str, tuple[Path, Path]]:
    """The pairs that a list names; what is wrong with it goes to the findings."""
    path = raw_dir / f"{split}.txt"
    try:
        names = _read_names(path)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return {}
    if not names:
        findings.problems.append(f"{path.name}: is empty; write names into it, or take it away.")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        findings.problems.append(f"{path.name}: lists {', '.join(twice)} more than once.")
    findings.problems += [
        f"{path.name}: there is no pair {name}.* in visible/ and thermal/."
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
        f"{len(unlisted)} pairs in no list, left out ({unlisted[0]}...)."
        + (f" Not read as lists: {', '.join(others)}." if others else "")
    )


def _read_night_names(raw_dir: Path, known: set[str], findings: Findings) -> set[str]:
    path = raw_dir / "night.txt"
    if not path.exists():
        return set()
    try:
        names = set(_read_names(path))
    except MdjaxError as error:
        findings.problems.append(str(error))
        return set()
    findings.problems += [
        f"night.txt: there is no pair {name}.*." for name in sorted(names - known) if known
    ]
    return names


def _read_names(path: Path) -> list[str]:
    """Names of a list; an image's ending may be there."""
    lines = [line.strip() for line in read_text(path, path.name).splitlines()]
    return [
        PurePath(line).stem if line.lower().endswith(IMAGE_SUFFIXES) else line
        for line in lines
        if line
    ]
