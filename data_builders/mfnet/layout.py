"""What the official MFNet download looks like, and the check of one before it is prepared.

Ha et al., "MFNet: Towards real-time semantic segmentation for autonomous vehicles with
multi-spectral scenes", IROS 2017:

    images/00001D.png   640x480, four channels: RGB and thermal
    labels/00001D.png   8-bit class ids
    train.txt val.txt test.txt (test_day.txt test_night.txt)   names without extension

The last letter of a name is D for day or N for night. The official train.txt holds each name twice,
the second time as 00001D_flip, a mirror image that the download's own script writes.
"""

import concurrent.futures
import dataclasses
import hashlib
import os
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import rich.console
import rich.progress

from mdjax.io.images import decode_labels, decode_visible_thermal
from mdjax.io.png import read_png_header
from mdjax.io.read_file import read_bytes
from mdjax.types import MdjaxError

CLASS_NAMES = (
    "unlabelled",
    "car",
    "person",
    "bike",
    "curve",
    "car_stop",
    "guardrail",
    "colour_cone",
    "bump",
)


SPLITS = ("train", "val", "test")
FLIP_SUFFIX = "_flip"

_MAX_THREADS = 16


@dataclasses.dataclass(frozen=True)
class RawPair:
    """The two files of one name."""

    name: str
    image_path: Path
    labels_path: Path

    @property
    def is_night(self) -> bool:
        """By the last letter of the name, as the data set's authors mark it."""
        return self.name.removesuffix(FLIP_SUFFIX).endswith("N")


@dataclasses.dataclass(frozen=True)
class RawMfnet:
    """A checked download."""

    folder: Path
    pairs: dict[str, tuple[RawPair, ...]]
    """By split, in the order of the lists."""
    class_pixels: dict[str, tuple[int, ...]]
    """By split, the pixels of each class."""
    fingerprint: str
    """Of names, splits and files: equal for equal data."""
    notes: tuple[str, ...]
    """What was found and is no error: unlisted files, mirror images left out."""


@dataclasses.dataclass
class _PairReport:
    problems: list[str] = dataclasses.field(default_factory=list)
    class_pixels: tuple[int, ...] = (0,) * len(CLASS_NAMES)
    checksum: int = 0


def check_raw_mfnet(
    raw_dir: Path, *, include_flips: bool = False, show_progress: bool = False
) -> RawMfnet:
    """Check every listed pair of a download and report all faults in one message.

    Present, whole, four and one channels of 8 bits, equal sizes, class ids in range, no name twice
    or in two splits, no empty split. Files that no list names are noted, not refused: the official
    folder holds all images whatever the lists say.

    Args:
        raw_dir: folder with `images/`, `labels/`, `train.txt`, `val.txt` and `test.txt`.
        include_flips: keep the `_flip` names of the lists. The pipeline mirrors images itself, so
            they only double what an epoch is.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: one message with a line for each fault.
    """
    raw_dir = Path(raw_dir)
    names, problems, notes = _read_lists(raw_dir, include_flips=include_flips)
    missing_folders = [name for name in ("images", "labels") if not (raw_dir / name).is_dir()]
    problems += [f"{name}/: folder is missing." for name in missing_folders]
    pairs = {
        split: tuple(
            RawPair(name, raw_dir / "images" / f"{name}.png", raw_dir / "labels" / f"{name}.png")
            for name in split_names
        )
        for split, split_names in names.items()
    }
    reports: dict[str, _PairReport] = {}
    if not missing_folders:
        distinct = {pair.name: pair for split in SPLITS for pair in pairs[split]}
        reports = _check_pairs(distinct, show_progress=show_progress)
    problems += [problem for report in reports.values() for problem in report.problems]
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise MdjaxError(
            f"{raw_dir}: {len(problems)} problem(s) with the MFNet files, nothing was written.\n"
            f"{lines}\nMend or download these files again, or take their names out of the lists."
        )
    notes += _note_unlisted_files(raw_dir, set(reports))
    return RawMfnet(
        folder=raw_dir,
        pairs=pairs,
        class_pixels={
            split: tuple(
                sum(reports[pair.name].class_pixels[k] for pair in pairs[split])
                for k in range(len(CLASS_NAMES))
            )
            for split in SPLITS
        },
        fingerprint=_compute_fingerprint(pairs, reports),
        notes=tuple(notes),
    )


def _read_lists(
    raw_dir: Path, *, include_flips: bool
) -> tuple[dict[str, list[str]], list[str], list[str]]:
    """Names by split, each once, with what is wrong and what is worth a note."""
    names: dict[str, list[str]] = {}
    problems: list[str] = []
    notes: list[str] = []
    for split in SPLITS:
        file_name = f"{split}.txt"
        listed = _read_list(raw_dir / file_name)
        kept = [name for name in listed or () if include_flips or not name.endswith(FLIP_SUFFIX)]
        names[split] = list(dict.fromkeys(kept))
        if listed is None:
            problems.append(f"{file_name}: list is missing.")
            continue
        if len(kept) < len(listed):
            notes.append(
                f"{file_name}: {len(listed) - len(kept)} mirror images (*{FLIP_SUFFIX}) left out."
            )
        if not kept:
            problems.append(f"{file_name}: split {split!r} is empty.")
        problems += [
            f"{file_name}: {name} is listed {count} times."
            for name, count in Counter(kept).items()
            if count > 1
        ]
        problems += [
            f"{file_name}: {name} ends neither in D (day) nor in N (night)."
            for name in names[split]
            if not name.removesuffix(FLIP_SUFFIX).endswith(("D", "N"))
        ]
    problems += _find_leaks(names)
    notes += _note_day_night_lists(raw_dir, names["test"])
    return names, problems, notes


def _read_list(path: Path) -> list[str] | None:
    return path.read_text(encoding="utf-8").split() if path.is_file() else None


def _find_leaks(names: dict[str, list[str]]) -> list[str]:
    """Names in two splits; a picture and its mirror image are the same leak."""
    splits_of_name: dict[str, list[str]] = {}
    for split, split_names in names.items():
        for name in dict.fromkeys(name.removesuffix(FLIP_SUFFIX) for name in split_names):
            splits_of_name.setdefault(name, []).append(split)
    return [
        f"{name}: is in {len(splits)} splits ({', '.join(splits)})."
        for name, splits in splits_of_name.items()
        if len(splits) > 1
    ]


def _note_day_night_lists(raw_dir: Path, test_names: list[str]) -> list[str]:
    """Say where test_day.txt and test_night.txt disagree with test.txt, which is what counts."""
    notes: list[str] = []
    for part, letter in (("test_day", "D"), ("test_night", "N")):
        listed = _read_list(raw_dir / f"{part}.txt")
        expected = {name for name in test_names if name.endswith(letter)}
        if listed is not None and set(listed) != expected:
            notes.append(
                f"{part}.txt: {len(set(listed) ^ expected)} names differ from those of test.txt "
                f"that end in {letter}; test.txt counts."
            )
    return notes


def _check_pairs(pairs: dict[str, RawPair], *, show_progress: bool) -> dict[str, _PairReport]:
    """Check pairs on all cores; most of the time goes into unpacking, which frees the GIL."""
    with concurrent.futures.ThreadPoolExecutor(min(os.cpu_count() or 1, _MAX_THREADS)) as pool:
        reports = rich.progress.track(
            pool.map(_check_pair, pairs.values()),
            description="Checking MFNet",
            total=len(pairs),
            console=rich.console.Console(stderr=True),
            transient=True,
            disable=not show_progress,
        )
        return dict(zip(pairs, reports, strict=True))


def _check_pair(pair: RawPair) -> _PairReport:
    """Read, check and decode both files of a name; nothing is raised."""
    report = _PairReport()
    image_hw = labels_hw = None
    image_name, labels_name = f"images/{pair.image_path.name}", f"labels/{pair.labels_path.name}"
    try:
        data = read_bytes(pair.image_path, image_name)
        read_png_header(data, image_name, is_thorough=True)
        image_hw = decode_visible_thermal(data, image_name)[1].shape
        report.checksum = zlib.crc32(data)
    except MdjaxError as error:
        report.problems.append(str(error))
    try:
        data = read_bytes(pair.labels_path, labels_name)
        read_png_header(data, labels_name, is_thorough=True)
        labels_u8 = decode_labels(data, labels_name)
        labels_hw = labels_u8.shape
        report.checksum = zlib.crc32(data, report.checksum)
        pixels_of_id = np.bincount(labels_u8.ravel(), minlength=256)
        known, unknown = np.split(pixels_of_id, [len(CLASS_NAMES)])
        report.class_pixels = tuple(known.tolist())
        if unknown.any():
            ids = ", ".join(str(i + len(CLASS_NAMES)) for i in np.flatnonzero(unknown))
            raise MdjaxError(f"{labels_name}: class id {ids} is outside 0..{len(CLASS_NAMES) - 1}.")
    except MdjaxError as error:
        report.problems.append(str(error))
    if image_hw and labels_hw and image_hw != labels_hw:
        report.problems.append(
            f"{pair.name}: image is {image_hw[1]}x{image_hw[0]}, labels are "
            f"{labels_hw[1]}x{labels_hw[0]}; both need one size."
        )
    return report


def _note_unlisted_files(raw_dir: Path, listed: set[str]) -> list[str]:
    """One note for each folder that holds files which no list names."""
    notes: list[str] = []
    for folder in ("images", "labels"):
        present = {path.stem for path in (raw_dir / folder).iterdir() if path.is_file()}
        # Mirror images lie in the folders of whoever ran the download's own script.
        unlisted = sorted(
            name for name in present - listed if name.removesuffix(FLIP_SUFFIX) not in listed
        )
        if unlisted:
            examples = ", ".join(unlisted[:3]) + (", ..." if len(unlisted) > 3 else "")
            notes.append(f"{folder}/: {len(unlisted)} files in no list, left out ({examples}).")
    return notes


def _compute_fingerprint(
    pairs: dict[str, tuple[RawPair, ...]], reports: dict[str, _PairReport]
) -> str:
    """One short text for names, splits, order and the bytes of the files."""
    lines = [
        f"{split}/{pair.name} {reports[pair.name].checksum}"
        for split in SPLITS
        for pair in pairs[split]
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
