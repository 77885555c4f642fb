"""Splits for a data set that has none: its pairs dealt by sequence, or at random."""

import dataclasses
import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from data_builders.checks.annotations import RawPair
from mdjax.io.findings import Findings, name_first
from mdjax.io.folder_tree import SPLITS
from mdjax.types import MdjaxError, format_count

DealBy = Literal["sequence", "random"]

DEFAULT_FRACTIONS = (0.7, 0.1, 0.2)

_BEFORE_LAST_NUMBER = re.compile(r"(.*?)\d+\D*", re.DOTALL)
_MAX_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Dealing:
    """How pairs are dealt into splits.

    Attributes:
        by: "sequence" keeps the pairs of a sequence together; "random" deals every pair alone.
        fractions: Of the pairs, for train, val and test; 0 makes no such split.
        seed: Another one deals otherwise.
    """

    by: DealBy
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
    seed: int = 0

    def __post_init__(self):
        is_possible = all(math.isfinite(value) and value >= 0 for value in self.fractions)
        if not is_possible or abs(sum(self.fractions) - 1) > 1e-3 or self.fractions[0] == 0:
            shown = " ".join(f"{value:g}" for value in self.fractions)
            raise MdjaxError(
                f"fractions = {shown}: give three for train, val and test that sum up to 1; val "
                "and test may be 0."
            )


def make_dealing(
    split_by: DealBy | None, fractions: tuple[float, float, float], seed: int
) -> Dealing | None:
    """Make a dealing from the options of a command; None where none is asked for.

    Raises:
        MdjaxError: Fractions or seed are given that nothing uses, or the fractions are impossible.
    """
    if split_by is not None:
        return Dealing(split_by, fractions, seed)
    if (fractions, seed) != (DEFAULT_FRACTIONS, 0):
        raise MdjaxError(
            "--fractions and --split-seed: need --split-by sequence or --split-by random; add "
            "it, or omit them."
        )
    return None


def find_sequence(name: str) -> str:
    """The sequence of a pair: its folder, or what its name has before the last number.

    `seq1/0001` is of `seq1`, and `street_v2_0001` of `street_v2_`.
    """
    folder, separator, stem = name.rpartition("/")
    if separator:
        return folder
    match = _BEFORE_LAST_NUMBER.fullmatch(stem)
    return stem if match is None else match[1]


def deal_pairs(
    pairs: Sequence[RawPair],
    dealing: Dealing,
    findings: Findings,
    get_sequence: Callable[[str], str] = find_sequence,
) -> dict[str, list[RawPair]]:
    """Deal pairs into splits, day and night alike; the order of the pairs stays.

    Which pair goes where depends on the names, on which are of the night, and on the seed alone.

    Args:
        pairs: All pairs of the data set, not empty.
        dealing: How they are dealt.
        findings: Gets what was done, and what is wrong.
        get_sequence: Tells the sequence of a pair from its name.

    Returns:
        Pairs by split; empty where there are too few sequences.
    """
    sequences: dict[str, list[RawPair]] = {}
    for pair in pairs:
        sequences.setdefault(get_sequence(pair.name), []).append(pair)
    groups = sequences if dealing.by == "sequence" else {pair.name: [pair] for pair in pairs}
    wanted = list(_get_fractions(dealing))
    if len(groups) < len(wanted):
        findings.problems.append(_describe_too_few(groups, wanted, dealing))
        return {}
    split_of_group = _deal_groups(groups, dealing)
    split_of_name = {
        pair.name: split for key, split in split_of_group.items() for pair in groups[key]
    }
    dealt = {split: [p for p in pairs if split_of_name[p.name] == split] for split in wanted}
    findings.notes.append(_describe(split_of_group, wanted, dealing))
    if dealing.by != "random":
        return dealt
    if len(sequences) == 1 and "/" not in pairs[0].name:  # Names that tell no sequences.
        findings.notes.append(
            "all names are equal up to their last number: if these are frames of videos, "
            "neighbours are alike and now in different splits, so scores will be too good; sort "
            "the images of each video into a folder, and use --split-by sequence."
        )
    else:
        findings.warnings += _warn_of_parted_sequences(sequences, split_of_name)
    return dealt


def _deal_groups(groups: Mapping[str, Sequence[RawPair]], dealing: Dealing) -> dict[str, str]:
    """Split of each group: day and night are dealt one after the other.

    Each group goes to the split that lacks most of its share. No split stays empty, nor without day
    or night if there are enough groups of it.
    """
    fractions = _get_fractions(dealing)
    lacking = dict.fromkeys(fractions, 0.0)
    empty = list(fractions)
    splits: dict[str, str] = {}
    for keys in _order_groups(groups, dealing.seed):
        num_pairs = sum(len(groups[key]) for key in keys)
        for split, fraction in fractions.items():
            lacking[split] += fraction * num_pairs
        without = list(fractions) if len(keys) >= len(fractions) else []
        for num_done, key in enumerate(keys):
            choice = list(fractions)
            if len(keys) - num_done <= len(without):
                choice = without
            elif len(groups) - len(splits) <= len(empty):
                choice = empty
            # Where two lack the same but for rounding, one that has nothing yet comes first.
            split = max(choice, key=lambda name: (round(lacking[name], 6), name in empty))
            splits[key] = split
            lacking[split] -= len(groups[key])
            without = [name for name in without if name != split]
            empty = [name for name in empty if name != split]
    return splits


def _get_fractions(dealing: Dealing) -> dict[str, float]:
    """The share of each split that is made."""
    pairs = zip(SPLITS, dealing.fractions, strict=True)
    return {split: fraction for split, fraction in pairs if fraction > 0}


def _order_groups(groups: Mapping[str, Sequence[RawPair]], seed: int) -> list[list[str]]:
    """Groups that are mostly of the day, and those of the night, each in an order by chance."""
    is_night = {
        key: 2 * sum(pair.is_night for pair in group) > len(group) for key, group in groups.items()
    }
    # Not a generator of random numbers: their streams differ between versions of libraries.
    order = sorted(groups, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).digest())
    return [[key for key in order if is_night[key] == value] for value in (False, True)]


def _describe_too_few(
    groups: Mapping[str, Sequence[RawPair]], wanted: Sequence[str], dealing: Dealing
) -> str:
    if dealing.by == "random":
        return (
            f"has {format_count(len(groups), 'pair')} for the splits {', '.join(wanted)}; set a "
            "fraction to 0, or add pairs."
        )
    remedy = "sort the images of each sequence into a folder, or use --split-by random"
    if len(groups) == 1:
        return (
            f"has one sequence for the splits {', '.join(wanted)}, because its pairs are in one "
            f"folder or have names that are equal up to their last number; {remedy}."
        )
    names = ", ".join(sorted(groups)[:_MAX_SHOWN])
    return (
        f"has {len(groups)} sequences ({names}) for the splits {', '.join(wanted)}; set a fraction "
        f"to 0, {remedy}."
    )


def _describe(split_of_group: Mapping[str, str], wanted: Sequence[str], dealing: Dealing) -> str:
    kind = "sequences" if dealing.by == "sequence" else "pairs"
    counts = ", ".join(
        f"{split} {sum(value == split for value in split_of_group.values())}" for split in wanted
    )
    how = "by sequence" if dealing.by == "sequence" else "at random"
    return f"dealt into splits {how} with seed {dealing.seed}, {kind}: {counts}."


def _warn_of_parted_sequences(
    sequences: Mapping[str, Sequence[RawPair]], split_of_name: Mapping[str, str]
) -> list[str]:
    """Warn where neighbours are in two splits."""
    parted = [
        name
        for name, pairs in sequences.items()
        if len({split_of_name[pair.name] for pair in pairs}) > 1
    ]
    if not parted:
        return []
    names = name_first(parted)
    return [
        f"{format_count(len(parted), 'sequence')} parted between splits ({names}): frames of one "
        "sequence are alike, so scores will be too good; use --split-by sequence."
    ]
