"""The command that prepares MSRS."""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG
from data_builders.command import DEFAULT_DATA_DIR, DataDir, Overwrite, PairOptions
from data_builders.msrs.builder import Msrs
from data_builders.msrs.layout import SEGMENTATION_FOLDER, VAL_EVERY, check_raw_msrs
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary


@dataclass(frozen=True)
class PrepareMsrs(PairOptions):
    """Check MSRS pairs with boxes and package them.

    Attributes:
        raw: Folder with `train/`, `test/` and `classes.txt`.
        classes: Classes of boxes to keep; others are dropped.
        val_every: Every Nth name of `train/` goes to the split "val"; 0 for no such split.
        segmentation_folder: Folder of label maps inside `train/` and `test/`; used if present.
        name: Name of this version; its full name for training is `msrs/NAME`.
    """

    raw: Path
    classes: tuple[str, ...] = ("person",)
    val_every: int = VAL_EVERY
    segmentation_folder: str = SEGMENTATION_FOLDER
    data_dir: DataDir = DEFAULT_DATA_DIR
    name: str = DEFAULT_CONFIG
    overwrite: Overwrite = False

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `msrs/NAME`; see `PrepareCommand`."""
        checked = check_raw_msrs(
            self.raw.resolve(),
            classes=self.classes,
            val_every=self.val_every,
            segmentation_folder=self.segmentation_folder,
            skip_faulty=self.skip_faulty,
            show_progress=show_progress,
        )
        return prepare_checked(
            Msrs,
            checked,
            self.data_dir,
            name=self.name,
            overwrite=self.overwrite,
            show_progress=show_progress,
        )
