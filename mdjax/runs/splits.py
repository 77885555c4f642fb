"""The splits of a data set that a run uses; a missing one is not replaced by another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mdjax.data.folds import Folds, split_by_fold
from mdjax.data.source import SplitSource, find_split, open_split
from mdjax.runs.config import TrainConfig
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Splits:
    """The splits "train", "val" and "test" of a data set.

    Attributes:
        train: Always present.
        val: Scored during training to choose the best checkpoint, if present.
        test: Scored after the last step, if present.
    """

    train: SplitSource
    val: SplitSource | None
    test: SplitSource | None

    @property
    def scored(self) -> Mapping[str, SplitSource]:
        """The splits scored after the last step: "val" and "test", or "train" if both are missing.

        A checkpoint records the score on the first of them, so that it can be verified later that
        the network was loaded correctly.
        """
        found = {"val": self.val, "test": self.test}
        present = {name: split for name, split in found.items() if split is not None}
        return present or {"train": self.train}

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of the missing splits."""
        found = {"val": self.val, "test": self.test}
        return tuple(name for name, split in found.items() if split is None)

    @property
    def fingerprint(self) -> str:
        """The builder's fingerprint, or a hash of all splits; equal for equal data."""
        present = [split for split in (self.train, self.val, self.test) if split is not None]
        fingerprints = dict.fromkeys(split.fingerprint for split in present)
        return " ".join(fingerprints)


def open_scored_split(
    config: TrainConfig, split: str, *, dataset: str | None = None, data_dir: Path | None = None
) -> SplitSource:
    """Open a split to score a trained network on: of the folds of its training, if it has some.

    Args:
        config: Configuration of the training.
        split: Name of the split.
        dataset: Another data set than that of the training, used with its own splits.
        data_dir: Folder of prepared data sets; by default as in training.

    Raises:
        MdjaxError: The data set is not prepared, or has no such split.
    """
    if data_dir is None and not config.data_dir.is_dir():
        raise MdjaxError(
            f"{config.data_dir}: the data folder of this run is not there; if run or data were "
            "moved, give --data-dir DIR."
        )
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
        folds: If there are some, the pairs of all splits are redistributed: the tested fold is
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
