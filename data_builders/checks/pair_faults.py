"""What is wrong with the pairs of a data set: their names, their files, and files that disagree."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from data_builders.checks.annotations import RawPair
from data_builders.checks.left_out import attribute_to_pairs
from data_builders.checks.pair_files import PairReport
from data_builders.checks.plausibility import (
    find_binary_masks,
    find_copies,
    find_shares_for_pixels,
)
from data_builders.checks.thermal_values import find_depth_faults, find_range_faults
from mdjax.io.findings import Problem


class PairFaults(NamedTuple):
    """What is wrong with pairs, their files included."""

    problems: list[str]
    repeated: list[str]
    """Boxes and images that are there twice."""


def find_pair_faults(
    pairs: Mapping[str, Sequence[RawPair]],
    reports: Mapping[str, PairReport],
    thermal_range_counts: tuple[int, int] | None,
    *,
    is_published: bool,
) -> PairFaults:
    """Find faults of names, of files, and of what files have in common.

    Args:
        pairs: By split.
        reports: What was found in their files, by name; empty if these were not read.
        thermal_range_counts: Given for thermal images of 16 bits.
        is_published: Whether the data set's own command prepares it, which takes no range.
    """
    problems = [*_find_name_faults(pairs), *_find_leaks(pairs)]
    problems += [
        Problem(problem, name) for name, report in reports.items() for problem in report.problems
    ]
    thermal = {name: report.thermal for name, report in reports.items() if report.thermal}
    values = [*thermal.values()]
    problems += attribute_to_pairs(
        find_depth_faults(values, thermal_range_counts, takes_range=not is_published),
        {image.name: name for name, image in thermal.items()},
    ) or find_range_faults(values, thermal_range_counts)
    problems += find_shares_for_pixels(pairs)
    if not reports:
        return PairFaults(problems, [])
    problems += find_binary_masks(pairs, reports)
    repeated = find_copies(pairs, reports)
    repeated += [
        Problem(line, name) for name, report in reports.items() for line in report.boxes.repeated
    ]
    return PairFaults(problems, repeated)


def _find_name_faults(pairs: Mapping[str, Sequence[RawPair]]) -> list[str]:
    problems = [f"split {split!r} is empty." for split, part in pairs.items() if not part]
    return problems + [
        f"{name}: is {count:,} times in split {split!r}."
        for split, part in pairs.items()
        for name, count in Counter(pair.name for pair in part).items()
        if count > 1
    ]


def _find_leaks(pairs: Mapping[str, Sequence[RawPair]]) -> list[str]:
    """Names in two splits; an image and its mirror image are the same leak."""
    splits_of_name: dict[str, list[str]] = {}
    for split, part in pairs.items():
        for name in dict.fromkeys(pair.mirrors or pair.name for pair in part):
            splits_of_name.setdefault(name, []).append(split)
    mirrored = {pair.mirrors for part in pairs.values() for pair in part}
    return [
        f"{name}: the image or its mirror image is in {len(splits)} splits ({', '.join(splits)}); "
        "keep both in one."
        if name in mirrored
        else f"{name}: is in {len(splits)} splits ({', '.join(splits)}); remove it from all but "
        "one, or rename it where the images differ."
        for name, splits in splits_of_name.items()
        if len(splits) > 1
    ]
