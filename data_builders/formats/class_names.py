"""Lists of class names: one per line, or in a YAML file as YOLO's tools write it.

    names: [person, car]        nc: 2

or `names:` as lines with a dash, or as lines `0: person`. Line or entry 1 is class 0.
"""

from pathlib import Path
from typing import Any

import yaml

from mdjax.io.read_file import read_text
from mdjax.types import MdjaxError


def read_class_names(path: Path, name: str) -> tuple[str, ...]:
    """Read a file with one class name per line; line 1 is class 0.

    Raises:
        MdjaxError: The file is missing, or has no names, an empty line between names, or a name
            twice.
    """
    if not path.exists():
        raise MdjaxError(f"{name}: file is missing; write one class name per line.")
    text = read_text(path, name)
    names = tuple(line.strip() for line in text.rstrip().splitlines())
    if not names:
        raise MdjaxError(f"{name}: holds no class names; write one per line.")
    if "" in names:
        raise MdjaxError(
            f"{name}, line {names.index('') + 1}: is empty, but lines count; write a class name."
        )
    _check_distinct(names, name)
    return names


def read_yaml_class_names(text: str, name: str) -> tuple[str, ...] | None:
    """Read the entry `names` of a YAML file; None where it has none.

    Args:
        text: Content of the file.
        name: Name of the file, for messages.

    Raises:
        MdjaxError: The text is no YAML, or `names` is neither a list of distinct names nor a
            mapping from every class number; or `nc` is another number, or the labels hold
            keypoints besides boxes.
    """
    try:
        # All scalars stay text: a class may be called "no" or "1e3".
        content = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise MdjaxError(f"{name}: is not YAML ({reason}); correct it.") from error
    if not isinstance(content, dict) or "names" not in content:
        return None
    names = _read_names(content["names"], name)
    _check_distinct(names, name)
    if (count := content.get("nc")) is not None and count != str(len(names)):
        raise MdjaxError(
            f"{name}: nc is {count!r}, but names has {len(names)} entries; correct one of them."
        )
    if "kpt_shape" in content:
        raise MdjaxError(
            f"{name}: kpt_shape says that the labels hold keypoints, which are not read; export "
            "boxes alone."
        )
    return names


def _read_names(entries: Any, name: str) -> tuple[str, ...]:
    remedy = "write names: [person, car] with one name for each class, class 0 first"
    if isinstance(entries, dict):
        wanted = [str(i) for i in range(len(entries))]
        if set(entries) != set(wanted):
            raise MdjaxError(
                f"{name}: the numbers of names are {', '.join(map(str, entries)) or 'missing'}; "
                "give each from 0 a name, without a gap."
            )
        entries = [entries[number] for number in wanted]
    if not isinstance(entries, list) or not entries:
        raise MdjaxError(f"{name}: names is no list of class names; {remedy}.")
    if not all(isinstance(entry, str) and entry.strip() for entry in entries):
        raise MdjaxError(f"{name}: names holds an entry that is no name; {remedy}.")
    return tuple(entry.strip() for entry in entries)


def _check_distinct(names: tuple[str, ...], name: str) -> None:
    if twice := sorted({label for label in names if names.count(label) > 1}):
        raise MdjaxError(f"{name}: names {', '.join(twice)} more than once.")
