"""What a folder of one's own image pairs looks like, and its check before it is prepared.

    visible/  thermal/    images of the same names, any of `IMAGE_SUFFIXES`; the thermal image may
                          have its own lower resolution, and 8 or 16 bits
    classes.txt           class names, one a line; line 1 is class 0
    night.txt             names of images taken at night; without this file all are by day

    one kind of annotation:
    labels/NAME.txt       boxes as YOLO writes them; an empty file where there is no object
    annotations.json      boxes as COCO writes them, or annotations/{train,val,test}.json
    masks/NAME.png        class ids as grey values of 8 bits; class 0 is the background, and 255
                          is not counted

    one kind of splits, of which not all three need to be there:
    visible/train/, thermal/train/, labels/train/ or masks/train/; val/ and test/ alike
    train.txt, val.txt, test.txt     names without ending, one a line

A 16-bit thermal image goes into the records untouched. Which counts mean black and white has to be
said, so that it is never read as if it had 8 bits.
"""

import dataclasses
from pathlib import Path, PurePath

from mdjax.data.annotated_pairs import CheckedPairs, ClassNames, check_pairs
from mdjax.data.annotations import Findings, RawPair
from mdjax.data.coco_json import CocoImage, read_coco_json
from mdjax.data.image_folder import match_folders
from mdjax.data.pair_check import read_text
from mdjax.data.pairs import IMAGE_SUFFIXES
from mdjax.data.yolo_text import read_class_names, read_yolo_file
from mdjax.types import MdjaxError

SPLITS = ("train", "val", "test")

_MAX_COUNTS = 65_535


def check_raw_rgbt_folder(
    raw_dir: Path,
    *,
    thermal_range_counts: tuple[int, int] | None = None,
    show_progress: bool = False,
) -> CheckedPairs:
    """Check every pair of a folder with its annotation and report all faults in one message.

    Args:
        raw_dir: a folder as described above.
        thermal_range_counts: the counts of 16-bit thermal images that mean black and white.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: one message with a line for each fault.
    """
    raw_dir = Path(raw_dir)
    _check_range(thermal_range_counts)
    findings = Findings()
    try:
        names = read_class_names(raw_dir / "classes.txt", "classes.txt")
    except MdjaxError as error:
        findings.problems.append(str(error))
        names = ()
    pairs = _find_pairs(raw_dir, findings)
    class_names = ClassNames(objects=names)
    kinds = [
        kind
        for kind in ("labels", "annotations.json", "annotations", "masks")
        if (raw_dir / kind).exists()
    ]
    if len(kinds) != 1:
        findings.problems.append(
            f"has {' and '.join(kinds) or 'no annotations'}; give one of labels/ (YOLO), "
            "annotations.json or annotations/ (COCO) and masks/ (class ids)."
        )
    elif not names:  # Every annotation would be reported for what is wrong with classes.txt.
        pass
    elif kinds == ["masks"]:
        class_names = ClassNames(labels=names)
        pairs = {split: _add_masks(raw_dir, part) for split, part in pairs.items()}
    elif kinds == ["labels"]:
        pairs = {
            split: _add_yolo_boxes(raw_dir, part, names, findings) for split, part in pairs.items()
        }
    else:
        pairs = _add_coco_boxes(raw_dir, pairs, names, findings)
    return check_pairs(
        raw_dir,
        "RGB-thermal",
        pairs,
        findings,
        class_names,
        thermal_range_counts=thermal_range_counts,
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


def _find_pairs(raw_dir: Path, findings: Findings) -> dict[str, list[RawPair]]:
    """Pairs by split, still without annotations."""
    visible_dir, thermal_dir = raw_dir / "visible", raw_dir / "thermal"
    folders = [split for split in SPLITS if (visible_dir / split).is_dir()]
    lists = [split for split in SPLITS if (raw_dir / f"{split}.txt").is_file()]
    files: dict[str, dict[str, tuple[Path, Path]]] = {}
    if folders and lists:
        findings.problems.append(
            f"has both the folders {', '.join(f'visible/{split}' for split in folders)} and the "
            f"lists {', '.join(f'{split}.txt' for split in lists)}; leave one kind."
        )
    elif folders:
        for split in folders:
            files[split] = match_folders(visible_dir / split, thermal_dir / split, findings)
    elif lists:
        matched = match_folders(visible_dir, thermal_dir, findings)
        files = {split: _pick(raw_dir, split, matched, findings) for split in lists}
        if unlisted := sorted(set(matched) - {name for part in files.values() for name in part}):
            findings.notes.append(f"{len(unlisted)} pairs in no list, left out ({unlisted[0]}...).")
    else:
        findings.problems.append(
            "has no splits: sort the images into visible/train/, thermal/train/ and so on, or "
            "write their names into train.txt, val.txt, test.txt."
        )
    night = _read_night_names(raw_dir, {name for part in files.values() for name in part}, findings)
    return {
        split: [
            RawPair(name=name, visible=visible, thermal=thermal, is_night=name in night)
            for name, (visible, thermal) in part.items()
        ]
        for split, part in files.items()
    }


def _pick(
    raw_dir: Path,
    split: str,
    matched: dict[str, tuple[Path, Path]],
    findings: Findings,
) -> dict[str, tuple[Path, Path]]:
    names = _read_names(raw_dir / f"{split}.txt", findings)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        findings.problems.append(f"{split}.txt: lists {', '.join(twice)} more than once.")
    findings.problems += [
        f"{split}.txt: there is no pair {name}.* in visible/ and thermal/."
        for name in names
        if name not in matched
    ]
    return {name: matched[name] for name in names if name in matched}


def _read_night_names(raw_dir: Path, known: set[str], findings: Findings) -> set[str]:
    path = raw_dir / "night.txt"
    if not path.exists():
        return set()
    names = set(_read_names(path, findings))
    findings.problems += [
        f"night.txt: {name} is in no split." for name in sorted(names - known) if known
    ]
    return names


def _read_names(path: Path, findings: Findings) -> list[str]:
    """Names of a list; an image's ending may be there."""
    try:
        lines = [line.strip() for line in read_text(path, path.name).splitlines()]
    except MdjaxError as error:
        findings.problems.append(str(error))
        return []
    return [
        PurePath(line).stem if line.lower().endswith(IMAGE_SUFFIXES) else line
        for line in lines
        if line
    ]


def _get_subfolder(raw_dir: Path, pair: RawPair) -> PurePath:
    """`train` where images lie in folders of splits, else `.`."""
    return pair.visible.parent.relative_to(raw_dir / "visible")


def _add_masks(raw_dir: Path, pairs: list[RawPair]) -> list[RawPair]:
    return [
        dataclasses.replace(
            pair, labels=raw_dir / "masks" / _get_subfolder(raw_dir, pair) / f"{pair.name}.png"
        )
        for pair in pairs
    ]


def _add_yolo_boxes(
    raw_dir: Path, pairs: list[RawPair], names: tuple[str, ...], findings: Findings
) -> list[RawPair]:
    class_ids = {name: class_id for class_id, name in enumerate(names)}
    annotated: list[RawPair] = []
    for pair in pairs:
        path = raw_dir / "labels" / _get_subfolder(raw_dir, pair) / f"{pair.name}.txt"
        place = path.relative_to(raw_dir).as_posix()
        objects = read_yolo_file(path, place, names, class_ids, findings)
        annotated.append(dataclasses.replace(pair, objects=objects, has_relative_boxes=True))
    return annotated


def _add_coco_boxes(
    raw_dir: Path,
    pairs: dict[str, list[RawPair]],
    names: tuple[str, ...],
    findings: Findings,
) -> dict[str, list[RawPair]]:
    class_ids = {name: class_id for class_id, name in enumerate(names)}
    files = {split: raw_dir / "annotations" / f"{split}.json" for split in pairs}
    if not (raw_dir / "annotations").exists():
        files = dict.fromkeys(pairs, raw_dir / "annotations.json")
    images: dict[Path, dict[str, CocoImage]] = {}
    for path in dict.fromkeys(files.values()):
        place = path.relative_to(raw_dir).as_posix()
        try:
            images[path] = read_coco_json(read_text(path, place), place, class_ids, findings)
        except MdjaxError as error:
            findings.problems.append(str(error))
    used = {pair.name for part in pairs.values() for pair in part}
    for path, content in images.items():
        if unused := sorted(set(content) - used):
            findings.notes.append(
                f"{path.name}: {len(unused)} images are in no split, left out ({unused[0]}...)."
            )
    annotated: dict[str, list[RawPair]] = {}
    for split, path in files.items():
        content = images.get(path)
        if content is not None:
            annotated[split] = [
                _add_coco_image(pair, content, path.name, findings) for pair in pairs[split]
            ]
    return pairs | annotated


def _add_coco_image(
    pair: RawPair, images: dict[str, CocoImage], place: str, findings: Findings
) -> RawPair:
    image = images.get(pair.name)
    if image is None:
        findings.problems.append(f"{place}: does not list the image {pair.name}.")
        return pair
    return dataclasses.replace(pair, objects=image.objects, stated_hw=image.stated_hw)
