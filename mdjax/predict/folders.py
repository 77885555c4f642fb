"""Which images of the user's folders belong together; each is named by its path in the folder."""

from collections.abc import Sequence
from pathlib import Path, PurePath

from mdjax.io.findings import Findings
from mdjax.io.folder_tree import Folder, scan_folders
from mdjax.io.image_files import IMAGE_SUFFIXES, compose_name, list_files, match_folders
from mdjax.io.image_folders import (
    ImageFolders,
    find_fitting_folders,
    find_image_folders,
    match_image_folders,
)
from mdjax.types import MdjaxError

FoundFiles = dict[str, tuple[Path, ...]]
"""By name, visible and thermal file, or one file alone. A name has the folders that the image is
in before it, such as `seq1/0001`."""


def find_in_folder(folder: Path, findings: Findings, *, is_thermal_alone: bool) -> FoundFiles:
    """Find the pairs in one folder, in any layout that `mdjax prepare rgbt-folder` reads.

    Where there are none, each image stands alone. Folders of annotations are passed over.

    Args:
        folder: May hold folders.
        findings: Gets what is wrong.
        is_thermal_alone: Whether images that stand alone are thermal ones.
    """
    folders = scan_folders(folder)
    try:
        layout = _find_layout(folder, folders, is_thermal_alone=is_thermal_alone)
    except MdjaxError as error:
        findings.problems.append(f"{folder}: {error}")
        return {}
    return _list_alone(folder, folders, findings) if layout is None else _match(layout, findings)


def find_in_two_folders(visible_dir: Path, thermal_dir: Path, findings: Findings) -> FoundFiles:
    """Find the pairs of a folder of visible images and one of thermal ones.

    Folders in them belong together if they have the same path. Files without partner go to the
    findings.

    Args:
        visible_dir: May hold folders.
        thermal_dir: As `visible_dir`, or the same folder, where words in names tell the cameras.
        findings: Gets what is wrong.
    """
    visible, thermal = (_list_folders(folder) for folder in (visible_dir, thermal_dir))
    found: FoundFiles = {}
    # Without any image, the folders themselves are reported.
    for parts in sorted({*visible, *thermal}) or [()]:
        prefix = "".join(f"{part}/" for part in parts)
        matched = match_folders(
            visible.get(parts, visible_dir.joinpath(*parts)),
            thermal.get(parts, thermal_dir.joinpath(*parts)),
            findings,
            prefix=prefix,
        )
        found |= {f"{prefix}{name}": paths for name, paths in matched.pairs.items()}
    return found


def _find_layout(
    folder: Path, folders: Sequence[Folder], *, is_thermal_alone: bool
) -> ImageFolders | None:
    """The layout; None where all images stand alone.

    Raises:
        MdjaxError: Two layouts fit, or thermal images would be taken for visible ones.
    """
    layout = find_fitting_folders(folder, folders)
    has_thermal = any(inner.camera == "thermal" and inner.images for inner in folders)
    if layout is None and has_thermal and not is_thermal_alone:
        return find_image_folders(folder, folders)
    return layout


def _match(layout: ImageFolders, findings: Findings) -> FoundFiles:
    """Pairs by name; splits are folders like any other."""
    found: FoundFiles = {}
    for split in dict.fromkeys(pair.place.split for pair in layout.pairs):
        pairs = [pair for pair in layout.pairs if pair.place.split == split]
        prefix = f"{split}/" if split else ""
        matched = match_image_folders(pairs, findings)
        found |= {f"{prefix}{name}": paths for name, paths in matched.pairs.items()}
    return found


def _list_alone(folder: Path, folders: Sequence[Folder], findings: Findings) -> FoundFiles:
    with_images = _select(folders)
    if not with_images:  # Which is reported.
        list_files(folder, findings, IMAGE_SUFFIXES)
    return {
        compose_name(PurePath(*inner.parts, name).as_posix()): (path,)
        for inner in with_images
        for name, path in list_files(inner.path, findings, IMAGE_SUFFIXES).items()
    }


def _list_folders(folder: Path) -> dict[tuple[str, ...], Path]:
    """Folders with images by their path in a folder."""
    return {
        tuple(compose_name(part) for part in inner.parts): inner.path
        for inner in _select(scan_folders(folder))
    }


def _select(folders: Sequence[Folder]) -> list[Folder]:
    return [inner for inner in folders if inner.images and inner.annotation_index is None]
