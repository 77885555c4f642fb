"""JSON files that are either the old or the new content, never half of one.

JSON knows no infinities and no NaN: they are written as null, which every reader takes for "no
value". Numbers of NumPy and JAX, paths and tuples are written as what they stand for.

A sealed file carries a checksum of its values, so that a changed byte does not pass for another
value. What people may edit, such as `config.json`, is not sealed.
"""

import contextlib
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mdjax.io.write_failure import explain_write_failure
from mdjax.types import MdjaxError

SEAL_KEY = "checksum"
"""Of a sealed file; older versions of mdjax wrote none."""


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
        with _naming(path):
            with temporary.open("w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
    finally:  # Also where Ctrl-C comes between the two.
        _remove(temporary)


@contextlib.contextmanager
def write_json_list(
    path: Path, head: Mapping[str, Any], key: str
) -> Iterator[Callable[[Any], None]]:
    """Give a function that appends to the list in a JSON file, so that it need not be in memory.

    The file has its name once it is complete: what fails before leaves `path` as it was.

    Args:
        path: File to write.
        head: What comes before the list, at least one value.
        key: Name of the list.

    Raises:
        MdjaxError: The file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.incomplete")
    separator = "\n    "
    with contextlib.ExitStack() as stack:
        stack.callback(_remove, temporary)
        with _naming(path):
            stream = stack.enter_context(temporary.open("w", encoding="utf-8"))
            start = format_json(head, indent=2).removesuffix("\n}")
            stream.write(f"{start},\n  {format_json(key)}: [")

        def append(item: Any) -> None:
            nonlocal separator
            with _naming(path):
                stream.write(f"{separator}{format_json(item)}")
            separator = ",\n    "

        yield append
        with _naming(path):
            stream.write("\n  ]\n}\n")
            stream.flush()
            os.fsync(stream.fileno())
            stream.close()
            temporary.replace(path)


def _remove(temporary: Path) -> None:
    """Remove what was not completed; where nothing can be written, there is nothing either."""
    with contextlib.suppress(OSError):
        temporary.unlink()


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Within this context, failures to write are messages about the file."""
    try:
        yield
    except OSError as error:
        reason = explain_write_failure(path, error)
        raise MdjaxError(f"{path}: cannot be written: {reason}") from error


def read_json(path: Path, *, remedy: str = "") -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        remedy: What to do if it is damaged, for the message.

    Raises:
        MdjaxError: It is missing, or not the JSON that this module writes.
    """
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MdjaxError(
            f"{path}: cannot be read: {error.strerror or error}. {remedy}".rstrip()
        ) from error
    except (ValueError, RecursionError) as error:
        raise MdjaxError(f"{path}: damaged or truncated ({error}). {remedy}".rstrip()) from error


def read_json_object(path: Path, *, remedy: str = "") -> dict[str, Any]:
    """Read a JSON file of keys and values.

    Raises:
        MdjaxError: As `read_json`, or it holds something else.
    """
    values = read_json(path, remedy=remedy)
    if not isinstance(values, dict):
        raise MdjaxError(f"{path}: damaged (holds no keys and values). {remedy}".rstrip())
    return values


def seal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Add a checksum to values that are to be written."""
    return {**values, SEAL_KEY: _compute_checksum(values)}


def unseal(
    values: Mapping[str, Any], path: Path, *, is_required: bool = False, remedy: str = ""
) -> dict[str, Any]:
    """Check and remove the checksum of values that were read.

    Args:
        values: From `read_json_object`.
        path: Their file, for the message.
        is_required: False for files that older versions of mdjax wrote without one.
        remedy: What to do if they are damaged, for the message.

    Raises:
        MdjaxError: They are not the values that were sealed.
    """
    rest = {name: value for name, value in values.items() if name != SEAL_KEY}
    if (is_required or SEAL_KEY in values) and values.get(SEAL_KEY) != _compute_checksum(rest):
        raise MdjaxError(
            f"{path}: damaged, truncated or changed since it was written (its checksum does not "
            f"fit). {remedy}".rstrip()
        )
    return rest


def parse_json(text: str) -> Any:
    """Read strict JSON: no infinities, no key twice.

    Raises:
        ValueError: It is something else.
    """
    return json.loads(text, object_pairs_hook=_read_object, parse_constant=_refuse_constant)


def _compute_checksum(values: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(format_json(values).encode()):08x}"


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key is there twice")
    return values


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")
