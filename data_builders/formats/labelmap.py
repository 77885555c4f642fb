"""What the colours of masks mean: `labelmap.txt`, as CVAT writes it beside them.

    # label:color_rgb:parts:actions
    background:0,0,0::
    person:192,128,64::

Parts and actions are not used, and may be left out. The colour of `ignored` or `void` is not
counted, unless it is a class.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from data_builders.checks.label_maps import Rgb
from mdjax.io.findings import Findings
from mdjax.types import IGNORED_LABEL

LABELMAP_FILE = "labelmap.txt"

BACKGROUND = "background"
"""What the tool calls the pixels of no object."""

_IGNORED_NAMES = ("ignored", "ignore", "void")
_MAX_VALUE = 255


class LabelColour(NamedTuple):
    """A line of the file."""

    name: str
    rgb: Rgb
    where: str
    """File and line, for messages."""


def read_labelmap(text: str, name: str, findings: Findings) -> list[LabelColour]:
    """Read all lines; those without a colour, and names or colours twice, go to the findings.

    Args:
        text: Content of the file.
        name: Name of the file, for messages.
        findings: Takes what is wrong.
    """
    colours: list[LabelColour] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{name}, line {number}"
        label, _, rest = line.strip().partition(":")
        rgb = _read_rgb(rest.partition(":")[0])
        if rgb is None or not label.strip():
            findings.problems.append(
                f"{where}: needs NAME:RED,GREEN,BLUE with values from 0 to {_MAX_VALUE}, is "
                f"{line.strip()!r}; correct it."
            )
            continue
        colours.append(LabelColour(label.strip(), rgb, where))
    seen: dict[object, LabelColour] = {}
    for colour in colours:
        for key, what in ((colour.name, f"name {colour.name!r}"), (colour.rgb, "colour")):
            first = seen.setdefault(key, colour)
            if first is not colour:
                findings.problems.append(
                    f"{colour.where}: has the {what} of {first.where.rpartition(', ')[2]}; correct "
                    "one of them."
                )
    if not colours:
        findings.problems.append(f"{name}: lists no class; write a line NAME:RED,GREEN,BLUE each.")
    return colours


def list_labelmap_names(colours: Sequence[LabelColour]) -> tuple[str, ...]:
    """Class names in the order of the lines, the background first; without what is not counted."""
    names = [colour.name for colour in colours if colour.name.lower() not in _IGNORED_NAMES]
    return tuple(sorted(names, key=lambda name: name.lower() != BACKGROUND))


def assign_colours(
    colours: Sequence[LabelColour], class_names: Sequence[str], findings: Findings
) -> Mapping[Rgb, int]:
    """Class ids by colour; names that are no class go to the findings.

    Args:
        colours: Lines of the file.
        class_names: Names by class id.
        findings: Takes what is wrong.
    """
    ids = {name: class_id for class_id, name in enumerate(class_names)}
    assigned: dict[Rgb, int] = {}
    for colour in colours:
        if colour.name in ids:
            assigned[colour.rgb] = ids[colour.name]
        elif colour.name.lower() in _IGNORED_NAMES:
            assigned[colour.rgb] = IGNORED_LABEL
        else:
            findings.problems.append(
                f"{colour.where}: {colour.name!r} is not in classes.txt, which has "
                f"{', '.join(class_names)}; make the names equal."
            )
    return assigned


def _read_rgb(text: str) -> Rgb | None:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    red, green, blue = (int(part) for part in parts)
    return (red, green, blue) if max(red, green, blue) <= _MAX_VALUE else None
