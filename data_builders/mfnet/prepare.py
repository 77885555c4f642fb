"""The command that prepares MFNet."""

from dataclasses import dataclass
from pathlib import Path

from data_builders.command import DEFAULT_DATA_DIR, DataDir, Overwrite, PairOptions
from data_builders.mfnet.builder import MFNet
from data_builders.mfnet.layout import check_raw_mfnet
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary


@dataclass(frozen=True)
class PrepareMfnet(PairOptions):
    """Check an MFNet download and package it.

    Attributes:
        raw: Folder of the download, with `images/`, `labels/` and the lists.
        include_flips: Also package the mirror images that the lists name `*_flip`.
    """

    raw: Path
    data_dir: DataDir = DEFAULT_DATA_DIR
    include_flips: bool = False
    overwrite: Overwrite = False

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `mfnet/original`, or `mfnet/with_flips`; see `PrepareCommand`."""
        checked = check_raw_mfnet(
            self.raw.resolve(),
            include_flips=self.include_flips,
            skip_faulty=self.skip_faulty,
            show_progress=show_progress,
        )
        return prepare_checked(
            MFNet, checked, self.data_dir, overwrite=self.overwrite, show_progress=show_progress
        )
