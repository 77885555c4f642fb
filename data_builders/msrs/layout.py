"""What an MSRS folder with boxes looks like, and the check of one before it is prepared.

Tang et al., "PIAFusion: A progressive infrared and visible image fusion network based on
illumination aware", Information Fusion 2022; its images are those of MFNet, their thermal contrast
enhanced:

    {train,test}/vi/00001D.jpg       RGB (or .png)
    {train,test}/ir/00001D.png       thermal
    {train,test}/labels/00001D.txt   boxes in YOLO format
    classes.txt                      the classes of the boxes, one per line
    {train,test}/Segmentation_labels/00001D.png   MFNet's class ids, where they are

The last letter of a name is D for day or N for night.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.unread_folders import describe_unread_folders
from data_builders.formats.class_names import read_class_names
from data_builders.formats.yolo import YoloClasses, read_yolo_folder
from data_builders.mfnet.layout import CLASS_NAMES as LABEL_CLASS_NAMES
from mdjax.io.findings import Findings, Problem
from mdjax.io.image_files import find_annotations, match_folders
from mdjax.types import MdjaxError

SEGMENTATION_FOLDER = "Segmentation_labels"
VAL_EVERY = 6

_FOLDERS = ("train", "test")


def check_raw_msrs(
    raw_dir: Path,
    *,
    classes: Sequence[str] = ("person",),
    val_every: int = VAL_EVERY,
    segmentation_folder: str = SEGMENTATION_FOLDER,
    skip_faulty: bool = False,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every pair with its annotations and report all faults in one message.

    Args:
        raw_dir: Folder with `train/`, `test/` and `classes.txt`.
        classes: Classes of the boxes that are kept, in the order of their ids; others are dropped.
        val_every: Every Nth name of `train/`, in alphabetical order, goes to the split "val"
            (the 6th, 12th...); 0 for no such split. Neighbouring images are similar: its scores
            serve to choose settings, not to measure performance in another town.
        segmentation_folder: Folder of label maps inside `train/` and `test/`; used if present.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    if val_every < 0 or val_every == 1:
        raise MdjaxError(
            f"val_every = {val_every}: give 0 for no validation split, or a number from 2."
        )
    raw_dir = Path(raw_dir)
    if not raw_dir.is_dir():
        raise MdjaxError(
            f"{raw_dir}: there is no such folder; give the one with train/, test/ and classes.txt."
        )
    findings = Findings()
    labels = _read_labels(raw_dir / "classes.txt", findings)
    class_ids = _make_class_ids(labels, classes, findings)
    has_labels = any((raw_dir / part / segmentation_folder).is_dir() for part in _FOLDERS)
    found: dict[str, list[RawPair]] = {}
    for part in _FOLDERS:
        found[part] = _find_pairs(raw_dir, part, findings)
        if labels:  # Else each line of each file would be reported for what is wrong with them.
            found[part] = _add_boxes(raw_dir / part, found[part], labels, class_ids, findings)
        if has_labels:
            found[part] = _add_label_maps(
                raw_dir / part / segmentation_folder, found[part], findings
            )
        if (raw_dir / part).is_dir():
            read = {"vi", "ir", "labels"} | ({segmentation_folder} if has_labels else set())
            findings.notes += [
                f"{part}/{line}" for line in describe_unread_folders(raw_dir / part, read)
            ]
    pairs = _split(found, val_every, findings)
    dropped = [label for label in labels if label not in class_ids]
    findings.notes.append(f"kept: {', '.join(classes)}; dropped: {', '.join(dropped) or 'none'}.")
    return check_pairs(
        raw_dir,
        "MSRS",
        pairs,
        findings,
        ClassNames(tuple(classes), LABEL_CLASS_NAMES if has_labels else ()),
        is_published=True,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


def _read_labels(path: Path, findings: Findings) -> tuple[str, ...]:
    try:
        return read_class_names(path, path.name)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return ()


def _make_class_ids(
    labels: Sequence[str], classes: Sequence[str], findings: Findings
) -> dict[str, int]:
    if not classes:
        findings.problems.append("no class is kept; name one from classes.txt.")
    findings.problems += [
        f"class {label!r} is not in classes.txt ({', '.join(labels)})."
        for label in classes
        if labels and label not in labels
    ]
    return {label: class_id for class_id, label in enumerate(classes)}


def _find_pairs(raw_dir: Path, part: str, findings: Findings) -> list[RawPair]:
    """Pairs of one folder, still without annotations; where there are none, there is a finding."""
    folder = raw_dir / part
    if not folder.is_dir():
        findings.problems.append(f"{folder}: folder is missing.")
        return []
    matched = match_folders(folder / "vi", folder / "ir", findings)
    findings.problems += [
        Problem(
            f"{part}/{name}: ends neither in D (day) nor in N (night); rename it, or remove it.",
            name,
        )
        for name in matched.pairs
        if not name.endswith(("D", "N"))
    ]
    return [
        RawPair(name=name, visible=visible, thermal=thermal, is_night=name.endswith("N"))
        for name, (visible, thermal) in matched.pairs.items()
    ]


def _add_boxes(
    folder: Path,
    pairs: list[RawPair],
    labels: Sequence[str],
    class_ids: dict[str, int],
    findings: Findings,
) -> list[RawPair]:
    classes = YoloClasses(labels, class_ids)
    boxes = read_yolo_folder(folder / "labels", _get_names(pairs), folder.parent, classes, findings)
    return [
        dataclasses.replace(pair, objects=boxes.get(pair.name, ()), has_relative_boxes=True)
        for pair in pairs
    ]


def _add_label_maps(folder: Path, pairs: list[RawPair], findings: Findings) -> list[RawPair]:
    remedy = "if one image has a label map, each needs one"
    paths = find_annotations(folder, _get_names(pairs), ".png", remedy, findings)
    return [dataclasses.replace(pair, labels=paths.get(pair.name)) for pair in pairs]


def _get_names(pairs: list[RawPair]) -> list[str]:
    return [pair.name for pair in pairs]


def _split(
    found: dict[str, list[RawPair]], val_every: int, findings: Findings
) -> dict[str, list[RawPair]]:
    """Part the validation split from `train/`; why a split would be empty is among the findings."""
    pairs = dict(found)
    if val_every:
        pairs = {
            "train": [pair for i, pair in enumerate(found["train"], 1) if i % val_every],
            "val": found["train"][val_every - 1 :: val_every],
            "test": found["test"],
        }
        findings.notes.append(
            f"val: every {val_every}th name of train/ in alphabetical order, taken out of train."
        )
        if pairs["train"] and not pairs["val"]:
            findings.problems.append(
                f"train/ has {len(found['train'])} images, so that the split 'val' gets none of "
                f"every {val_every}; --val-every 0 makes no such split."
            )
    return {split: part for split, part in pairs.items() if part}
