"""Whole files, with one message for every way that reading can fail."""

import hashlib
from pathlib import Path

from mdjax.types import MdjaxError


def read_bytes(path: Path, name: str, remedy: str = "") -> bytes:
    """Read a file.

    Args:
        path: The file.
        name: What a person calls it.
        remedy: What to do where it is missing.

    Raises:
        MdjaxError: It is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise MdjaxError(f"{name}: file is missing{remedy and f'; {remedy}'}.") from None
    except OSError as error:
        raise MdjaxError(f"{name}: cannot be read ({error.strerror}).") from error


def measure_file(path: Path) -> int | None:
    """Return the size of a file in bytes; None where there is none, nor can be one of this name."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:  # Such as a name that is too long, in a damaged list of files.
        return None


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path, name: str) -> str:
    """Read a text file.

    Raises:
        MdjaxError: It is missing, cannot be read or is not UTF-8 text.
    """
    data = read_bytes(path, name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MdjaxError(f"{name}: is not UTF-8 text; save it as UTF-8.") from None
    # UTF-8 by its bytes, but no text: UTF-16 without accents, a damaged file, or a binary one.
    if "\0" in text:
        raise MdjaxError(f"{name}: holds zero bytes, so it is not UTF-8 text; save it as UTF-8.")
    return text
