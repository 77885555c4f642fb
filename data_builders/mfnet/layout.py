"""What the official MFNet download looks like, and the check of one before it is prepared.

Ha et al., "MFNet: Towards real-time semantic segmentation for autonomous vehicles with
multi-spectral scenes", IROS 2017:

    images/00001D.png   640x480, four channels: RGB and thermal
    labels/00001D.png   8-bit class ids
    train.txt val.txt test.txt (test_day.txt test_night.txt)   names without extension

The last letter of a name is D for day or N for night. The official train.txt holds each name twice,
the second time as 00001D_flip, a mirror image that the download's own script writes.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.unread_folders import describe_unread_folders
from data_builders.formats.name_list import read_names
from data_builders.published.counts import compare_counts
from mdjax.io.findings import Findings, Problem
from mdjax.io.folder_tree import SPLITS
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

NUM_PAIRS = {"train": 784, "val": 392, "test day": 205, "test night": 188}
"""Of the official lists, without mirror images."""
FLIP_SUFFIX = "_flip"

ORIGINAL_CONFIG = "original"
FLIPS_CONFIG = "with_flips"

_FOLDERS = ("images", "labels")


def check_raw_mfnet(
    raw_dir: Path,
    *,
    include_flips: bool = False,
    skip_faulty: bool = False,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every listed pair of a download and report all faults in one message.

    Files that no list names are noted, not refused: the official folder holds all images whatever
    the lists say.

    Args:
        raw_dir: Folder with `images/`, `labels/`, `train.txt`, `val.txt` and `test.txt`.
        include_flips: Keep the `_flip` names of the lists. The pipeline mirrors images itself, so
            they only double what an epoch is.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    if not raw_dir.is_dir():
        raise MdjaxError(
            f"{raw_dir}: there is no such folder; give the one with images/, labels/ and the lists."
        )
    findings = Findings()
    names: dict[str, list[str]] = {}
    for split in SPLITS:
        listed = _read_list(raw_dir / f"{split}.txt", findings)
        if listed is not None:
            names[split] = _select(listed, f"{split}.txt", findings, include_flips=include_flips)
    missing = [folder for folder in _FOLDERS if not (raw_dir / folder).is_dir()]
    findings.problems += [f"{folder}/: folder is missing." for folder in missing]
    _note_day_night_lists(raw_dir, names.get("test", []), findings)
    if not missing:
        findings.notes += describe_unread_folders(raw_dir, _FOLDERS)
        _note_unlisted_files(raw_dir, {name for part in names.values() for name in part}, findings)
    _compare_counts(names, findings)
    checked = check_pairs(
        raw_dir,
        "MFNet",
        {split: [_make_pair(raw_dir, name) for name in part] for split, part in names.items()},
        findings,
        ClassNames(labels=CLASS_NAMES),
        may_have_uncounted_pixels=False,
        has_folders=not missing,
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )
    config_name = FLIPS_CONFIG if include_flips else ORIGINAL_CONFIG
    return dataclasses.replace(checked, config_name=config_name)


def _make_pair(raw_dir: Path, name: str) -> RawPair:
    scene = name.removesuffix(FLIP_SUFFIX)
    return RawPair(
        name=name,
        visible=raw_dir / "images" / f"{name}.png",
        thermal=None,
        is_night=scene.endswith("N"),
        labels=raw_dir / "labels" / f"{name}.png",
        mirrors=scene if scene != name else None,
    )


def _read_list(path: Path, findings: Findings) -> list[str] | None:
    """Names of a list; None where it cannot be read, which is then among the findings."""
    try:
        return read_names(path)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return None


def _select(
    listed: Sequence[str], file_name: str, findings: Findings, *, include_flips: bool
) -> list[str]:
    """Names that are kept; those that tell neither day nor night are among the findings."""
    kept = [name for name in listed if include_flips or not name.endswith(FLIP_SUFFIX)]
    if len(kept) < len(listed):
        findings.notes.append(
            f"{file_name}: {len(listed) - len(kept)} mirror images (*{FLIP_SUFFIX}) omitted."
        )
    findings.problems += [
        Problem(
            f"{file_name}, {name}: ends neither in D (day) nor in N (night); rename it, or remove "
            "it.",
            name,
        )
        for name in dict.fromkeys(kept)
        if not name.removesuffix(FLIP_SUFFIX).endswith(("D", "N"))
    ]
    return kept


def _compare_counts(names: dict[str, list[str]], findings: Findings) -> None:
    scenes = {
        split: [name for name in part if not name.endswith(FLIP_SUFFIX)]
        for split, part in names.items()
    }
    test = scenes.pop("test", [])
    scenes["test day"] = [name for name in test if name.endswith("D")]
    scenes["test night"] = [name for name in test if name.endswith("N")]
    compare_counts("MFNet", NUM_PAIRS, scenes, findings)


def _note_day_night_lists(raw_dir: Path, test_names: Sequence[str], findings: Findings) -> None:
    """Note where test_day.txt and test_night.txt disagree with test.txt, which is what counts."""
    for part, letter in (("test_day", "D"), ("test_night", "N")):
        path = raw_dir / f"{part}.txt"
        listed = _read_list(path, findings) if path.exists() else None
        expected = {name for name in test_names if name.endswith(letter)}
        if listed is not None and set(listed) != expected:
            findings.notes.append(
                f"{path.name}: {len(set(listed) ^ expected)} names differ from those of test.txt "
                f"that end in {letter}; test.txt counts."
            )


def _note_unlisted_files(raw_dir: Path, listed: set[str], findings: Findings) -> None:
    """Note each folder that holds files which no list names."""
    for folder in _FOLDERS:
        present = {path.stem for path in (raw_dir / folder).iterdir() if path.is_file()}
        # Mirror images lie in the folders of whoever ran the download's own script.
        unlisted = sorted(
            name for name in present - listed if name.removesuffix(FLIP_SUFFIX) not in listed
        )
        if unlisted:
            examples = ", ".join(unlisted[:3]) + (", ..." if len(unlisted) > 3 else "")
            findings.notes.append(
                f"{folder}/: {len(unlisted)} files in no list, omitted ({examples})."
            )
