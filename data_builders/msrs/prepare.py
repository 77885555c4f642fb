"""Prepare MSRS in one call and say what came out."""

from collections.abc import Sequence
from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG
from data_builders.msrs.builder import Msrs
from data_builders.msrs.layout import SEGMENTATION_FOLDER, VAL_EVERY, check_raw_msrs
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary


def prepare_msrs(
    raw_dir: Path,
    data_dir: Path,
    *,
    classes: Sequence[str] = ("person",),
    val_every: int = VAL_EVERY,
    segmentation_folder: str = SEGMENTATION_FOLDER,
    name: str = DEFAULT_CONFIG,
    overwrite: bool = False,
    show_progress: bool = False,
) -> PreparedSummary:
    """Check an MSRS folder and write it as a TFDS data set in ArrayRecord format.

    Args:
        raw_dir: folder with `train/`, `test/` and `classes.txt`.
        data_dir: folder of prepared data sets; `msrs/NAME/` is made inside.
        classes: of the boxes that are kept, in the order of their class ids; others are dropped.
        val_every: every so many names of `train/` go to the split "val"; 0 for no such split.
        segmentation_folder: folder of label maps inside `train/` and `test/`; used where it is.
        name: tells apart several preparations.
        overwrite: replace a data set that was prepared before.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: lists every fault of the files, or says that `data_dir` holds MSRS prepared from
            others or with other settings under this name. Nothing is written or changed then.
    """
    checked = check_raw_msrs(
        Path(raw_dir).resolve(),
        classes=classes,
        val_every=val_every,
        segmentation_folder=segmentation_folder,
        show_progress=show_progress,
    )
    return prepare_checked(Msrs, checked, data_dir, name=name, overwrite=overwrite)
