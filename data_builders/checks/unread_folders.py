"""Folders next to those that are read: their files look like data, but are not used."""

from collections.abc import Collection
from pathlib import Path

from mdjax.io.image_files import IMAGE_SUFFIXES

_DATA_SUFFIXES = (*IMAGE_SUFFIXES, ".txt", ".json", ".xml", ".mat", ".npy")


def describe_unread_folders(folder: Path, read: Collection[str]) -> list[str]:
    """Describe each folder inside `folder` that holds data and is not read, in one line each."""
    return [
        f"{path.relative_to(folder).as_posix()}/ is not read; read are "
        f"{', '.join(f'{name}/' for name in sorted(read))}."
        for path in sorted(folder.iterdir())
        if path.is_dir()
        and path.name not in read
        and not path.name.startswith(".")
        and any(file.suffix.lower() in _DATA_SUFFIXES for file in path.rglob("*"))
    ]
