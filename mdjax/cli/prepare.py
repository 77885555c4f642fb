"""`mdjax prepare`: package a data set for training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import rich
import tyro

from data_builders.kaist import prepare_kaist
from data_builders.kaist.labels import TEST_RULE, TRAIN_RULE, KaistLabelRule
from data_builders.kaist.layout import KaistSplit
from data_builders.mfnet import prepare_mfnet
from data_builders.msrs import prepare_msrs
from data_builders.msrs.layout import SEGMENTATION_FOLDER, VAL_EVERY
from data_builders.prepared import PreparedSummary, make_summary_table
from data_builders.rgbt_folder import prepare_rgbt_folder
from data_builders.synthetic import prepare_synthetic
from mdjax.types import MdjaxError


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


@dataclass(frozen=True)
class Kaist:
    """Check KAIST's images and annotations and package the listed ones.

    Attributes:
        raw: Folder with `images/setXX/VYYY/{visible,lwir}/`.
        train_list: Names of images to train on, such as `set00/V000/I00001`, one a line.
        val_list: Names to choose settings on, with annotations and rule as for training.
        test_list: Names of the test images.
        train_annotations: Folder of original, sanitized or paired annotations.
        test_annotations: Folder of annotations to test with, such as the improved ones.
        train_rule: What becomes of each label in training.
        test_rule: What becomes of each label in testing.
        data_dir: Folder of prepared data sets.
        name: Tells apart several preparations; training finds it as `kaist/NAME`.
        overwrite: Replace what was prepared before.
    """

    raw: Path
    train_list: Path | None = None
    val_list: Path | None = None
    test_list: Path | None = None
    train_annotations: Path | None = None
    test_annotations: Path | None = None
    train_rule: KaistLabelRule = TRAIN_RULE
    test_rule: KaistLabelRule = TEST_RULE
    data_dir: Path = Path("data")
    name: str = "default"
    overwrite: bool = False

    def get_splits(self) -> dict[str, KaistSplit]:
        """Return the splits that are asked for.

        Raises:
            MdjaxError: A list without annotations.
        """
        splits: dict[str, KaistSplit] = {}
        for split, image_list, annotations, rule in (
            ("train", self.train_list, self.train_annotations, self.train_rule),
            ("val", self.val_list, self.train_annotations, self.train_rule),
            ("test", self.test_list, self.test_annotations, self.test_rule),
        ):
            if image_list is None:
                continue
            if annotations is None:
                kind = "test" if split == "test" else "train"
                raise MdjaxError(f"--{split}-list needs --{kind}-annotations DIR.")
            splits[split] = KaistSplit(image_list, annotations, rule)
        return splits


@dataclass(frozen=True)
class Msrs:
    """Check MSRS pairs with boxes and package them.

    Attributes:
        raw: Folder with `train/`, `test/` and `classes.txt`.
        classes: Classes of the boxes that are kept; others are dropped.
        val_every: Every so many names of `train/` go to the split "val"; 0 for no such split.
        segmentation_folder: Folder of label maps inside `train/` and `test/`; used where it is.
        data_dir: Folder of prepared data sets.
        name: Tells apart several preparations; training finds it as `msrs/NAME`.
        overwrite: Replace what was prepared before.
    """

    raw: Path
    classes: tuple[str, ...] = ("person",)
    val_every: int = VAL_EVERY
    segmentation_folder: str = SEGMENTATION_FOLDER
    data_dir: Path = Path("data")
    name: str = "default"
    overwrite: bool = False


@dataclass(frozen=True)
class RgbtFolder:
    """Check a folder of your own pairs and package it.

    It holds `visible/` and `thermal/` with images of the same names, `classes.txt`, annotations in
    `labels/` (YOLO), `annotations.json` (COCO) or `masks/` (class ids), and splits as folders
    `visible/train/` and so on, or as lists `train.txt`, `val.txt`, `test.txt`.

    Attributes:
        raw: This folder.
        thermal_range_counts: For 16-bit thermal images: the counts that mean black and white.
        data_dir: Folder of prepared data sets.
        name: Of this data set; training finds it as `rgbt_folder/NAME`.
        overwrite: Replace what was prepared before.
    """

    raw: Path
    thermal_range_counts: tuple[int, int] | None = None
    data_dir: Path = Path("data")
    name: str = "default"
    overwrite: bool = False


Command = (
    Annotated[Mfnet, tyro.conf.subcommand("mfnet")]
    | Annotated[Synthetic, tyro.conf.subcommand("synthetic")]
    | Annotated[Kaist, tyro.conf.subcommand("kaist")]
    | Annotated[Msrs, tyro.conf.subcommand("msrs")]
    | Annotated[RgbtFolder, tyro.conf.subcommand("rgbt-folder")]
)


def run_prepare(arguments: Sequence[str]) -> int:
    """Run `mdjax prepare mfnet --raw DIR`, `mdjax prepare synthetic`, and so on."""
    command = tyro.cli(
        Command,  # type: ignore[arg-type]
        args=arguments,
        prog="mdjax prepare",
    )
    rich.print(make_summary_table(_prepare(command)))
    return 0


def _prepare(command: Mfnet | Synthetic | Kaist | Msrs | RgbtFolder) -> PreparedSummary:
    if isinstance(command, Kaist):
        return prepare_kaist(
            command.raw,
            command.get_splits(),
            command.data_dir,
            name=command.name,
            overwrite=command.overwrite,
            show_progress=True,
        )
    if isinstance(command, Msrs):
        return prepare_msrs(
            command.raw,
            command.data_dir,
            classes=command.classes,
            val_every=command.val_every,
            segmentation_folder=command.segmentation_folder,
            name=command.name,
            overwrite=command.overwrite,
            show_progress=True,
        )
    if isinstance(command, RgbtFolder):
        return prepare_rgbt_folder(
            command.raw,
            command.data_dir,
            thermal_range_counts=command.thermal_range_counts,
            name=command.name,
            overwrite=command.overwrite,
            show_progress=True,
        )
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
