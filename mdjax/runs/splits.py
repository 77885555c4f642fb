"""The splits of a data set that a run uses; one that is not there is not replaced by another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mdjax.data.source import SplitSource, find_split, open_split


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


def open_splits(dataset: str, data_dir: Path) -> Splits:
    """Open the splits of a prepared data set.

    Raises:
        MdjaxError: It is not prepared, or has no split "train".
    """
    return Splits(
        train=open_split(dataset, "train", data_dir),
        val=find_split(dataset, "val", data_dir),
        test=find_split(dataset, "test", data_dir),
    )
