"""The command that prepares the user's own image pairs."""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG
from data_builders.command import DEFAULT_DATA_DIR, DataDir, Overwrite, PairOptions
from data_builders.dealing import DEFAULT_FRACTIONS, DealBy, make_dealing
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary
from data_builders.rgbt_folder.builder import RgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder
from mdjax.align.common_view import PartXyxy, make_common_view
from mdjax.types import IGNORED_LABEL


@dataclass(frozen=True)
class PrepareRgbtFolder(PairOptions):
    """Check a folder of your own image pairs and package it.

    Attributes:
        raw: Folder with images of both cameras in `visible/` and `thermal/` (or `rgb/`, `vi/`,
            `infrared/`, `ir/`, `lwir/`...), before or behind folders of splits and sequences, or
            in one folder as `NAME_rgb.png` and `NAME_ir.png`; `classes.txt`; annotations in
            `labels/` (YOLO or labelme), `annotations/` (Pascal VOC), `annotations.json` (COCO) or
            `masks/` (class ids); and splits as folders `visible/train/` and so on, or as lists
            `train.txt`, `val.txt`, `test.txt`, or let `--split-by` make them.
        thermal_range_counts: For 16-bit thermal images: the counts that map to black and white.
        name: Name of this data set; its full name for training is `rgbt_folder/NAME`.
        ignored_label: Class id in masks that is not counted, besides 255.
        split_by: Make the splits: "sequence" keeps the pairs of a folder together, or without
            folders those whose names are equal up to their last number; "random" deals each pair
            alone. Day and night are dealt alike.
        fractions: Of the pairs, for train, val and test; 0 for no such split.
        split_seed: Another one makes other splits.
        visible_crop: Left, top, right and bottom edge in pixels: the part of visible images that
            thermal images show. With --homography, what lies outside is left out.
        homography: File of `mdjax align`: visible images are cut to what both cameras see, and
            thermal images warped onto it.
    """

    raw: Path
    thermal_range_counts: tuple[int, int] | None = None
    data_dir: DataDir = DEFAULT_DATA_DIR
    name: str = DEFAULT_CONFIG
    overwrite: Overwrite = False
    ignored_label: int = IGNORED_LABEL
    split_by: DealBy | None = None
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
    split_seed: int = 0
    visible_crop: PartXyxy | None = None
    homography: Path | None = None

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `rgbt_folder/NAME`; see `PrepareCommand`."""
        checked = check_raw_rgbt_folder(
            self.raw.resolve(),
            thermal_range_counts=self.thermal_range_counts,
            ignored_label=self.ignored_label,
            dealing=make_dealing(self.split_by, self.fractions, self.split_seed),
            view=make_common_view(self.visible_crop, self.homography),
            skip_faulty=self.skip_faulty,
            show_progress=show_progress,
        )
        return prepare_checked(
            RgbtFolder,
            checked,
            self.data_dir,
            name=self.name,
            overwrite=self.overwrite,
            show_progress=show_progress,
        )
