"""FLIR-aligned: its facts, its layout, the check of a download, its builder and its command.

Zhang et al., "Multispectral fusion for object detection with cyclic fuse-and-refine blocks", ICIP
2020, who aligned pairs of the FLIR ADAS data set, version 1:

    JPEGImages/FLIR_00002_RGB.jpg            640x512
    JPEGImages/FLIR_00002_PreviewData.jpeg   thermal, of the same field of view
    Annotations/FLIR_00002_PreviewData.xml   Pascal VOC
    align_train.txt  align_validation.txt    FLIR_00002_PreviewData, one a line; also in
                                             ImageSets/Main/

Four images have boxes of dogs, which the paper does not use. Day and night are not told apart.
"""

from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.unread_folders import describe_unread_folders
from data_builders.formats.name_list import LIST_FOLDERS, read_names
from data_builders.pair_builder import AnnotatedPairs
from data_builders.prepared import PreparedSummary
from data_builders.published.classes import PublishedClasses
from data_builders.published.command import PublishedOptions
from data_builders.published.counts import compare_counts
from data_builders.published.raw_folder import check_raw_folder
from data_builders.published.voc_boxes import add_published_boxes
from mdjax.io.findings import Findings, Problem
from mdjax.types import MdjaxError

NUM_PAIRS = {"train": 4_129, "test": 1_013}
CLASSES = PublishedClasses(
    {"person": "person", "car": "car", "bicycle": "bicycle"},
    dropped={"dog": "too few, the paper keeps the three frequent classes"},
)

_TITLE = "FLIR-aligned"
_LISTS = {"train": "align_train.txt", "test": "align_validation.txt"}
_FOLDERS = ("JPEGImages", "Annotations")
_READ = (*_FOLDERS, "ImageSets")
_THERMAL = "_PreviewData"


class FlirAligned(AnnotatedPairs):
    """FLIR-aligned: both images as they are, boxes of persons, cars and bicycles."""

    name = "flir_aligned"
    homepage = "https://github.com/zhanghengdev/CFR"
    description = """
Pairs of visible and thermal images of streets, day and night, from the FLIR ADAS data set, aligned
afterwards, with boxes of persons, cars and bicycles.
"""
    citation = """
@inproceedings{zhang2020multispectral,
  title     = {Multispectral fusion for object detection with cyclic fuse-and-refine blocks},
  author    = {Zhang, Heng and Fromont, Elisa and Lef{\\`e}vre, S{\\'e}bastien and
               Avignon, Bruno},
  booktitle = {ICIP},
  year      = {2020}
}
"""


def check_raw_flir_aligned(
    raw_dir: Path, *, skip_faulty: bool = False, show_progress: bool = False
) -> CheckedPairs:
    """Check every listed pair with its boxes and report all faults in one message.

    Args:
        raw_dir: Folder with `JPEGImages/`, `Annotations/` and the lists.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    check_raw_folder(raw_dir, [f"{folder}/" for folder in _FOLDERS])
    findings = Findings()
    missing = [folder for folder in _FOLDERS if not (raw_dir / folder).is_dir()]
    findings.problems += [f"{folder}/: folder is missing." for folder in missing]
    pairs: dict[str, list[RawPair]] = {}
    for split, names in _read_lists(raw_dir, findings).items():
        found = [_make_pair(raw_dir, name) for name in names]
        if not missing:  # Else each file would be reported for its missing folder.
            files = _find_annotations(raw_dir, names, findings)
            found = add_published_boxes(_TITLE, raw_dir, found, files, CLASSES, findings)
        pairs[split] = found
    compare_counts(_TITLE, NUM_PAIRS, pairs, findings)
    findings.notes += [
        "align_validation.txt is the split test: published scores are measured on it.",
        "all images count as day: day and night are not told apart.",
        *CLASSES.describe_dropped(),
        *describe_unread_folders(raw_dir, _READ),
    ]
    return check_pairs(
        raw_dir,
        _TITLE,
        pairs,
        findings,
        ClassNames(CLASSES.class_names),
        has_folders=bool(pairs) and not missing,
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


def _read_lists(raw_dir: Path, findings: Findings) -> dict[str, list[str]]:
    """Names of pairs by split; a split whose list is missing is left out."""
    names: dict[str, list[str]] = {}
    has_lists = False
    for split, file_name in _LISTS.items():
        paths = [raw_dir / folder / file_name for folder in LIST_FOLDERS]
        present = [path for path in paths if path.is_file()]
        has_lists = has_lists or bool(present)
        try:
            for path in present[:1]:
                names[split] = [name.removesuffix(_THERMAL) for name in read_names(path)]
        except MdjaxError as error:
            findings.problems.append(str(error))
    if not has_lists:
        findings.problems.append(
            f"{' and '.join(_LISTS.values())}: files are missing; put them into this folder."
        )
    return names


def _make_pair(raw_dir: Path, name: str) -> RawPair:
    folder = raw_dir / "JPEGImages"
    return RawPair(
        name=name,
        visible=folder / f"{name}_RGB.jpg",
        thermal=folder / f"{name}{_THERMAL}.jpeg",
        is_night=False,
    )


def _find_annotations(raw_dir: Path, names: list[str], findings: Findings) -> dict[str, Path]:
    """Annotations belong to the thermal image; the visible one is aligned to it."""
    files = {name: raw_dir / "Annotations" / f"{name}{_THERMAL}.xml" for name in names}
    present = {name: path for name, path in files.items() if path.is_file()}
    findings.problems += [
        Problem(
            f"Annotations/{files[name].name}: file is missing; each image has one, get it again.",
            name,
        )
        for name in names
        if name not in present
    ]
    return present


@dataclass(frozen=True)
class PrepareFlirAligned(PublishedOptions):
    """Check FLIR-aligned (boxes of persons, cars and bicycles) and package it.

    Attributes:
        raw: Folder with `JPEGImages/`, `Annotations/`, `align_train.txt` and
            `align_validation.txt`.
    """

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `flir_aligned/NAME`; see `PrepareCommand`."""
        checked = check_raw_flir_aligned(
            self.raw.resolve(), skip_faulty=self.skip_faulty, show_progress=show_progress
        )
        return self.write(FlirAligned, checked, show_progress=show_progress)
