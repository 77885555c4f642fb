"""Prepare MFNet in one call and say what came out."""

from pathlib import Path

from data_builders.mfnet.builder import MFNet
from data_builders.mfnet.layout import check_raw_mfnet
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary


def prepare_mfnet(
    raw_dir: Path,
    data_dir: Path,
    *,
    include_flips: bool = False,
    overwrite: bool = False,
    show_progress: bool = False,
) -> PreparedSummary:
    """Check an MFNet download and write it as a TFDS data set in ArrayRecord format.

    Args:
        raw_dir: MFNet's own folder with `images/`, `labels/` and the lists.
        data_dir: folder of prepared data sets; `mfnet/` is made inside.
        include_flips: also the mirror images listed as `*_flip` (config "with_flips").
        overwrite: replace a data set that was prepared before.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: lists every fault of the download, or says that `data_dir` holds MFNet prepared
            from other files. Nothing is written or changed then.
    """
    checked = check_raw_mfnet(
        Path(raw_dir).resolve(), include_flips=include_flips, show_progress=show_progress
    )
    return prepare_checked(MFNet, checked, data_dir, overwrite=overwrite)
