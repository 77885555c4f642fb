"""The splits of a data set that a run uses; one that is not there is not replaced by another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mdjax.data.folds import Folds, split_by_fold
from mdjax.data.source import SplitSource, find_split, open_split
from mdjax.runs.config import TrainConfig
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Splits:
    """What a data set holds of "train", "val" and "test".

    Attributes:
        train: Always there.
        val: Scored while training and for choosing the best checkpoint, where it is there.
        test: Scored after the last step, where it is there.
    """

    train: SplitSource
    val: SplitSource | None
    test: SplitSource | None

    @property
    def scored(self) -> Mapping[str, SplitSource]:
        """What is scored after the last step: "val" and "test", or "train" where neither is there.

        The first of them is the one whose score a checkpoint records, so that whoever loads the
        network can prove that it is loaded rightly.
        """
        found = {"val": self.val, "test": self.test}
        present = {name: split for name, split in found.items() if split is not None}
        return present or {"train": self.train}

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the splits that are not there."""
        found = {"val": self.val, "test": self.test}
        return tuple(name for name, split in found.items() if split is None)

    @property
    def fingerprint(self) -> str:
        """Equal for equal data: what the builder wrote down, else a hash of all splits."""
        present = [split for split in (self.train, self.val, self.test) if split is not None]
        fingerprints = dict.fromkeys(split.fingerprint for split in present)
        return " ".join(fingerprints)


def open_scored_split(
    config: TrainConfig, split: str, *, dataset: str | None = None, data_dir: Path | None = None
) -> SplitSource:
    """Open a split that a trained network is scored on: of its own folds, where it has some.

    Args:
        config: Of the training.
        split: Name of the split.
        dataset: Another data set than that of the training; its splits are those it came with.
        data_dir: Folder of prepared data sets; that of the training by default.

    Raises:
        MdjaxError: The data set is not prepared, or has no such split.
    """
    data_dir = data_dir or config.data_dir
    if not config.folds.num_folds or dataset is not None:
        return open_split(dataset or config.dataset, split, data_dir)
    splits = open_splits(config.dataset, data_dir, config.folds)
    found = {"train": splits.train, "test": splits.test}.get(split)
    if found is None:
        raise MdjaxError(f"{config.dataset} in folds has no split {split!r}; it has train, test.")
    return found


def open_splits(dataset: str, data_dir: Path, folds: Folds) -> Splits:
    """Open the splits of a prepared data set.

    Args:
        dataset: Its name.
        data_dir: Folder of prepared data sets.
        folds: Where there are some, the pairs of all splits are dealt anew: the tested fold is
            "test", the rest "train".

    Raises:
        MdjaxError: It is not prepared, or has no split "train".
    """
    splits = Splits(
        train=open_split(dataset, "train", data_dir),
        val=find_split(dataset, "val", data_dir),
        test=find_split(dataset, "test", data_dir),
    )
    if not folds.num_folds:
        return splits
    present = [split for split in (splits.train, splits.val, splits.test) if split is not None]
    train, test = split_by_fold(present, folds)
    return Splits(train=train, val=None, test=test)
