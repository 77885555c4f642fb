"""PST900: its facts, its layout, the check of a download, its builder and its command.

Shivakumar et al., "PST900: RGB-thermal calibration, dataset and segmentation network", ICRA 2020:

    {train,test}/rgb/31_bag1a_rect_rgb_frame0000000007.png       1280x720
    {train,test}/thermal/31_bag1a_rect_rgb_frame0000000007.png   8 bits, mapped onto the rgb image
    {train,test}/labels/31_bag1a_rect_rgb_frame0000000007.png    class ids 0 to 4
    {train,test}/thermal_raw/  {train,test}/depth/               not read

Thermal images have black holes where the mapping has no pixel. All images are from underground and
dark places, and count as day.
"""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.annotations import ClassNames
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.label_maps import LabelRule
from data_builders.pair_builder import AnnotatedPairs
from data_builders.prepared import PreparedSummary
from data_builders.published.command import PublishedOptions
from data_builders.published.counts import compare_counts
from data_builders.published.mask_pairs import MaskFolders, find_mask_pairs
from data_builders.published.raw_folder import check_raw_folder
from mdjax.io.findings import Findings

NUM_PAIRS = {"train": 597, "test": 288}
CLASS_NAMES = ("background", "fire_extinguisher", "backpack", "hand_drill", "survivor")

_TITLE = "PST900"
_FOLDERS = MaskFolders("rgb", "thermal", "labels", others=("thermal_raw", "depth"))


class Pst900(AnnotatedPairs):
    """PST900: both images as they are, and a class id for each pixel."""

    name = "pst900"
    homepage = "https://github.com/ShreyasSkandanS/pst900_thermal_rgb"
    description = """
Pairs of visible and thermal images of underground places, the thermal ones mapped onto the visible
ones, with one of five class ids for each pixel.
"""
    citation = """
@inproceedings{shivakumar2020pst900,
  title     = {PST900: RGB-thermal calibration, dataset and segmentation network},
  author    = {Shivakumar, Shreyas S. and Rodrigues, Neil and Zhou, Alex and Miller, Ian D. and
               Kumar, Vijay and Taylor, Camillo J.},
  booktitle = {ICRA},
  year      = {2020}
}
"""


def check_raw_pst900(
    raw_dir: Path, *, skip_faulty: bool = False, show_progress: bool = False
) -> CheckedPairs:
    """Check every pair with its mask and report all faults in one message.

    Args:
        raw_dir: Folder with `train/` and `test/`.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    check_raw_folder(raw_dir, [f"{split}/{_FOLDERS.visible}/" for split in NUM_PAIRS])
    findings = Findings()
    pairs = find_mask_pairs(raw_dir, NUM_PAIRS, _FOLDERS, LabelRule(), findings)
    compare_counts(_TITLE, NUM_PAIRS, pairs, findings)
    findings.notes += [
        "thermal_raw/ and depth/ are not read: the 8-bit thermal images are those of the paper.",
        "all images count as day: the places are underground.",
    ]
    return check_pairs(
        raw_dir,
        _TITLE,
        pairs,
        findings,
        ClassNames(labels=CLASS_NAMES),
        may_have_uncounted_pixels=False,
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


@dataclass(frozen=True)
class PreparePst900(PublishedOptions):
    """Check PST900 (masks of four kinds of objects, underground) and package it.

    Attributes:
        raw: Folder with `train/` and `test/`, and `rgb/`, `thermal/` and `labels/` in them.
    """

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `pst900/NAME`; see `PrepareCommand`."""
        checked = check_raw_pst900(
            self.raw.resolve(), skip_faulty=self.skip_faulty, show_progress=show_progress
        )
        return self.write(Pst900, checked, show_progress=show_progress)
