"""LLVIP: its facts, its layout, the check of a download, its builder and its command.

Jia et al., "LLVIP: A visible-infrared paired dataset for low-light vision", ICCV Workshops 2021:

    visible/{train,test}/010001.jpg    1280x1024
    infrared/{train,test}/010001.jpg   of the same field of view
    Annotations/010001.xml             persons, Pascal VOC

15,488 pairs of 26 street scenes, 24 of them dark. Which two are by day is not published, so all
pairs count as night. There is no validation split.
"""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.unread_folders import describe_unread_folders
from data_builders.pair_builder import AnnotatedPairs
from data_builders.prepared import PreparedSummary
from data_builders.published.classes import PublishedClasses
from data_builders.published.command import PublishedOptions
from data_builders.published.counts import compare_counts
from data_builders.published.raw_folder import check_raw_folder
from data_builders.published.voc_boxes import add_published_boxes
from mdjax.io.findings import Findings
from mdjax.io.image_files import find_annotations, match_folders

NUM_PAIRS = {"train": 12_025, "test": 3_463}
CLASSES = PublishedClasses({"person": "person"})

_TITLE = "LLVIP"
_FOLDERS = ("visible", "infrared", "Annotations")


class Llvip(AnnotatedPairs):
    """LLVIP: both images as they are, and boxes of persons."""

    name = "llvip"
    homepage = "https://bupt-ai-cz.github.io/LLVIP/"
    description = """
Pairs of visible and thermal images of streets from above, mostly at night, registered, with boxes
of persons.
"""
    citation = """
@inproceedings{jia2021llvip,
  title     = {LLVIP: A visible-infrared paired dataset for low-light vision},
  author    = {Jia, Xinyu and Zhu, Chuang and Li, Minzhen and Tang, Wenqi and Zhou, Wenli},
  booktitle = {ICCV Workshops},
  year      = {2021}
}
"""


def check_raw_llvip(
    raw_dir: Path, *, skip_faulty: bool = False, show_progress: bool = False
) -> CheckedPairs:
    """Check every pair with its boxes and report all faults in one message.

    Args:
        raw_dir: Folder with `visible/`, `infrared/` and `Annotations/`.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    check_raw_folder(raw_dir, [f"{folder}/" for folder in _FOLDERS])
    findings = Findings()
    pairs: dict[str, list[RawPair]] = {}
    for split in NUM_PAIRS:
        folders = [raw_dir / camera / split for camera in ("visible", "infrared")]
        if not any(folder.is_dir() for folder in folders):
            continue
        matched = match_folders(folders[0], folders[1], findings)
        found = [
            RawPair(name=name, visible=visible, thermal=thermal, is_night=True)
            for name, (visible, thermal) in matched.pairs.items()
        ]
        remedy = "each image has one, get it again"
        names = list(matched.pairs)
        files = find_annotations(raw_dir / "Annotations", names, ".xml", remedy, findings)
        pairs[split] = add_published_boxes(_TITLE, raw_dir, found, files, CLASSES, findings)
    if not pairs:
        findings.problems.append("visible/train/ and visible/test/: folders are missing.")
    compare_counts(_TITLE, NUM_PAIRS, pairs, findings)
    findings.notes.append(
        "all images count as night: 2 of the 26 scenes are by day, but which is not published."
    )
    findings.notes += describe_unread_folders(raw_dir, _FOLDERS)
    return check_pairs(
        raw_dir,
        _TITLE,
        pairs,
        findings,
        ClassNames(CLASSES.class_names),
        has_folders=bool(pairs),
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


@dataclass(frozen=True)
class PrepareLlvip(PublishedOptions):
    """Check LLVIP (boxes of persons, mostly at night) and package it.

    Attributes:
        raw: Folder with `visible/`, `infrared/` and `Annotations/`.
    """

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `llvip/NAME`; see `PrepareCommand`."""
        checked = check_raw_llvip(
            self.raw.resolve(), skip_faulty=self.skip_faulty, show_progress=show_progress
        )
        return self.write(Llvip, checked, show_progress=show_progress)
