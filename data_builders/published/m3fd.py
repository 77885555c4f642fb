"""M3FD: its facts, its layout, the check of a download, its builder and its command.

Liu et al., "Target-aware dual adversarial learning and a multi-scenario multi-modality benchmark to
fuse infrared and visible for object detection", CVPR 2022; the pairs for detection, in two layouts:

    Vis/01863.png  Ir/01863.png  Annotation/01863.xml               1024x768, most of them
    Challenge/Beach/{Vis,Ir,Annotation}/01863.png (.xml)            scenarios and scenes

The scenarios are Challenge, Daytime, Night and Overcast. There is no official split: lists of a
paper may be beside the images or in `meta/`, or the pairs are dealt by scene. Where the folders do
not tell the scenes, blocks of successive numbers stand for them: scenes are ranges of numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.unread_folders import describe_unread_folders
from data_builders.dealing import (
    DEFAULT_FRACTIONS,
    SPLITS,
    DealBy,
    Dealing,
    deal_pairs,
    find_sequence,
    make_dealing,
)
from data_builders.formats.name_list import read_names
from data_builders.pair_builder import AnnotatedPairs
from data_builders.prepared import PreparedSummary
from data_builders.published.classes import PublishedClasses
from data_builders.published.command import PublishedOptions
from data_builders.published.counts import compare_counts
from data_builders.published.raw_folder import check_raw_folder
from data_builders.published.voc_boxes import add_published_boxes
from mdjax.io.findings import Findings, name_first
from mdjax.io.image_files import find_annotations, match_folders
from mdjax.types import MdjaxError

NUM_PAIRS = 4_200
CLASSES = PublishedClasses(
    {
        "person": "People",
        "car": "Car",
        "bus": "Bus",
        "motorcycle": "Motorcycle",
        "lamp": "Lamp",
        "truck": "Truck",
    }
)
BLOCK_SIZE = 100
"""Successive numbers that are dealt together where scenes are unknown."""

_TITLE = "M3FD"
_SCENARIOS = ("Challenge", "Daytime", "Night", "Overcast")
_NIGHT = "Night"
_FOLDERS = ("Vis", "Ir", "Annotation")
_LIST_FOLDERS = (".", "meta")


class M3fd(AnnotatedPairs):
    """M3FD: both images as they are, boxes of six classes."""

    name = "m3fd"
    homepage = "https://github.com/JinyuanLiu-CV/TarDAL"
    description = """
Pairs of visible and thermal images of roads, a campus and a resort, by day, at night, overcast and
in hard conditions, registered, with boxes of persons, vehicles and lamps.
"""
    citation = """
@inproceedings{liu2022target,
  title     = {Target-aware dual adversarial learning and a multi-scenario multi-modality benchmark
               to fuse infrared and visible for object detection},
  author    = {Liu, Jinyuan and Fan, Xin and Huang, Zhanbo and Wu, Guanyao and Liu, Risheng and
               Zhong, Wei and Luo, Zhongxuan},
  booktitle = {CVPR},
  year      = {2022}
}
"""


def check_raw_m3fd(
    raw_dir: Path,
    *,
    dealing: Dealing | None = None,
    skip_faulty: bool = False,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every pair with its boxes and report all faults in one message.

    Args:
        raw_dir: Folder with `Vis/`, `Ir/` and `Annotation/`, or with those of scenarios.
        dealing: Makes the splits, whatever lists there are; None for the lists `train.txt` and so
            on, and where there are none for a dealing by scene.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    entries = [f"{folder}/" for folder in (*_FOLDERS, *_SCENARIOS)]
    check_raw_folder(raw_dir, entries)
    findings = Findings()
    places = _find_places(raw_dir)
    found = [pair for place in places for pair in _read_place(raw_dir, place, findings)]
    compare_counts(_TITLE, {"detection": NUM_PAIRS}, {"detection": found}, findings)
    has_scenes = places != [raw_dir]
    if not has_scenes:
        findings.notes.append("all images count as day: these folders do not tell day and night.")
    pairs = _split(raw_dir, found, dealing, findings, has_scenes=has_scenes) if found else {}
    read = {*_FOLDERS, *_SCENARIOS, "meta"}
    findings.notes += describe_unread_folders(raw_dir, read)
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


def _find_places(raw_dir: Path) -> list[Path]:
    """The folders with images and annotations: those of all scenes, or the one of the data set."""
    scenes = [
        folder
        for scenario in _SCENARIOS
        if (raw_dir / scenario).is_dir()
        for folder in sorted((raw_dir / scenario).iterdir())
        if folder.is_dir()
    ]
    return scenes or [raw_dir]


def _read_place(raw_dir: Path, place: Path, findings: Findings) -> list[RawPair]:
    """Pairs of one folder with their boxes; names begin with the folders of scenario and scene."""
    visible_dir, thermal_dir, annotation_dir = (place / folder for folder in _FOLDERS)
    parts = place.relative_to(raw_dir).parts
    prefix = "".join(f"{part}/" for part in parts)
    matched = match_folders(visible_dir, thermal_dir, findings, prefix=prefix)
    remedy = "each image has one, get it again"
    start = len(findings.problems)
    files = find_annotations(annotation_dir, matched.pairs, ".xml", remedy, findings)
    findings.rename_pairs({name: f"{prefix}{name}" for name in matched.pairs}, start)
    pairs = [
        RawPair(f"{prefix}{name}", visible, thermal, is_night=parts[:1] == (_NIGHT,))
        for name, (visible, thermal) in matched.pairs.items()
    ]
    named = {f"{prefix}{name}": path for name, path in files.items()}
    return add_published_boxes(_TITLE, raw_dir, pairs, named, CLASSES, findings)


def _split(
    raw_dir: Path,
    pairs: list[RawPair],
    dealing: Dealing | None,
    findings: Findings,
    *,
    has_scenes: bool,
) -> dict[str, list[RawPair]]:
    """Pairs by split, by lists or dealt; empty where what is wrong is among the findings."""
    lists = {} if dealing is not None else _find_lists(raw_dir)
    if lists:
        findings.notes.append(
            f"splits: {', '.join(path.relative_to(raw_dir).as_posix() for path in lists.values())} "
            f"({_TITLE} has no official split)."
        )
        return {split: _pick(path, pairs, findings) for split, path in lists.items()}
    findings.warnings.append(
        f"{_TITLE} has no official split, so its pairs were dealt: scores are not comparable with "
        "those of other splits; to use the one of a paper, put its train.txt and so on into this "
        "folder."
    )
    dealing = dealing or Dealing("sequence")
    if not has_scenes and dealing.by == "sequence":
        findings.notes.append(
            f"these folders do not tell the scenes: blocks of {BLOCK_SIZE} successive numbers "
            "stand for them, so that a scene is parted at most where a block ends."
        )
    return deal_pairs(pairs, dealing, findings, find_sequence if has_scenes else _find_block)


def _find_lists(raw_dir: Path) -> dict[str, Path]:
    lists: dict[str, Path] = {}
    for split in SPLITS:
        paths = [raw_dir / folder / f"{split}.txt" for folder in _LIST_FOLDERS]
        present = [path for path in paths if path.is_file()]
        if present:
            lists[split] = present[0]
    return lists


def _pick(path: Path, pairs: Sequence[RawPair], findings: Findings) -> list[RawPair]:
    """Pairs that a list names by their numbers; unknown ones go to the findings in one line."""
    try:
        names = [name.rpartition("/")[2] for name in read_names(path)]
    except MdjaxError as error:
        findings.problems.append(str(error))
        return []
    by_number = {pair.name.rpartition("/")[2]: pair for pair in pairs}
    if unknown := [name for name in names if name not in by_number]:
        findings.problems.append(
            f"{path.name}: {len(unknown)} of {len(names)} names are of no pair "
            f"({name_first(unknown)}); add the images, or remove the names."
        )
    return [by_number[name] for name in names if name in by_number]


def _find_block(name: str) -> str:
    return f"block {int(name) // BLOCK_SIZE}" if name.isdecimal() else find_sequence(name)


@dataclass(frozen=True)
class PrepareM3fd(PublishedOptions):
    """Check M3FD (boxes of six classes, no official split) and package it.

    Attributes:
        raw: Folder with `Vis/`, `Ir/` and `Annotation/`, or with `Challenge/`, `Daytime/`, `Night/`
            and `Overcast/`.
        split_by: Make the splits, whatever lists there are: "sequence" keeps the pairs of a scene
            together, "random" deals each pair alone. Without it, lists `train.txt`, `val.txt` and
            `test.txt` are used, and where there are none "sequence".
        fractions: Of the pairs, for train, val and test; 0 for no such split.
        split_seed: Another one makes other splits.
    """

    split_by: DealBy | None = None
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
    split_seed: int = 0

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `m3fd/NAME`; see `PrepareCommand`."""
        checked = check_raw_m3fd(
            self.raw.resolve(),
            dealing=make_dealing(self.split_by, self.fractions, self.split_seed),
            skip_faulty=self.skip_faulty,
            show_progress=show_progress,
        )
        return self.write(M3fd, checked, show_progress=show_progress)
