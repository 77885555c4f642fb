"""Shared code of the commands that prepare published data sets."""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG, CheckedPairs
from data_builders.command import DEFAULT_DATA_DIR, DataDir, Overwrite, PairOptions
from data_builders.pair_builder import AnnotatedPairs, prepare_checked
from data_builders.prepared import PreparedSummary


@dataclass(frozen=True)
class PublishedOptions(PairOptions):
    """Options of every command that prepares a published data set.

    Attributes:
        raw: Folder of the download.
        name: Name of this version; its full name for training is `DATASET/NAME`.
    """

    raw: Path
    data_dir: DataDir = DEFAULT_DATA_DIR
    name: str = DEFAULT_CONFIG
    overwrite: Overwrite = False

    def write(
        self,
        builder_class: type[AnnotatedPairs],
        checked: CheckedPairs,
        *,
        show_progress: bool = False,
    ) -> PreparedSummary:
        """Write a checked data set as `DATASET/NAME`; see `prepare_checked`."""
        return prepare_checked(
            builder_class,
            checked,
            self.data_dir,
            name=self.name,
            overwrite=self.overwrite,
            show_progress=show_progress,
        )
