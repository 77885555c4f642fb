"""Shared code of the commands that prepare data sets."""

from pathlib import Path
from typing import Annotated, Protocol

import tyro

from data_builders.prepared import PreparedSummary

DataDir = Annotated[Path, tyro.conf.arg(help="Folder of prepared data sets.")]
Overwrite = Annotated[bool, tyro.conf.arg(help="Replace what was prepared before.")]

DEFAULT_DATA_DIR = Path("data")


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
