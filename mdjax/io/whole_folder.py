"""Folders that are either complete or not there, also after a kill or a power cut."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from mdjax.io.write_failure import explain_write_failure
from mdjax.types import MdjaxError

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextlib.contextmanager
def write_whole_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill, which takes the place of `path` once it is full.

    What fails while it is filled leaves `path` as it was.

    Raises:
        MdjaxError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.incomplete")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        _sync(temporary)
        _publish(temporary, path)
    except OSError as error:
        # Nobody knows the temporary folder. Of what is read meanwhile, others tell.
        failed = Path(str(error.filename))
        if temporary not in (failed, *failed.parents) and failed not in temporary.parents:
            raise
        reason = explain_write_failure(failed, error)
        raise MdjaxError(f"{path}: cannot be written: {reason}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def locate_whole_folder(path: Path, marker: str) -> Path | None:
    """Find the folder of this path, or the older one if a kill came between two renames.

    Args:
        path: Its name.
        marker: File without which it is no such folder.
    """
    for candidate in (path, _name_aside(path)):
        if (candidate / marker).is_file():
            return candidate
    return None


def link_files(source: Path, target: Path) -> None:
    """Put the files of a folder into another one too, as hard links where the disk knows them.

    Files of such folders are replaced, never changed, so that the two stay independent.
    """
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, place)
        except OSError:
            shutil.copy2(path, place)


def sync_path(path: Path) -> None:
    """Wait until a file, or the list of names of a folder, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_disk_full(error: BaseException | None) -> bool:
    """Say whether it was the disk that failed a write.

    Also where the error comes from tensorstore, which gives the system's words only.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            return True
        if any(os.strerror(number) in str(error) for number in _DISK_FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def _sync(folder: Path) -> None:
    """Wait until everything in a folder is on the disk, so that a power cut cannot take it."""
    for path in (*folder.rglob("*"), folder):
        sync_path(path)


def _publish(temporary: Path, path: Path) -> None:
    """Put a complete folder in its place; the old one is moved aside first and removed last.

    A folder cannot replace another in one step. A process that dies between the two renames leaves
    the old one under the name that `locate_whole_folder` knows.
    """
    aside = _name_aside(path)
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    temporary.rename(path)
    sync_path(path.parent)  # The new one is there before the old one goes.
    shutil.rmtree(aside, ignore_errors=True)


def _name_aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.previous")
