"""Cross-validation: all pairs of a data set, whatever its splits, dealt into folds."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from mdjax.data.source import SplitSource
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Folds:
    """The part of a data set used for testing; the rest is for training, none for validation.

    By default the data set's own splits are used. Over all folds each pair is tested once, so that
    the test images of several trainings can be pooled.

    Attributes:
        num_folds: Number of parts; 0 keeps the data set's own splits.
        tested: Number of the part used for testing, from 0.
    """

    num_folds: int = 0
    tested: int = 0

    def __post_init__(self):
        if self.num_folds < 0 or self.num_folds == 1:
            raise MdjaxError(f"num_folds is {self.num_folds}; give 2 or more, or 0 for none.")
        if not 0 <= self.tested <= max(0, self.num_folds - 1):
            raise MdjaxError(f"tested is {self.tested}; give 0 to {max(0, self.num_folds - 1)}.")


@dataclass(frozen=True)
class ChosenRecords:
    """Some records of several splits, in an order of their own."""

    sources: tuple[SplitSource, ...]
    places: tuple[tuple[int, int], ...]
    """Which source, and which of its records."""

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        source, row = self.places[index]
        return self.sources[source].read_record(row)


def deal_into_folds(
    names: Sequence[str], is_night: Sequence[bool], num_folds: int
) -> Int[np.ndarray, " n"]:
    """Return the fold of each pair.

    The pairs are dealt like cards in the order of time of day and name. Names follow the sequences
    that were recorded, so that each fold has its share of day and night and of every sequence.

    Args:
        names: Of the pairs; each once.
        is_night: Of the pairs.
        num_folds: Folds.
    """
    order = sorted(range(len(names)), key=lambda i: (is_night[i], names[i]))
    folds = np.zeros(len(names), int)
    folds[order] = np.arange(len(names)) % num_folds
    return folds


def split_by_fold(sources: Sequence[SplitSource], folds: Folds) -> tuple[SplitSource, SplitSource]:
    """Make two splits, "train" and "test", of all pairs of a data set.

    Args:
        sources: All of its splits.
        folds: How many folds, and which of them is tested.

    Raises:
        MdjaxError: There are fewer pairs than folds.
    """
    places = [(s, row) for s, source in enumerate(sources) for row in range(len(source))]
    if len(places) < folds.num_folds:
        raise MdjaxError(
            f"{sources[0].dataset_name} has {len(places)} pairs, too few for {folds.num_folds} "
            f"folds; choose {len(places)} or less."
        )
    names, is_night = [], []
    # One record at a time: each holds the bytes of two images.
    for s, row in places:
        record = sources[s].read_record(row)
        names.append(_decode(record["name"]))
        is_night.append(bool(record["is_night"]))
    of_pairs = deal_into_folds(names, is_night, folds.num_folds)

    def choose(split: str, is_chosen: np.ndarray) -> SplitSource:
        chosen = tuple(places[i] for i in np.flatnonzero(is_chosen))
        return dataclasses.replace(
            sources[0], split=split, records=ChosenRecords(tuple(sources), chosen)
        )

    is_tested = of_pairs == folds.tested
    return choose("train", ~is_tested), choose("test", is_tested)


def _decode(name: bytes | str) -> str:
    return name.decode() if isinstance(name, bytes) else name
