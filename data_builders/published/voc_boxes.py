"""Boxes of a published data set from a Pascal VOC file for each pair."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_builders.checks.annotations import RawPair
from data_builders.formats.voc import convert_voc_objects, read_voc_xml
from data_builders.published.classes import PublishedClasses
from mdjax.io.findings import Findings
from mdjax.io.read_file import read_bytes
from mdjax.types import MdjaxError


def add_published_boxes(
    title: str,
    root: Path,
    pairs: Sequence[RawPair],
    files: Mapping[str, Path],
    classes: PublishedClasses,
    findings: Findings,
) -> list[RawPair]:
    """Give each pair the boxes of its file; what is wrong with files goes to the findings.

    Numbers are edges that count from 0, as in the authors' own conversions to other formats, which
    subtract nothing: right minus left is the width.

    Args:
        title: Title of the data set.
        root: Names in messages are relative to it.
        pairs: Pairs without boxes.
        files: XML files by the name of the pair; pairs without one are among the findings already.
        classes: Classes of the data set.
        findings: Takes what is wrong.
    """
    annotated: list[RawPair] = []
    for pair in pairs:
        annotated.append(dataclasses.replace(pair, objects=()))
        path = files.get(pair.name)
        if path is None:
            continue
        name = path.relative_to(root).as_posix()
        with findings.of_pair(pair.name):
            try:
                file = read_voc_xml(read_bytes(path, name), name, findings)
            except MdjaxError as error:
                findings.problems.append(str(error))
                continue
            objects = convert_voc_objects(
                file,
                dict.fromkeys((item.label for item in file.objects), 0),
                findings,
                counts_from_1=False,
                source=name,
            )
            annotated[-1] = dataclasses.replace(
                pair,
                objects=classes.assign(title, objects, findings),
                stated_hw=file.stated_hw,
            )
    return annotated
