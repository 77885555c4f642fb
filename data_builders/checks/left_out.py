"""Pairs that are left out because their files are faulty, where the person wants that."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from data_builders.checks.annotations import RawPair
from mdjax.io.findings import Problem, get_pair_names, group_problems, name_first
from mdjax.io.json_file import write_text
from mdjax.io.write_failure import make_folder
from mdjax.types import format_count

LeftOut = Mapping[str, Sequence[str]]
"""What is wrong with each pair, by its name."""


def attribute_to_pairs(problems: Iterable[str], pair_of_place: Mapping[str, str]) -> list[str]:
    """Let problems whose place is a file concern its pair."""
    return [
        Problem(problem, pair_of_place[place])
        if (place := problem.partition(": ")[0]) in pair_of_place
        else problem
        for problem in problems
    ]


def find_faulty_pairs(problems: Iterable[str]) -> dict[str, list[str]]:
    """What is wrong with each pair; without problems of the whole data set."""
    faulty: dict[str, list[str]] = {}
    for problem in problems:
        for name in get_pair_names(problem):
            faulty.setdefault(name, []).append(problem)
    return faulty


def leave_out(
    pairs: Mapping[str, Sequence[RawPair]], left_out: LeftOut
) -> dict[str, list[RawPair]]:
    """Pairs by split, without those that are left out."""
    return {
        split: [pair for pair in part if pair.name not in left_out] for split, part in pairs.items()
    }


def find_emptied_splits(
    pairs: Mapping[str, Sequence[RawPair]], rest: Mapping[str, Sequence[RawPair]]
) -> list[str]:
    """Find splits of which nothing is left."""
    return [
        f"split {split!r}: all of its {format_count(len(part), 'pair')} would be left out as "
        "faulty; correct their files, or remove the split."
        for split, part in pairs.items()
        if part and not rest[split]
    ]


def warn_of_left_out(left_out: LeftOut, num_kept: int) -> list[str]:
    """Warn that pairs are left out, with their number and the first names.

    Args:
        left_out: Those that are left out.
        num_kept: How many are not.
    """
    if not left_out:
        return []
    names = [*left_out]
    total = format_count(num_kept + len(names), "pair")
    return [
        f"{len(names):,} of {total} left out as faulty ({name_first(names)}); scores on the rest "
        "cannot be compared with those on the whole data set."
    ]


def describe_left_out(left_out: LeftOut) -> list[str]:
    """What is wrong with the pairs that are left out, in few lines."""
    problems = dict.fromkeys(problem for same in left_out.values() for problem in same)
    return group_problems([*problems]).lines


def write_left_out(left_out: LeftOut, path: Path) -> None:
    """Write a line for each pair: its name, a tab, and what is wrong with it.

    Raises:
        MdjaxError: The file cannot be written.
    """
    lines = [f"{name}\t{' '.join(' '.join(same).split())}\n" for name, same in left_out.items()]
    make_folder(path.parent)
    write_text(path, "".join(lines))
