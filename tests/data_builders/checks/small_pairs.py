"""Pairs of 16x12 pixels in a folder, and their check."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_builders.checks.annotations import AnnotatedObject, BoxXyxy, ClassNames, RawPair, Role
from data_builders.checks.dataset import CheckedPairs, check_pairs
from mdjax.io.findings import Findings
from tests.data_builders.raw_pairs import write_pair

CLASSES = ClassNames(objects=("deer", "boar"))


def make_object(
    box: BoxXyxy,
    *,
    role: Role = Role.POSITIVE,
    label: str = "deer",
    thermal_box: BoxXyxy | None = None,
    where: str = "boxes.txt, line 1",
) -> AnnotatedObject:
    return AnnotatedObject(box, label, 0, role, where, 0, thermal_box)


def make_pair(folder: Path, name: str, number: int = 0, **options: Any) -> RawPair:
    """Write a pair with other pixels for each number, without boxes unless they are given."""
    write_pair(folder / "visible" / name, folder / "thermal" / name, number)
    visible, thermal = folder / "visible" / f"{name}.jpg", folder / "thermal" / f"{name}.png"
    options.setdefault("objects", ())
    return RawPair(name, visible, thermal, name.endswith("N"), **options)


def check(
    folder: Path,
    pairs: Mapping[str, Sequence[RawPair]],
    classes: ClassNames = CLASSES,
    **options: Any,
) -> CheckedPairs:
    return check_pairs(folder, "test", pairs, Findings(), classes, **options)
