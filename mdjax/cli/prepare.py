"""`mdjax prepare`: package a data set for training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import rich
import tyro

from data_builders.mfnet import prepare_mfnet
from data_builders.prepared import PreparedSummary, make_summary_table
from data_builders.synthetic import prepare_synthetic


@dataclass(frozen=True)
class Mfnet:
    """Check an MFNet download and package it.

    Attributes:
        raw: Folder of the download, with `images/`, `labels/` and the lists.
        data_dir: Folder of prepared data sets.
        include_flips: Also package the mirror images that the lists name `*_flip`.
        overwrite: Replace what was prepared before.
    """

    raw: Path
    data_dir: Path = Path("data")
    include_flips: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Synthetic:
    """Generate RGB-thermal street scenes and package them.

    Attributes:
        data_dir: Folder of prepared data sets.
        num_train: Scenes for training.
        num_val: Scenes for choosing settings.
        num_test: Scenes for the final numbers.
        image_size_hw: Rows and columns in pixels.
        seed: Which world of scenes.
        overwrite: Replace what was prepared before.
    """

    data_dir: Path = Path("data")
    num_train: int = 480
    num_val: int = 60
    num_test: int = 120
    image_size_hw: tuple[int, int] = (96, 128)
    seed: int = 0
    overwrite: bool = False


def run_prepare(arguments: Sequence[str]) -> int:
    """Run `mdjax prepare mfnet --raw DIR` or `mdjax prepare synthetic`."""
    command = tyro.cli(
        Annotated[Mfnet, tyro.conf.subcommand("mfnet")]
        | Annotated[Synthetic, tyro.conf.subcommand("synthetic")],  # type: ignore[arg-type]
        args=arguments,
        prog="mdjax prepare",
    )
    rich.print(make_summary_table(_prepare(command)))
    return 0


def _prepare(command: Mfnet | Synthetic) -> PreparedSummary:
    if isinstance(command, Mfnet):
        return prepare_mfnet(
            command.raw,
            command.data_dir,
            include_flips=command.include_flips,
            overwrite=command.overwrite,
            show_progress=True,
        )
    return prepare_synthetic(
        command.data_dir,
        num_train=command.num_train,
        num_val=command.num_val,
        num_test=command.num_test,
        image_size_hw=command.image_size_hw,
        seed=command.seed,
        overwrite=command.overwrite,
    )
