"""Folders of files whose names without ending say what belongs together; see `pair_names`."""

import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from mdjax.io.findings import Findings, Problem
from mdjax.io.pair_names import NamedFiles, match_cameras, match_names

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""Endings of the files in a folder that are taken for images; others are passed over."""


class MatchedFiles(NamedTuple):
    """What two folders of images hold."""

    pairs: dict[str, tuple[Path, Path]]
    """Visible and thermal file by name."""
    singles: frozenset[str]
    """Names of the other files: all of them are among the findings."""


def compose_name(name: str) -> str:
    """The one spelling of a name that systems store with accents composed or beside the letters."""
    return unicodedata.normalize("NFC", name)


def list_files(folder: Path, findings: Findings, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Files with one of the endings, in either case, by name without ending, in order.

    Two files of one name go to the findings, and so does a folder without any such file.

    Args:
        folder: Where they are.
        findings: Gets what is wrong.
        suffixes: Endings in lower case.
    """
    if not folder.is_dir():
        findings.problems.append(f"{folder}: folder is missing.")
        return {}
    files: dict[str, Path] = {}
    # By name, which is quicker than by path: streams look at large folders again and again.
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        # Some systems leave hidden companions of each image, such as ._a.png.
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        name = compose_name(path.stem)
        if name in files:
            findings.problems.append(
                f"{path}: {files[name].name} has the same name; keep one of them."
            )
        files[name] = path
    if not files:
        endings = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
        inside = f", but the folders {', '.join(folders[:3])}" if folders else ""
        findings.problems.append(
            f"{folder}: holds no file that ends in {endings}{inside}; put the files there, or give "
            "another folder."
        )
    return files


def find_annotations(
    folder: Path, names: Iterable[str], suffix: str, remedy: str, findings: Findings
) -> dict[str, Path]:
    """The annotation file of each image by name; missing ones go to the findings.

    Args:
        folder: Where they are.
        names: Of the images; without any, the folder need not be there.
        suffix: Ending of the annotation files in lower case.
        remedy: What to do where one is missing.
        findings: Gets what is wrong.
    """
    names = tuple(names)
    files = list_files(folder, findings, (suffix,)) if names else {}
    missing = [name for name in names if name not in files]
    if files and missing:  # Without any, the folder is among the findings.
        others = [path.name for path in files.values() if compose_name(path.stem) not in set(names)]
        # Files that no image has by name: most likely those that are missing.
        hint = f", of its image's name ({others[0]} is of none)" if others else ""
        findings.problems += [
            Problem(f"{folder / name}{suffix}: file is missing; {remedy}{hint}.", name)
            for name in missing
        ]
    return {name: files[name] for name in names if name in files}


def match_folders(
    visible_dir: Path, thermal_dir: Path, findings: Findings, *, prefix: str = ""
) -> MatchedFiles:
    """Visible and thermal file by name, which are equal but for what `match_names` takes out.

    Files without partner go to the findings; where there are no pairs, there is a finding.

    Args:
        visible_dir: Folder of the visible images.
        thermal_dir: Folder of the thermal images; if it is the same one, the names say which image
            is of which camera, see `match_cameras`.
        findings: Gets what is wrong.
        prefix: What the names of pairs have in front of those of these files.
    """
    remedy = "give both images of a pair the same name"
    visible = list_files(visible_dir, findings, IMAGE_SUFFIXES)
    if visible_dir == thermal_dir:
        remedy = (
            "name both images of a pair alike but for the camera's word, such as a_rgb and a_ir"
        )
        files = match_cameras(visible)
    else:
        thermal = list_files(thermal_dir, findings, IMAGE_SUFFIXES)
        files = match_names(NamedFiles(visible, thermal))
    visible, thermal = files
    # Where nothing fits, the folders are wrong, not every file in them.
    has_pairs = not visible.keys().isdisjoint(thermal)
    if visible and thermal:  # Else each file would be reported for its empty or missing folder.
        for part, partners, partner_dir in (
            (visible, thermal, thermal_dir),
            (thermal, visible, visible_dir),
        ):
            findings.problems += [
                Problem(
                    f"{path}: has no partner in {partner_dir}; {remedy}, or remove this one.",
                    *([f"{prefix}{name}"] if has_pairs else []),
                )
                for name, path in part.items()
                if name not in partners
            ]
    pairs = {name: (path, thermal[name]) for name, path in visible.items() if name in thermal}
    return MatchedFiles(pairs, frozenset(set(visible) ^ set(thermal)))
