"""Prepare KAIST in one call and say what came out."""

from collections.abc import Mapping
from pathlib import Path

from data_builders.checks.dataset import DEFAULT_CONFIG
from data_builders.kaist.builder import Kaist
from data_builders.kaist.layout import KaistSplit, check_raw_kaist
from data_builders.pair_builder import prepare_checked
from data_builders.prepared import PreparedSummary


def prepare_kaist(
    raw_dir: Path,
    splits: Mapping[str, KaistSplit],
    data_dir: Path,
    *,
    name: str = DEFAULT_CONFIG,
    overwrite: bool = False,
    show_progress: bool = False,
) -> PreparedSummary:
    """Check KAIST's files and write them as a TFDS data set in ArrayRecord format.

    Args:
        raw_dir: folder with `images/`.
        splits: list of images, annotations and what becomes of labels, by split.
        data_dir: folder of prepared data sets; `kaist/NAME/` is made inside.
        name: tells apart several preparations, such as "paired" and "sanitized".
        overwrite: replace a data set that was prepared before.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: lists every fault of the files, or says that `data_dir` holds KAIST prepared
            from others under this name. Nothing is written or changed then.
    """
    checked = check_raw_kaist(Path(raw_dir).resolve(), splits, show_progress=show_progress)
    return prepare_checked(Kaist, checked, data_dir, name=name, overwrite=overwrite)
