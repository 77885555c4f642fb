"""The folder of a download: the one that was meant, and what of it is not read."""

from collections.abc import Sequence
from pathlib import Path

from mdjax.types import MdjaxError, format_count


def check_raw_folder(raw_dir: Path, entries: Sequence[str]) -> None:
    """Refuse a folder that has none of the entries that the data set has.

    Args:
        raw_dir: The folder that was given.
        entries: Paths inside the right one, of which at least one is there.

    Raises:
        MdjaxError: There is no such folder, or nothing of the data set is in it; if a folder inside
            it is the right one, the message names that.
    """
    wanted = ", ".join(entries)
    if not raw_dir.is_dir():
        raise MdjaxError(f"{raw_dir}: there is no such folder; give the one with {wanted}.")
    if _has_any(raw_dir, entries):
        return
    inner = [path for path in sorted(raw_dir.iterdir()) if path.is_dir()]
    if right := [path for path in inner if _has_any(path, entries)]:
        raise MdjaxError(f"{raw_dir}: has none of {wanted}, but {right[0].name}/ has; give that.")
    held = ", ".join(f"{path.name}/" for path in inner[:3]) or "no folders"
    more = f" and {format_count(len(inner) - 3, 'other')}" if len(inner) > 3 else ""
    raise MdjaxError(
        f"{raw_dir}: has none of {wanted}, but {held}{more}; give the folder that has them."
    )


def _has_any(folder: Path, entries: Sequence[str]) -> bool:
    return any((folder / entry).exists() for entry in entries)
