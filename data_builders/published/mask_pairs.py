"""Pairs with masks of a published data set: a folder of each kind in the folder of each split."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from data_builders.checks.annotations import RawPair
from data_builders.checks.label_maps import LabelRule
from data_builders.checks.unread_folders import describe_unread_folders
from mdjax.io.findings import Findings
from mdjax.io.image_files import find_annotations, match_folders


class MaskFolders(NamedTuple):
    """Names of the folders inside that of a split."""

    visible: str
    thermal: str
    masks: str
    others: tuple[str, ...] = ()
    """Known ones that are not read."""


def find_mask_pairs(
    raw_dir: Path,
    splits: Iterable[str],
    folders: MaskFolders,
    rule: LabelRule,
    findings: Findings,
) -> dict[str, list[RawPair]]:
    """Find the pairs of each split that has a folder, with their masks; all count as day.

    Args:
        raw_dir: Folder of the data set.
        splits: Names of the splits, which are those of the folders.
        folders: Names of the folders inside.
        rule: What the pixels of masks mean.
        findings: Gets what is wrong, and which folders are not read.
    """
    pairs: dict[str, list[RawPair]] = {}
    for split in splits:
        place = raw_dir / split
        if not place.is_dir():
            continue
        matched = match_folders(place / folders.visible, place / folders.thermal, findings)
        remedy = "each image has one, get it again"
        files = find_annotations(place / folders.masks, matched.pairs, ".png", remedy, findings)
        pairs[split] = [
            RawPair(
                name=name,
                visible=visible,
                thermal=thermal,
                is_night=False,
                labels=files.get(name),
                label_rule=rule,
            )
            for name, (visible, thermal) in matched.pairs.items()
        ]
        findings.notes += [
            f"{split}/{line}"
            for line in describe_unread_folders(place, {*folders[:3], *folders.others})
        ]
    return pairs
