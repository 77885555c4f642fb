"""JSON files that are either the old or the new content, never half of one.

JSON knows no infinities and no NaN: they are written as null, which every reader takes for "no
value". Numbers of NumPy and JAX, paths and tuples are written as what they stand for.
"""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mdjax.types import MdjaxError


def to_plain(value: Any) -> Any:
    """Turn a value into dictionaries, lists, strings, finite numbers, booleans and None."""
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        return to_plain(np.asarray(value).tolist())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def restore_scores(values: Mapping[str, float | None]) -> dict[str, float]:
    """Turn scores that were read from JSON into numbers again: null into NaN."""
    return {name: math.nan if value is None else value for name, value in values.items()}


def format_json(value: Any, *, indent: int | None = None) -> str:
    """Format a value as strict JSON, non-finite numbers as null."""
    return json.dumps(to_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Replace a file with `value` as JSON, at once.

    Raises:
        MdjaxError: The file cannot be written; the old one is left as it was.
    """
    write_text(path, format_json(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace a file with `text`, at once: readers see the old or the new content.

    Raises:
        MdjaxError: The file cannot be written; the old one is left as it was.
    """
    temporary = path.with_name(f".{path.name}.incomplete")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise MdjaxError(f"{path}: cannot be written: {error.strerror or error}") from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        MdjaxError: It is missing or no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MdjaxError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise MdjaxError(f"{path}: damaged or cut short ({error}).") from error
