"""Prepare image pairs of one's own in one call and say what came out."""

from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary
from data_builders.rgbt_folder.builder import RgbtFolder
from data_builders.rgbt_folder.layout import check_raw_rgbt_folder


def prepare_rgbt_folder(
    raw_dir: Path,
    data_dir: Path,
    *,
    thermal_range_counts: tuple[int, int] | None = None,
    name: str = DEFAULT_CONFIG,
    overwrite: bool = False,
    show_progress: bool = False,
) -> PreparedSummary:
    """Check a folder of pairs and write it as a TFDS data set in ArrayRecord format.

    Args:
        raw_dir: folder with `visible/`, `thermal/`, `classes.txt`, annotations and splits, see
            `data_builders.rgbt_folder.layout`.
        data_dir: folder of prepared data sets; `rgbt_folder/NAME/` is made inside.
        thermal_range_counts: the counts that mean black and white, for 16-bit thermal images.
        name: of this data set.
        overwrite: replace a data set that was prepared before.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: lists every fault of the files, or says that `data_dir` holds another folder
            under this name. Nothing is written or changed then.
    """
    checked = check_raw_rgbt_folder(
        Path(raw_dir).resolve(),
        thermal_range_counts=thermal_range_counts,
        show_progress=show_progress,
    )
    return prepare_checked(RgbtFolder, checked, data_dir, name=name, overwrite=overwrite)
