"""Label maps of the user's own pairs: class ids, indices of palettes, or colours."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from data_builders.checks.annotations import RawPair
from data_builders.checks.label_maps import LabelRule
from data_builders.formats.class_names import read_class_names
from data_builders.formats.labelmap import (
    LABELMAP_FILE,
    LabelColour,
    assign_colours,
    list_labelmap_names,
    read_labelmap,
)
from data_builders.rgbt_folder.annotation_files import (
    AnnotationPlace,
    Pairs,
    describe_other_files,
)
from data_builders.rgbt_folder.annotation_names import match_annotations
from data_builders.rgbt_folder.class_names import CLASSES_FILE
from mdjax.io.findings import Findings, Problem
from mdjax.io.read_file import read_text
from mdjax.types import IGNORED_LABEL, MdjaxError


class PairsWithMasks(NamedTuple):
    """What label maps say."""

    pairs: dict[str, list[RawPair]]
    class_names: tuple[str, ...]
    """By class id; empty where what is wrong with them is among the findings."""


def add_masks(
    raw_dir: Path,
    pairs: Pairs,
    place: AnnotationPlace,
    findings: Findings,
    *,
    ignored_label: int = IGNORED_LABEL,
) -> PairsWithMasks:
    """Give each pair its label map; missing ones go to the findings.

    `labelmap.txt`, in the data set's folder or beside the masks, says that masks are colours. It
    also names the classes where there is no `classes.txt`.

    Args:
        raw_dir: Folder of the data set.
        pairs: Pairs by split.
        place: Where the masks are.
        findings: Takes what is wrong.
        ignored_label: Class id that is not counted, besides 255.
    """
    try:
        colours = _read_colours(raw_dir, place, findings)
        if colours and not (raw_dir / CLASSES_FILE).exists():
            names = list_labelmap_names(colours)
            findings.notes.append(f"class names from {LABELMAP_FILE}: {', '.join(names)}.")
        else:
            names = read_class_names(raw_dir / CLASSES_FILE, CLASSES_FILE)
    except MdjaxError as error:
        findings.problems.append(str(error))
        return PairsWithMasks({split: list(part) for split, part in pairs.items()}, ())
    ids_by_rgb = None if colours is None else assign_colours(colours, names, findings)
    rule = LabelRule(
        ids_by_rgb, ignored_label, "--ignored-label ID names another id that is not counted"
    )
    if ignored_label < len(names):
        findings.notes.append(
            f"class {ignored_label}, {names[ignored_label]}, is not counted (--ignored-label)."
        )
    files = _find_files(raw_dir, pairs, place, findings)
    return PairsWithMasks(
        {
            split: [
                dataclasses.replace(pair, labels=files.get((split, pair.name)), label_rule=rule)
                for pair in part
            ]
            for split, part in pairs.items()
        },
        names,
    )


def _read_colours(
    raw_dir: Path, place: AnnotationPlace, findings: Findings
) -> list[LabelColour] | None:
    """The lines of `labelmap.txt`; None where there is none."""
    for folder in (raw_dir, *place.folders):
        path = folder / LABELMAP_FILE
        if path.exists():
            name = path.relative_to(raw_dir).as_posix()
            return read_labelmap(read_text(path, name), name, findings)
    return None


def _find_files(
    raw_dir: Path, pairs: Pairs, place: AnnotationPlace, findings: Findings
) -> dict[tuple[str, str], Path]:
    if not place.files:
        findings.problems.append(
            f"{place.name}: holds no file that ends in .png{describe_other_files(place)}; put the "
            "masks there as PNG, under the names of the images."
        )
        return {}
    matched = match_annotations(raw_dir, place, pairs, findings)
    hint = f", of its image's name ({matched.strays[0].name} is of none)" if matched.strays else ""
    findings.problems += [
        Problem(f"{place.name}{name}.png: file is missing; each image needs one{hint}.", name)
        for _, name in matched.missing
    ]
    return matched.files
