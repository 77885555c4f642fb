"""Shared code of the commands that prepare data sets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Protocol

import tyro

from data_builders.prepared import PreparedSummary

DataDir = Annotated[Path, tyro.conf.arg(help="Folder of prepared data sets.")]
Overwrite = Annotated[bool, tyro.conf.arg(help="Replace what was prepared before.")]

SkipFaulty = Annotated[
    bool,
    tyro.conf.arg(
        help="Leave faulty pairs out, instead of refusing all; a file in the folder of prepared "
        "data sets lists them."
    ),
]
Report = Annotated[
    Path | None,
    tyro.conf.arg(
        help="JSON file for every fault, warning and note; written even if nothing is prepared."
    ),
]
ContactSheet = Annotated[
    Path | None,
    tyro.conf.arg(
        help="PNG file for pictures of 12 prepared pairs with their boxes or masks; without it, "
        "they go to contact_sheet.png beside the folder of the records."
    ),
]

DEFAULT_DATA_DIR = Path("data")


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Options of every command that prepares pairs from files.

    Attributes:
        skip_faulty: Leave faulty pairs out.
        report: JSON file for all that was found.
        contact_sheet: PNG file for pictures of prepared pairs.
    """

    skip_faulty: SkipFaulty = False
    report: Report = None
    contact_sheet: ContactSheet = None


class PrepareCommand(Protocol):
    """The options of one data set; the docstring of its class is its help text."""

    @property
    def data_dir(self) -> Path:
        """Folder of prepared data sets."""
        ...

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Check or generate the data set, write it, and return its summary.

        Args:
            show_progress: Draw a progress bar on standard error.

        Raises:
            MdjaxError: The files or settings are faulty, or the data folder holds this data set
                prepared from others. Nothing is written or changed then.
        """
        ...
