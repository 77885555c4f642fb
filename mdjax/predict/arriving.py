"""Image pairs in folders that a camera is filling, found once both files are whole."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mdjax.io.findings import Findings, name_first
from mdjax.io.folder_tree import scan_folders
from mdjax.io.image_files import IMAGE_SUFFIXES, list_files
from mdjax.models.modalities import VISIBLE, Missing
from mdjax.predict.folders import find_in_two_folders
from mdjax.predict.pairs import PairFiles
from mdjax.types import MdjaxError

PATIENCE_S = 5.0
"""Seconds that a file may stay as it is before it counts as damaged, not as half written."""

_Marks = tuple[tuple[int, int], ...]
"""Size and time of change of each file."""


class _Seen(NamedTuple):
    """What a pair's files were like, and since when."""

    marks: _Marks
    since_s: float


class ArrivingPairs:
    """The pairs of folders that are being filled, each given until it is done."""

    def __init__(
        self,
        visible_dir: Path,
        thermal_dir: Path | None = None,
        *,
        missing: Missing = "none",
        clock: Callable[[], float] = time.monotonic,
    ):
        """Watch folders.

        Args:
            visible_dir: With the visible images, or images that stand alone.
            thermal_dir: With the thermal images; may be the same one, where words in names tell the
                cameras. None where each image stands alone.
            missing: Image that the network does without. If that is the visible one and there is no
                `thermal_dir`, the images are thermal ones.
            clock: Seconds.

        Raises:
            MdjaxError: A folder is missing, or images that stand alone are in folders of one.
        """
        self._folders = (visible_dir, thermal_dir)
        for folder in (visible_dir, thermal_dir):
            if folder is not None and not folder.is_dir():
                raise MdjaxError(
                    f"{folder}: is no folder; give one that is being filled, and make it first. "
                    "Nothing was written."
                )
        inside = (
            sorted(
                x.name for x in visible_dir.iterdir() if x.is_dir() and not x.name.startswith(".")
            )
            if thermal_dir is None
            else []
        )
        if inside:
            raise MdjaxError(
                f"{visible_dir}: holds the folders {name_first(inside)}; give the folder of the "
                "visible images, and that of the thermal ones as --thermal. Nothing was written."
            )
        self._is_thermal_alone = missing == VISIBLE and thermal_dir is None
        self._clock = clock
        self._seen: dict[tuple[Path, ...], _Seen] = {}
        self._done: set[Path] = set()
        self._last_change_s: float | None = None

    def poll(self) -> list[PairFiles]:
        """Look once, and return the pairs that are not done and have not changed since last time.

        Pairs come in the order of their names. A file that has not been there before, or that has
        changed, is given at the next look at the earliest: it may be half written.
        """
        if self._last_change_s is None:
            self._last_change_s = self._clock()
        ready: list[PairFiles] = []
        found = self.find_open()
        # What was taken away again is not waited for.
        self._seen = {x.paths: self._seen[x.paths] for x in found if x.paths in self._seen}
        for files in found:
            marks = _read_marks(files)
            seen = self._seen.get(files.paths)
            if seen is None or seen.marks != marks:
                now_s = self._last_change_s = self._clock()
                self._seen[files.paths] = _Seen(marks, now_s)
            elif all(size for size, _ in marks) or not self.may_change(files):
                ready.append(files)
        return ready

    def may_change(self, files: PairFiles) -> bool:
        """Say whether files that cannot be read may still be in the hands of what writes them."""
        return self._clock() - self._seen[files.paths].since_s < PATIENCE_S

    def set_done(self, files: PairFiles) -> None:
        """Give a pair no more."""
        self._done.update(files.paths)
        self._seen.pop(files.paths, None)

    @property
    def folders(self) -> list[Path]:
        """The folders that are watched."""
        return [folder for folder in self._folders if folder is not None]

    def get_idle_seconds(self) -> float:
        """Return for how long nothing new has come, from the first look on."""
        return 0.0 if self._last_change_s is None else self._clock() - self._last_change_s

    @property
    def has_open(self) -> bool:
        """Whether there are pairs that were seen and are not done."""
        return bool(self._seen)

    def find_without_partner(self) -> list[Path]:
        """List the files whose partner is not there."""
        visible_dir, thermal_dir = self._folders
        if thermal_dir is None:
            return []
        found = {path for files in self.find_open() for path in files.paths}
        return sorted(_list_images(visible_dir, thermal_dir) - found - self._done)

    def find_open(self) -> list[PairFiles]:
        """List the pairs that are there and not done, in the order of their names.

        Names are matched over all files, so that those that are done say what names are like.
        """
        return [files for files in self._find() if self._done.isdisjoint(files.paths)]

    def _find(self) -> list[PairFiles]:
        visible_dir, thermal_dir = self._folders
        if thermal_dir is not None:
            # What has no partner may get one, and an empty folder may be filled: no problems yet.
            found = find_in_two_folders(visible_dir, thermal_dir, Findings())
            return [PairFiles(name, *paths) for name, paths in sorted(found.items())]
        alone = list_files(visible_dir, Findings(), IMAGE_SUFFIXES).items()
        if self._is_thermal_alone:
            return [PairFiles(name, None, path) for name, path in alone]
        return [PairFiles(name, path) for name, path in alone]


def _list_images(*folders: Path) -> set[Path]:
    return {
        inner.path / name
        for folder in folders
        for inner in scan_folders(folder)
        for name in inner.images
    }


def _read_marks(files: PairFiles) -> _Marks:
    return tuple(_read_mark(path) for path in files.paths)


def _read_mark(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # Gone again: it is not whole.
        return 0, 0
    return status.st_size, status.st_mtime_ns
