"""CVC-14: its facts, its layout, the check of a download, its builder and its command.

González et al., "Pedestrian detection at day/night time with visible and FIR cameras: a
comparison", Sensors 2016:

    {Day,Night}/{Visible,FIR}/{Train,NewTest}/FramesPos/2014_05_05_17_29_23_323000.tif
    {Day,Night}/{Visible,FIR}/{Train,NewTest}/FramesNeg/                      without pedestrians
    {Day,Night}/{Visible,FIR}/{Train,NewTest}/Annotations/2014_05_05_17_29_23_323000.txt

    97 101 18 52 1 0 0 0 0 1 0      x and y of the centre, width, height, whether mandatory, ...

Each camera has annotations of its own, and the cameras are badly registered. Boxes are those of the
visible images: so AR-CNN and MBNet train and score. Visible images are grey by day and at night in
part. Frames that one camera lacks are left out, as in these papers.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from data_builders.checks.annotations import AnnotatedObject, ClassNames, RawPair, Role
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.unread_folders import describe_unread_folders
from data_builders.pair_builder import AnnotatedPairs
from data_builders.prepared import PreparedSummary
from data_builders.published.command import PublishedOptions
from data_builders.published.counts import compare_counts
from data_builders.published.raw_folder import check_raw_folder
from mdjax.io.findings import Findings, Problem, name_first
from mdjax.io.image_files import IMAGE_SUFFIXES, list_files
from mdjax.io.text_lines import read_numbered_lines
from mdjax.types import MdjaxError, format_count

NUM_PAIRS = {"train": 7_085, "test": 1_433}
CLASS_NAMES = ("person",)

_TITLE = "CVC-14"
_TIMES = ("Day", "Night")
_PARTS = {"train": "Train", "test": "NewTest"}
_POSITIVE, _NEGATIVE, _ANNOTATIONS = "FramesPos", "FramesNeg", "Annotations"
_COLUMNS = "x y width height mandatory"
_MISALIGNED = (
    "both cameras are badly registered, and each has boxes of its own: those of the visible images "
    "are used, and thermal images may show the same persons elsewhere; look at some pairs."
)


class Cvc14(AnnotatedPairs):
    """CVC-14: thermal images as they are, grey visible ones in three channels, boxes of persons."""

    name = "cvc14"
    homepage = (
        "http://adas.cvc.uab.es/elektra/enigma-portfolio/"
        "cvc-14-visible-fir-day-night-pedestrian-sequence-dataset/"
    )
    description = """
Pairs of visible and thermal images of streets, day and night, badly registered, with boxes of
pedestrians in the visible images.
"""
    citation = """
@article{gonzalez2016pedestrian,
  title   = {Pedestrian detection at day/night time with visible and FIR cameras: A comparison},
  author  = {Gonz{\\'a}lez, Alejandro and Fang, Zhijie and Socarras, Yainuvis and Serrat, Joan and
             V{\\'a}zquez, David and Xu, Jiaolong and L{\\'o}pez, Antonio M.},
  journal = {Sensors},
  volume  = {16},
  number  = {6},
  year    = {2016}
}
"""


def check_raw_cvc14(
    raw_dir: Path, *, skip_faulty: bool = False, show_progress: bool = False
) -> CheckedPairs:
    """Check every pair with the boxes of its visible image, and report all faults in one message.

    Args:
        raw_dir: Folder with `Day/` and `Night/`.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    check_raw_folder(raw_dir, [f"{time}/Visible/" for time in _TIMES])
    findings = Findings(warnings=[_MISALIGNED])
    pairs: dict[str, list[RawPair]] = {}
    for split, part in _PARTS.items():
        for time in _TIMES:
            place = _Place(raw_dir, time, part)
            if place.exists:
                pairs.setdefault(split, []).extend(_read_place(place, findings))
    if not pairs:
        findings.problems.append("Train/ and NewTest/: folders are missing below Day/ and Night/.")
    compare_counts(_TITLE, NUM_PAIRS, pairs, findings)
    findings.notes.append("optional pedestrians (the fifth number is 0) are ignored regions.")
    findings.notes += describe_unread_folders(raw_dir, _TIMES)
    return check_pairs(
        raw_dir,
        _TITLE,
        pairs,
        findings,
        ClassNames(CLASS_NAMES),
        has_folders=bool(pairs),
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


class _Place(NamedTuple):
    """The folders of one time of day and one split."""

    raw_dir: Path
    time: str
    part: str

    @property
    def visible(self) -> Path:
        return self.raw_dir / self.time / "Visible" / self.part

    @property
    def thermal(self) -> Path:
        return self.raw_dir / self.time / "FIR" / self.part

    @property
    def exists(self) -> bool:
        return self.visible.is_dir() or self.thermal.is_dir()


class _Frames(NamedTuple):
    """The images of one camera by name."""

    files: dict[str, Path]
    negatives: frozenset[str]
    """Those without pedestrians, which have no annotation."""


def _read_place(place: _Place, findings: Findings) -> list[RawPair]:
    visible = _list_frames(place.visible, findings)
    thermal = _list_frames(place.thermal, findings)
    names = [name for name in visible.files if name in thermal.files]
    if visible.files and thermal.files:  # Else each file would be reported for its empty folder.
        singles = sorted(visible.files.keys() ^ thermal.files.keys())
        if singles:
            findings.notes.append(
                f"{place.time}, {place.part}: {format_count(len(singles), 'frame')} of one camera "
                f"alone, omitted ({name_first(singles)})."
            )
        if not names:
            findings.problems.append(
                f"{place.time}, {place.part}: no frame of Visible/ has the name of one of FIR/; "
                "give both cameras' frames of the same moments."
            )
    pairs: list[RawPair] = []
    for name in names:
        pair = RawPair(
            name=f"{place.time}/{name}",
            visible=visible.files[name],
            thermal=thermal.files[name],
            is_night=place.time == "Night",
            objects=(),
            visible_may_be_grey=True,
        )
        if name not in visible.negatives:
            pair = _add_boxes(pair, place, name, findings)
        pairs.append(pair)
    return pairs


def _list_frames(folder: Path, findings: Findings) -> _Frames:
    """Frames with and without pedestrians; the folder of the latter need not be there."""
    positives = list_files(folder / _POSITIVE, findings, IMAGE_SUFFIXES)
    negatives: dict[str, Path] = {}
    if (folder / _NEGATIVE).is_dir():
        negatives = list_files(folder / _NEGATIVE, findings, IMAGE_SUFFIXES)
    files = negatives | positives
    return _Frames(dict(sorted(files.items())), frozenset(negatives.keys() - positives.keys()))


def _add_boxes(pair: RawPair, place: _Place, name: str, findings: Findings) -> RawPair:
    path = place.visible / _ANNOTATIONS / f"{name}.txt"
    where = path.relative_to(place.raw_dir).as_posix()
    if not path.is_file():
        findings.problems.append(
            Problem(f"{where}: file is missing; each frame of FramesPos/ has one.", pair.name)
        )
        return pair
    objects: list[AnnotatedObject] = []
    try:
        for number, line in read_numbered_lines(path):
            item = _read_line(line, f"{where}, line {number}")
            if isinstance(item, str):
                findings.problems.append(Problem(item, pair.name))
            else:
                objects.append(item)
    except MdjaxError as error:
        findings.problems.append(Problem(str(error), pair.name))
    return dataclasses.replace(pair, objects=tuple(objects))


def _read_line(line: str, where: str) -> AnnotatedObject | str:
    """One box, or what is wrong with the line; some files have two spaces between numbers."""
    try:
        x, y, width, height, mandatory = map(float, line.split()[:5])
    except ValueError:
        return (
            f"{where}: needs the numbers {_COLUMNS}, is {line!r}; correct it, or remove the line."
        )
    if mandatory not in (0, 1):
        return f"{where}: mandatory is {mandatory:g}; write 0 or 1, or remove the line."
    return AnnotatedObject(
        box_xyxy=(x - width / 2, y - height / 2, x + width / 2, y + height / 2),
        label=CLASS_NAMES[0],
        class_id=0,
        role=Role.POSITIVE if mandatory else Role.IGNORED,
        where=where,
    )


@dataclass(frozen=True)
class PrepareCvc14(PublishedOptions):
    """Check CVC-14 (boxes of persons, day and night, badly registered) and package it.

    Attributes:
        raw: Folder with `Day/` and `Night/`.
    """

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `cvc14/NAME`; see `PrepareCommand`."""
        checked = check_raw_cvc14(
            self.raw.resolve(), skip_faulty=self.skip_faulty, show_progress=show_progress
        )
        return self.write(Cvc14, checked, show_progress=show_progress)
