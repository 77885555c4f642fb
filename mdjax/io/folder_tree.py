"""The folders of a person's data set, and what their names say about what is in them.

A layout is an order of such names, and all orders are read alike: `visible/train/`,
`train/visible/` and `images/train/visible/` hold the visible images of the split "train".
"""

import itertools
import os
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from mdjax.io.image_files import IMAGE_SUFFIXES, compose_name

Camera = Literal["visible", "thermal"]

CAMERA_FOLDERS: Mapping[Camera, tuple[str, ...]] = {
    "visible": ("visible", "visual", "vis", "vi", "rgb", "color", "colour"),
    "thermal": ("thermal", "infrared", "ir", "tir", "lwir", "fir", "t", "modalx"),
}
"""Names of folders of images, in lower case; the first of each is the one in our documentation."""

SPLIT_NAMES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Names of the folders and lists of each split."""

SPLITS = tuple(SPLIT_NAMES)

ANNOTATION_FOLDERS = (
    *("labels", "label", "annotations", "annotation"),
    *("masks", "mask", "segmentationclass", "gt"),
)
"""Names of folders of annotations, which may hold images too."""

CONTAINER_FOLDERS = ("images", "image", "imgs", "img", "jpegimages", "data")
"""Names of folders that say nothing; names of pairs do not contain them."""

_CAMERA_OF_NAME: Mapping[str, Camera] = {
    name: camera for camera, names in CAMERA_FOLDERS.items() for name in names
}
_SPLIT_OF_NAME = {name: split for split, names in SPLIT_NAMES.items() for name in names}


class Place(NamedTuple):
    """What a folder's path says besides the camera."""

    split: str | None
    """None where no folder tells it."""
    sequence: str
    """The folders that tell nothing else, joined with `/`; empty where there are none."""


class Folder(NamedTuple):
    """A folder, and what the names in its path say."""

    path: Path
    parts: tuple[str, ...]
    """Its path inside the folder of the data set."""
    files: tuple[str, ...]
    """Names of the files directly in it, in order."""
    has_folders: bool
    camera: Camera | None
    camera_index: int | None
    """Which of the parts names the camera."""
    annotation_index: int | None
    """Which of them says that it holds annotations."""
    place: Place

    @property
    def images(self) -> list[str]:
        """Names of the image files."""
        return [name for name in self.files if name.lower().endswith(IMAGE_SUFFIXES)]

    @property
    def is_outermost(self) -> bool:
        """Whether nothing before the camera's name says anything, such as the split."""
        return all(part.lower() in CONTAINER_FOLDERS for part in self.parts[: self.camera_index])

    @property
    def pattern(self) -> str:
        """The order of its names, with `*` for splits and sequences, such as `*/visible/`."""
        names = [
            part
            if index in (self.camera_index, self.annotation_index)
            or part.lower() in CONTAINER_FOLDERS
            else "*"
            for index, part in enumerate(self.parts)
        ]
        return "".join(f"{name}/" for name, _ in itertools.groupby(names)).removesuffix("*/")


def find_camera(name: str) -> Camera | None:
    """The camera that a folder of this name is of."""
    return _CAMERA_OF_NAME.get(name.lower())


def find_split(name: str) -> str | None:
    """The split that a folder or a list of this name is of."""
    return _SPLIT_OF_NAME.get(name.lower())


def is_known_name(name: str) -> bool:
    """Whether a folder of this name is of a camera, of a split, of annotations or of images."""
    word = name.lower()
    known = (_CAMERA_OF_NAME, _SPLIT_OF_NAME, ANNOTATION_FOLDERS, CONTAINER_FOLDERS)
    return any(word in names for names in known)


def scan_folders(raw_dir: Path) -> list[Folder]:
    """All folders of a data set, the outermost first, without hidden ones."""
    folders: list[Folder] = []
    for root, names, files in os.walk(raw_dir, followlinks=True):
        path = Path(root)
        names[:] = sorted(name for name in names if _is_entered(path / name))
        # Some systems leave hidden companions of each image, such as ._a.png.
        shown = tuple(sorted(name for name in files if not name.startswith(".")))
        parts = path.relative_to(raw_dir).parts
        folders.append(_read_folder(path, parts, shown, has_folders=bool(names)))
    return folders


def _is_entered(path: Path) -> bool:
    """Whether a folder is neither hidden nor a link to one that it is in."""
    if path.name.startswith("."):
        return False
    return not path.is_symlink() or not path.parent.resolve().is_relative_to(path.resolve())


def _read_folder(
    path: Path, parts: tuple[str, ...], files: tuple[str, ...], *, has_folders: bool
) -> Folder:
    words = [part.lower() for part in parts]
    camera_index = _find_first(words, _CAMERA_OF_NAME)
    annotation_index = _find_first(words, ANNOTATION_FOLDERS)
    rest = [
        compose_name(part)
        for index, part in enumerate(parts)
        if index not in (camera_index, annotation_index) and words[index] not in CONTAINER_FOLDERS
    ]
    # Also inside the folders of sequences: `day/visible/train/` is of the split "train".
    splits = [index for index, name in enumerate(rest) if find_split(name) is not None]
    split = find_split(rest.pop(splits[0])) if splits else None
    return Folder(
        path=path,
        parts=parts,
        files=files,
        has_folders=has_folders,
        camera=None if camera_index is None else find_camera(words[camera_index]),
        camera_index=camera_index,
        annotation_index=annotation_index,
        place=Place(split, "/".join(rest)),
    )


def _find_first(words: list[str], known: Container[str]) -> int | None:
    return next((index for index, word in enumerate(words) if word in known), None)
