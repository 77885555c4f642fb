"""FMB: its facts, its layout, the check of a download, its builder and its command.

Liu et al., "Multi-interactive feature learning and a full-time multi-modality benchmark for image
fusion and segmentation", ICCV 2023:

    {train,test}/Visible/00001.png    800x600
    {train,test}/Infrared/00001.png   of the same field of view
    {train,test}/Label/00001.png      class ids 0 to 14
    {train,test}/color/               the same as colours, not read

Class 0 are the 1.84 % of the pixels that nobody labelled: they are not counted, as is usual. The
other ids keep their numbers. Day and night are not told apart. No test image shows a bicycle.
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

NUM_PAIRS = {"train": 1_220, "test": 280}
UNLABELLED_ID = 0
CLASS_NAMES = (
    "unlabelled",
    "road",
    "sidewalk",
    "building",
    "traffic_light",
    "traffic_sign",
    "vegetation",
    "sky",
    "person",
    "car",
    "truck",
    "bus",
    "motorcycle",
    "bicycle",
    "pole",
)

_TITLE = "FMB"
_FOLDERS = MaskFolders("Visible", "Infrared", "Label", others=("color",))


class Fmb(AnnotatedPairs):
    """FMB: both images as they are, and a class id for each pixel."""

    name = "fmb"
    homepage = "https://github.com/JinyuanLiu-CV/SegMiF"
    description = """
Pairs of visible and thermal images of streets, day and night, registered, with one of fourteen
class ids for each labelled pixel.
"""
    citation = """
@inproceedings{liu2023segmif,
  title     = {Multi-interactive feature learning and a full-time multi-modality benchmark for image
               fusion and segmentation},
  author    = {Liu, Jinyuan and Liu, Zhu and Wu, Guanyao and Ma, Long and Liu, Risheng and
               Zhong, Wei and Luo, Zhongxuan and Fan, Xin},
  booktitle = {ICCV},
  year      = {2023}
}
"""


def check_raw_fmb(
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
    rule = LabelRule(ignored_id=UNLABELLED_ID)
    pairs = find_mask_pairs(raw_dir, NUM_PAIRS, _FOLDERS, rule, findings)
    compare_counts(_TITLE, NUM_PAIRS, pairs, findings)
    findings.notes += [
        f"class {UNLABELLED_ID}, {CLASS_NAMES[UNLABELLED_ID]}, is not counted: its pixels are "
        "not labelled.",
        "all images count as day: the download does not tell day and night.",
    ]
    return check_pairs(
        raw_dir,
        _TITLE,
        pairs,
        findings,
        ClassNames(labels=CLASS_NAMES),
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


@dataclass(frozen=True)
class PrepareFmb(PublishedOptions):
    """Check FMB (masks of fourteen classes, streets) and package it.

    Attributes:
        raw: Folder with `train/` and `test/`, and `Visible/`, `Infrared/` and `Label/` in them.
    """

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `fmb/NAME`; see `PrepareCommand`."""
        checked = check_raw_fmb(
            self.raw.resolve(), skip_faulty=self.skip_faulty, show_progress=show_progress
        )
        return self.write(Fmb, checked, show_progress=show_progress)
