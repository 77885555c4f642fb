"""The command that prepares the user's own image pairs."""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG
from data_builders.command import DEFAULT_DATA_DIR, DataDir, Overwrite
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary
from data_builders.rgbt_folder.builder import RgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.types import IGNORED_LABEL


@dataclass(frozen=True)
class PrepareRgbtFolder:
    """Check a folder of your own image pairs and package it.

    It holds `visible/` and `thermal/` with images of the same names, `classes.txt`, annotations in
    `labels/` (YOLO), `annotations/` (Pascal VOC), `annotations.json` (COCO) or `masks/` (class
    ids), and splits as folders `visible/train/` and so on, or as lists `train.txt`, `val.txt`,
    `test.txt`.

    Attributes:
        raw: This folder.
        thermal_range_counts: For 16-bit thermal images: the counts that map to black and white.
        name: Name of this data set; its full name for training is `rgbt_folder/NAME`.
        ignored_label: Class id in masks that is not counted, besides 255.
    """

    raw: Path
    thermal_range_counts: tuple[int, int] | None = None
    data_dir: DataDir = DEFAULT_DATA_DIR
    name: str = DEFAULT_CONFIG
    overwrite: Overwrite = False
    ignored_label: int = IGNORED_LABEL

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `rgbt_folder/NAME`; see `PrepareCommand`."""
        checked = check_raw_rgbt_folder(
            self.raw.resolve(),
            thermal_range_counts=self.thermal_range_counts,
            ignored_label=self.ignored_label,
            show_progress=show_progress,
        )
        return prepare_checked(
            RgbtFolder, checked, self.data_dir, name=self.name, overwrite=self.overwrite
        )
