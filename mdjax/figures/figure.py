"""A figure of a paper: which networks it needs, and who draws it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.runs.loading import LoadedNetwork
from mdjax.studies.table import Setting

Draw = Callable[[Mapping[str, LoadedNetwork], Path, bool], Mapping[str, Any]]
"""From networks by row, the PNG file to write and whether visible images are shown to what is told
of the figure, such as the test images that were chosen."""


@dataclass(frozen=True)
class Figure:
    """A figure, which a setting fills with networks of its first seed.

    Attributes:
        name: What is typed for it, such as "fig3".
        title: What it shows.
        rows: The networks that it needs; their weights, not only their results.
        draw: Writes it.
        settings: By scale: "small", "paper", and "medium" where there is one.
    """

    name: str
    title: str
    rows: tuple[str, ...]
    draw: Draw
    settings: Mapping[str, Setting]
