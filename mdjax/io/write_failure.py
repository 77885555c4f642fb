"""Why a file or a folder cannot be written, in words about the path that the user gave."""

import errno
import os
from pathlib import Path

from mdjax.types import MdjaxError


def make_folder(folder: Path) -> None:
    """Make a folder to write to, if it is not there.

    Raises:
        MdjaxError: It cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        place = Path(error.filename or folder)  # Perhaps one of the folders above it.
        reason = explain_write_failure(place, error)
        raise MdjaxError(f"{folder}: cannot be created: {reason}") from error


def explain_write_failure(path: Path, error: OSError) -> str:
    """Return the reason and the remedy, as the end of a message.

    The system names neither the file that is in the way of a folder, nor the folder that is absent.

    Args:
        path: The file or folder, as the user knows it.
        error: What the system says.
    """
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        file = next((place for place in (path, *path.parents) if _is_no_folder(place)), path)
        return f"{file} is not a folder; give another folder."
    if error.errno == errno.EISDIR:
        return "it is a folder; give another name."
    if error.errno == errno.ENOENT and path.parent.is_dir():
        return f"{path.parent} takes no new files or folders; give another folder."
    if error.errno == errno.ENOENT:
        return f"there is no folder {path.parent}; create it, or give another one."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{reason}; give another folder, or get the right to write there."
    if error.errno == errno.ENAMETOOLONG:
        return "the name is too long; give a shorter one."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{reason}; free some space there, or give another folder."
    return f"{reason}."


def _is_no_folder(place: Path) -> bool:
    return os.path.lexists(place) and not place.is_dir()
