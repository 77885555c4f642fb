"""What a folder of the user's own image pairs looks like, and its check before it is prepared.

    visible/  thermal/    images of the same names, any of `IMAGE_SUFFIXES`; the thermal image may
                          have its own lower resolution, and 8 or 16 bits
    classes.txt           class names, one per line; line 1 is class 0; not needed where the
                          annotations name the classes themselves
    night.txt             names of images taken at night; without this file all are by day

    one kind of annotation:
    labels/NAME.txt       boxes in YOLO format; an empty file, or none, where there is no object
    annotations/NAME.xml  boxes in Pascal VOC format
    annotations.json      boxes in COCO format, or annotations/{train,val,test}.json
    labels/NAME.json      shapes of labelme, each of which becomes the box around it
    masks/NAME.png        class ids as grey values or as indices of a palette, or colours that
                          labelmap.txt explains; class 0 is the background, 255 is not counted

    one kind of splits, of which not all three need to be there:
    visible/train/, thermal/train/, labels/train/ or masks/train/; val/ and test/ alike
    train.txt, val.txt, test.txt     names, one per line; also in Pascal VOC's ImageSets/Main/
    or none, where a `Dealing` makes them

Other names and other orders of them are read as well, see `mdjax.io.folder_tree`; so are names of
images that differ in a word for the camera, see `mdjax.io.pair_names`. Folders beside those of
splits, and images beside these, are refused: they would be omitted.

16-bit thermal images go into the records unchanged. The counts that map to black and white must be
given, so that they are never read as 8-bit images.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from data_builders.checks.annotations import ClassNames, RawPair
from data_builders.checks.dataset import CheckedPairs, check_pairs
from data_builders.checks.unread_folders import describe_unread_folders
from data_builders.dealing import Dealing
from data_builders.rgbt_folder.annotations import add_annotations
from data_builders.rgbt_folder.class_names import CLASSES_FILE
from data_builders.rgbt_folder.splits import find_list_folder, find_split_pairs
from mdjax.align.common_view import CommonView
from mdjax.io.findings import Findings
from mdjax.io.folder_tree import find_split, is_known_name
from mdjax.types import IGNORED_LABEL, MdjaxError

_TITLE = "RGB-thermal"
_MAX_COUNTS = 65_535


def check_raw_rgbt_folder(
    raw_dir: Path,
    *,
    thermal_range_counts: tuple[int, int] | None = None,
    ignored_label: int = IGNORED_LABEL,
    dealing: Dealing | None = None,
    view: CommonView | None = None,
    skip_faulty: bool = False,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every pair of a folder with its annotation and report all faults in one message.

    Args:
        raw_dir: The folder described above.
        thermal_range_counts: The counts of 16-bit thermal images that map to black and white.
        ignored_label: Class id in masks that is not counted, besides 255.
        dealing: Makes the splits of a folder that has none.
        view: What is cut out of both images of each pair; None to keep them as they are.
        skip_faulty: Leave out the pairs that faults concern, see `check_pairs`.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: There are faults; the message has a line for each kind.
    """
    raw_dir = Path(raw_dir)
    _check_range(thermal_range_counts)
    if not raw_dir.is_dir():
        raise MdjaxError(
            f"{raw_dir}: there is no such folder; give the one with visible/ and thermal/."
        )
    _check_outer_folder(raw_dir)
    findings = Findings(problems=_find_misnamed(raw_dir))
    if findings.problems:  # What has the wrong name would be reported as missing too.
        return check_pairs(raw_dir, _TITLE, {}, findings, ClassNames())
    pairs = find_split_pairs(raw_dir, findings, dealing)
    annotated = add_annotations(raw_dir, pairs, findings, ignored_label=ignored_label)
    findings.warnings += _describe_unread_folders(raw_dir, pairs, annotated.folders)
    if view is not None:
        findings.notes.append(
            f"visible images were {view.describe()}; encoded again as PNG, without loss."
        )
    return check_pairs(
        raw_dir,
        _TITLE,
        {
            split: [dataclasses.replace(pair, view=view) for pair in part]
            for split, part in annotated.pairs.items()
        },
        findings,
        annotated.class_names,
        thermal_range_counts=thermal_range_counts,
        skip_faulty=skip_faulty,
        show_progress=show_progress,
    )


def _check_range(thermal_range_counts: tuple[int, int] | None) -> None:
    if thermal_range_counts is None:
        return
    black, white = thermal_range_counts
    if not 0 <= black < white <= _MAX_COUNTS:
        raise MdjaxError(
            f"thermal_range_counts = {black} {white}: give two counts from 0 to {_MAX_COUNTS}, the "
            "smaller one first."
        )


def _find_misnamed(raw_dir: Path) -> list[str]:
    """Files whose names differ from the right ones in upper case only."""
    right = (CLASSES_FILE,)
    return [
        f"{path.name}: rename it to {path.name.lower()}, or remove it."
        for path in sorted(raw_dir.iterdir())
        if path.name not in right and path.name.lower() in right
    ]


def _check_outer_folder(raw_dir: Path) -> None:
    """Refuse a folder around that of the data set, as archives are unpacked into."""
    paths = [path for path in raw_dir.iterdir() if not path.name.startswith(".")]
    if len(paths) == 1 and paths[0].is_dir() and not is_known_name(name := paths[0].name):
        raise MdjaxError(f"{raw_dir}: holds nothing but {name}/; give that folder, {paths[0]}.")


def _describe_unread_folders(
    raw_dir: Path, pairs: Mapping[str, Sequence[RawPair]], annotation_folders: Iterable[str]
) -> list[str]:
    """Folders beside those that are read, also inside those of splits."""
    places = {
        path.parent.relative_to(raw_dir).parts
        for part in pairs.values()
        for pair in part
        for path in (pair.visible, pair.thermal)
        if path is not None
    }
    read = {*annotation_folders, *(parts[0] for parts in places if parts)}
    read |= set(find_list_folder(raw_dir).relative_to(raw_dir).parts[:1])
    lines = describe_unread_folders(raw_dir, read)
    for name in sorted({parts[0] for parts in places if len(parts) > 1 and find_split(parts[0])}):
        inner = {parts[1] for parts in places if parts[0] == name and len(parts) > 1}
        inner |= {path.name for path in (raw_dir / name).iterdir() if is_known_name(path.name)}
        lines += [f"{name}/{line}" for line in describe_unread_folders(raw_dir / name, inner)]
    return lines
