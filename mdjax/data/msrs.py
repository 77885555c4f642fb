"""What an MSRS folder with boxes looks like, and the check of one before it is prepared.

Tang et al., "PIAFusion: A progressive infrared and visible image fusion network based on
illumination aware", Information Fusion 2022; its images are those of MFNet, their thermal contrast
enhanced:

    {train,test}/vi/00001D.jpg       RGB (or .png)
    {train,test}/ir/00001D.png       thermal
    {train,test}/labels/00001D.txt   boxes as YOLO writes them
    classes.txt                      the classes of the boxes, one a line
    {train,test}/Segmentation_labels/00001D.png   MFNet's class ids, where they are

The last letter of a name is D for day or N for night.
"""

from collections.abc import Sequence
from pathlib import Path

from mdjax.data.annotated_pairs import CheckedPairs, ClassNames, check_pairs
from mdjax.data.annotations import Findings, RawPair
from mdjax.data.image_folder import match_folders
from mdjax.data.mfnet import CLASS_NAMES as LABEL_CLASS_NAMES
from mdjax.data.yolo_text import read_class_names, read_yolo_file
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
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every pair with its annotations and report all faults in one message.

    Args:
        raw_dir: folder with `train/`, `test/` and `classes.txt`.
        classes: of the boxes that are kept, in the order of their class ids; others are dropped.
        val_every: every so many names of `train/`, in alphabetical order, go to the split "val"
            (the 6th, 12th...); 0 for no such split. Neighbouring images are alike: its numbers
            choose settings, they do not say how well another town is seen.
        segmentation_folder: folder of label maps inside `train/` and `test/`; used where it is.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: one message with a line for each fault.
    """
    if val_every < 0 or val_every == 1:
        raise MdjaxError(
            f"val_every = {val_every}: give 0 for no validation split, or a number from 2."
        )
    raw_dir = Path(raw_dir)
    findings = Findings()
    labels = _read_labels(raw_dir / "classes.txt", findings)
    class_ids = _make_class_ids(labels, classes, findings)
    has_labels = any((raw_dir / part / segmentation_folder).is_dir() for part in _FOLDERS)
    found = {
        part: _find_pairs(
            raw_dir, part, labels, class_ids, segmentation_folder if has_labels else None, findings
        )
        for part in _FOLDERS
    }
    pairs = {"train": found["train"]}
    if val_every:
        pairs["val"] = found["train"][val_every - 1 :: val_every]
        kept = {pair.name for pair in pairs["val"]}
        pairs["train"] = [pair for pair in found["train"] if pair.name not in kept]
        findings.notes.append(
            f"val: every {val_every}th name of train/ in alphabetical order, taken out of train."
        )
    pairs["test"] = found["test"]
    dropped = [label for label in labels if label not in class_ids]
    findings.notes.append(f"kept: {', '.join(classes)}; dropped: {', '.join(dropped) or 'none'}.")
    return check_pairs(
        raw_dir,
        "MSRS",
        pairs,
        findings,
        ClassNames(tuple(classes), LABEL_CLASS_NAMES if has_labels else ()),
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
        findings.problems.append("no class is to be kept; name one of classes.txt.")
    findings.problems += [
        f"class {label!r} is not in classes.txt ({', '.join(labels)})."
        for label in classes
        if labels and label not in labels
    ]
    return {label: class_id for class_id, label in enumerate(classes)}


def _find_pairs(
    raw_dir: Path,
    part: str,
    labels: Sequence[str],
    class_ids: dict[str, int],
    segmentation_folder: str | None,
    findings: Findings,
) -> list[RawPair]:
    folder = raw_dir / part
    if not labels:  # Each line of each file would be reported for what is wrong with classes.txt.
        return []
    pairs: list[RawPair] = []
    for name, (visible, thermal) in match_folders(folder / "vi", folder / "ir", findings).items():
        if not name.endswith(("D", "N")):
            findings.problems.append(f"{part}/{name}: ends neither in D (day) nor in N (night).")
        boxes_path = folder / "labels" / f"{name}.txt"
        boxes_name = f"{part}/labels/{name}.txt"
        label_map = segmentation_folder and folder / segmentation_folder / f"{name}.png"
        pairs.append(
            RawPair(
                name=name,
                visible=visible,
                thermal=thermal,
                is_night=name.endswith("N"),
                objects=read_yolo_file(boxes_path, boxes_name, labels, class_ids, findings),
                labels=label_map or None,
                has_relative_boxes=True,
            )
        )
    return pairs
