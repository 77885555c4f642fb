"""Which layout a folder of pairs has: those of its images, or one line on why no layout fits."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from mdjax.io.findings import Findings
from mdjax.io.folder_tree import (
    CAMERA_FOLDERS,
    SPLITS,
    Camera,
    Folder,
    Place,
    find_camera,
)
from mdjax.io.image_files import IMAGE_SUFFIXES, MatchedFiles, compose_name, match_folders
from mdjax.io.pair_names import CameraWords, find_camera_words
from mdjax.types import MdjaxError, format_count

_MAX_SHOWN_FOLDERS = 3


class FolderPair(NamedTuple):
    """A folder of visible images and that of their thermal images."""

    visible: Path
    """May be missing, which the reader of its files reports."""
    thermal: Path
    """As `visible`; the same folder where words in names tell the cameras."""
    place: Place


@dataclasses.dataclass(frozen=True)
class ImageFolders:
    """A layout that fits."""

    title: str
    """What messages call it, such as `visible/ and thermal/`."""
    pairs: tuple[FolderPair, ...]
    """In order of splits and sequences; not empty."""
    is_outermost: bool = False
    """Whether the folders named after cameras are in no other folder that says anything."""

    @property
    def paths(self) -> frozenset[Path]:
        """All folders."""
        return frozenset(path for pair in self.pairs for path in (pair.visible, pair.thermal))


def find_image_folders(raw_dir: Path, folders: Sequence[Folder]) -> ImageFolders:
    """Find the folders of pairs by the names of folders, or by words in the names of images.

    Args:
        raw_dir: Folder of the data set.
        folders: Those inside it, from `scan_folders`.

    Raises:
        MdjaxError: No layout fits, or two do.
    """
    fitting = find_fitting_folders(raw_dir, folders)
    return fitting or _find_incomplete_layout(raw_dir, folders)


def find_fitting_folders(raw_dir: Path, folders: Sequence[Folder]) -> ImageFolders | None:
    """Find the folders of pairs as `find_image_folders` does; None where there are no pairs.

    Raises:
        MdjaxError: Two layouts fit.
    """
    layouts = [*_find_camera_layouts(raw_dir, folders), *_find_word_layouts(folders)]
    if not layouts:
        return None
    # What lies deeper than folders named after cameras is not read, such as an older copy.
    outer = [layout for layout in layouts if layout.is_outermost]
    first, *others = [*outer, *(layout for layout in layouts if not layout.is_outermost)]
    rivals = [other for other in others if len(outer) != 1 or _do_compete(first, other)]
    if rivals:
        # Of two folders for each camera, those that share none tell most.
        rival = min(rivals, key=lambda other: bool(first.paths & other.paths))
        raise MdjaxError(
            f"two layouts fit, {first.title} as well as {rival.title}; move the images of one of "
            "them out of this folder."
        )
    return first


def match_image_folders(folder_pairs: Iterable[FolderPair], findings: Findings) -> MatchedFiles:
    """Match the files of all these folders, by name with the sequence before it.

    Args:
        folder_pairs: Of one split, or of none.
        findings: Gets what is wrong.
    """
    pairs: dict[str, tuple[Path, Path]] = {}
    singles: set[str] = set()
    for folder_pair in folder_pairs:
        prefix = f"{folder_pair.place.sequence}/" if folder_pair.place.sequence else ""
        matched = match_folders(folder_pair.visible, folder_pair.thermal, findings, prefix=prefix)
        named = {f"{prefix}{name}": paths for name, paths in matched.pairs.items()}
        findings.problems += [
            f"{named[name][0]}: {pairs[name][0]} is of a pair of the same name, {name}; rename one."
            for name in named
            if name in pairs
        ]
        pairs |= named
        singles |= {f"{prefix}{name}" for name in matched.singles}
    return MatchedFiles(pairs, frozenset(singles))


def _do_compete(first: ImageFolders, second: ImageFolders) -> bool:
    """Whether two layouts say where the same images are, or the images of splits."""
    places, others = ({pair.place for pair in layout.pairs} for layout in (first, second))
    have_splits = all(any(place.split for place in part) for part in (places, others))
    return bool(places & others) or have_splits


def _find_camera_layouts(raw_dir: Path, folders: Sequence[Folder]) -> list[ImageFolders]:
    """Layouts whose folders are named after cameras; both hold images of at least one place."""
    patterns = _group_by_pattern(folder for folder in folders if folder.images)
    return [
        _pair_up(raw_dir, {"visible": visible[0], "thermal": thermal[0]}, folders)
        for visible in patterns["visible"]
        for thermal in patterns["thermal"]
        if {folder.place for folder in visible} & {folder.place for folder in thermal}
    ]


def _group_by_pattern(folders: Iterable[Folder]) -> dict[Camera, list[list[Folder]]]:
    """Folders of each camera's images, together where their names have the same order."""
    groups: dict[Camera, dict[str, list[Folder]]] = {camera: {} for camera in CAMERA_FOLDERS}
    for folder in folders:
        if folder.camera is not None and folder.annotation_index is None:
            groups[folder.camera].setdefault(folder.pattern, []).append(folder)
    return {camera: list(patterns.values()) for camera, patterns in groups.items()}


def _pair_up(
    raw_dir: Path, samples: Mapping[Camera, Folder], folders: Iterable[Folder]
) -> ImageFolders:
    """The layout of all folders whose names have the same order as those of two of them.

    Raises:
        MdjaxError: Two folders are of the same camera and place.
    """
    found: dict[Place, dict[Camera, Folder]] = {}
    for folder in folders:
        camera = folder.camera
        if camera is None or folder.annotation_index is not None:
            continue
        if folder.pattern != samples[camera].pattern or not _should_hold_images(folder):
            continue
        cameras = found.setdefault(folder.place, {})
        if camera in cameras:
            names = (PurePath(*part.parts).as_posix() for part in (cameras[camera], folder))
            raise MdjaxError(
                f"{' and '.join(names)}: hold {camera} images of the same split and sequence; "
                "move them into one folder."
            )
        cameras[camera] = folder
    return ImageFolders(
        title=" and ".join(sample.pattern for sample in samples.values()),
        pairs=tuple(
            FolderPair(
                _get_path(raw_dir, "visible", found[place], samples),
                _get_path(raw_dir, "thermal", found[place], samples),
                place,
            )
            for place in sorted(found, key=_make_sort_key)
        ),
        is_outermost=all(sample.is_outermost for sample in samples.values()),
    )


def _should_hold_images(folder: Folder) -> bool:
    """Whether a folder holds images, or is that of a split and holds nothing."""
    is_split = folder.place.split is not None and not folder.place.sequence
    return bool(folder.images) or (is_split and not folder.has_folders)


def _get_path(
    raw_dir: Path, camera: Camera, found: Mapping[Camera, Folder], samples: Mapping[Camera, Folder]
) -> Path:
    """The folder of a camera; if it is missing, where it would be beside that of the other one."""
    if camera in found:
        return found[camera].path
    (partner,) = found.values()
    sample = samples[camera]
    assert partner.camera_index is not None
    assert sample.camera_index is not None
    parts = list(partner.parts)
    parts[partner.camera_index] = sample.parts[sample.camera_index]
    return raw_dir.joinpath(*parts)


def _make_sort_key(place: Place) -> tuple[int, str]:
    return (-1 if place.split is None else SPLITS.index(place.split), place.sequence)


def _find_word_layouts(folders: Iterable[Folder]) -> list[ImageFolders]:
    """Layouts in which both images of a pair are in one folder, with a word for the camera."""
    groups: dict[CameraWords, list[Folder]] = {}
    for folder in folders:
        if folder.camera is not None or folder.annotation_index is not None:
            continue
        stems = [compose_name(PurePath(name).stem) for name in folder.images]
        for words in sorted(find_camera_words(stems)):
            groups.setdefault(words, []).append(folder)
    return [
        ImageFolders(
            title=_describe_words(words, group[0]),
            pairs=tuple(
                FolderPair(folder.path, folder.path, folder.place)
                for folder in sorted(group, key=lambda folder: _make_sort_key(folder.place))
            ),
        )
        for words, group in groups.items()
    ]


def _describe_words(words: CameraWords, folder: Folder) -> str:
    names = " and ".join(f"*_{word}" if word else "*" for word in words)
    return f"the names {names}" + (f" in {folder.pattern}" if folder.pattern else "")


def _find_incomplete_layout(raw_dir: Path, folders: Sequence[Folder]) -> ImageFolders:
    """The layout of a tree in which folders have lost their images.

    Raises:
        MdjaxError: Even their names tell nothing.
    """
    with_images = _group_by_pattern(folder for folder in folders if folder.images)
    named = _group_by_pattern(folders)
    samples: dict[Camera, Folder] = {
        camera: (with_images[camera] or named[camera])[0][0]
        for camera in CAMERA_FOLDERS
        if len(with_images[camera] or named[camera]) == 1
    }
    if len(samples) == len(CAMERA_FOLDERS):
        layout = _pair_up(raw_dir, samples, folders)
        empty = FolderPair(samples["visible"].path, samples["thermal"].path, Place(None, ""))
        return layout if layout.pairs else dataclasses.replace(layout, pairs=(empty,))
    if len(samples) == 1 and any(with_images.values()):
        ((camera, sample),) = samples.items()
        raise MdjaxError(_describe_missing_camera(raw_dir, camera, sample, folders))
    raise MdjaxError(_describe_unknown_layout(raw_dir, folders))


def _describe_missing_camera(
    raw_dir: Path, camera: Camera, sample: Folder, folders: Sequence[Folder]
) -> str:
    """What is missing where the folders of one camera alone are there."""
    other: Camera = "thermal" if camera == "visible" else "visible"
    first, *_ = CAMERA_FOLDERS[other]
    others = [folder for folder in folders if folder.images and folder.camera is None]
    there = f" ({_list_folders(others)} might hold them)" if others else ""
    if sample.parts[0] == CAMERA_FOLDERS[camera][0]:
        return f"{raw_dir / first}: folder is missing; put the {other} images there{there}."
    return (
        f"{sample.pattern}: holds {camera} images, but no folder is named after {other} ones; "
        f"name it {', '.join(CAMERA_FOLDERS[other][:-1])} or {CAMERA_FOLDERS[other][-1]}{there}."
    )


def _list_folders(folders: Sequence[Folder]) -> str:
    shown = [
        f"{PurePath(*folder.parts).as_posix()}/ ({format_count(len(folder.images), 'image')})"
        for folder in folders[:_MAX_SHOWN_FOLDERS]
    ]
    if len(folders) > len(shown):
        shown.append(f"{format_count(len(folders) - len(shown), 'more folder')} of images")
    return ", ".join(shown)


def _describe_unknown_layout(raw_dir: Path, folders: Sequence[Folder]) -> str:
    """What was looked for, what is there, and what would help."""
    with_images = [folder for folder in folders if folder.images]
    if not with_images:
        endings = ", ".join(f"*{end}" for end in IMAGE_SUFFIXES)
        return f"there are no images in it ({endings}); give the folder that holds them."
    there = _list_folders(with_images)
    remedy = (
        "rename the folders to visible/ and thermal/, or, if both images of a pair are in one "
        "folder, the files to NAME_rgb and NAME_ir"
    )
    if find_camera(raw_dir.name) is not None:
        remedy = f"give the folder that both cameras' are in, {raw_dir.parent}"
    visible, thermal = (", ".join(names) for names in CAMERA_FOLDERS.values())
    return (
        f"no layout fits: looked for a folder of visible images ({visible}) and one of thermal "
        f"images ({thermal}), or for names such as a_rgb.png and a_ir.png in one folder; there is "
        f"{there}; {remedy}."
    )
