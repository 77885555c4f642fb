"""Prepare MFNet in one call and say what came out."""

import contextlib
import dataclasses
import io
import tempfile
from pathlib import Path

import tensorflow_datasets as tfds
from rich.console import Group
from rich.table import Table
from rich.text import Text

from data_builders.mfnet.mfnet import MFNet
from mdjax.data.mfnet import CLASS_NAMES, SPLITS, RawMfnet, check_raw_mfnet
from mdjax.types import MdjaxError


@dataclasses.dataclass(frozen=True)
class PreparedSummary:
    """What a prepared MFNet folder holds."""

    folder: Path
    raw_dir: Path
    is_new: bool
    """False where the folder was there already, made from the same files."""
    num_day: dict[str, int]
    """Day images by split."""
    num_night: dict[str, int]
    """Night images by split."""
    class_pixels: dict[str, tuple[int, ...]]
    """Pixels of each class by split."""
    notes: tuple[str, ...]
    """What was found and is no error, such as unlisted files."""


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
    raw_dir, data_dir = Path(raw_dir).resolve(), Path(data_dir)
    raw = check_raw_mfnet(raw_dir, include_flips=include_flips, show_progress=show_progress)
    builder = MFNet(data_dir=str(data_dir), config="with_flips" if include_flips else "original")
    folder = Path(builder.data_dir)
    is_new = overwrite or not folder.exists()
    if is_new:
        _write(builder, raw, overwrite=overwrite)
    else:
        metadata = builder.info.metadata or {}
        if metadata.get("fingerprint") != raw.fingerprint:
            raise MdjaxError(
                f"{folder}: holds MFNet prepared from other files "
                f"({metadata.get('raw_dir', 'an unknown folder')}); add --overwrite to replace it "
                "or choose another data folder."
            )
    night = {split: sum(pair.is_night for pair in pairs) for split, pairs in raw.pairs.items()}
    return PreparedSummary(
        folder=folder,
        raw_dir=raw_dir,
        is_new=is_new,
        num_day={split: len(pairs) - night[split] for split, pairs in raw.pairs.items()},
        num_night=night,
        class_pixels=raw.class_pixels,
        notes=raw.notes,
    )


def _write(builder: MFNet, raw: RawMfnet, *, overwrite: bool) -> None:
    """Let TFDS write the records, without what it prints and without its folder of downloads."""
    mode = tfds.GenerateMode.REUSE_DATASET_IF_EXISTS
    if overwrite:
        mode = tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
    tfds.disable_progress_bar()
    try:
        with (
            tempfile.TemporaryDirectory() as download_dir,
            contextlib.redirect_stdout(io.StringIO()),
        ):
            builder.download_and_prepare(
                raw=raw,
                download_dir=download_dir,
                download_config=tfds.download.DownloadConfig(
                    manual_dir=str(raw.folder), download_mode=mode, try_download_gcs=False
                ),
            )
    finally:
        tfds.enable_progress_bar()


def make_summary_table(summary: PreparedSummary) -> Group:
    """Where the data set is, counts by split and day or night, each class's share of pixels."""
    table = Table()
    table.add_column("MFNet")
    for split in SPLITS:
        table.add_column(split, justify="right")
    for label, counts in (("day images", summary.num_day), ("night images", summary.num_night)):
        table.add_row(label, *(str(counts[split]) for split in SPLITS))
    totals = (str(summary.num_day[split] + summary.num_night[split]) for split in SPLITS)
    table.add_row("images", *totals, end_section=True)
    for k, name in enumerate(CLASS_NAMES):
        shares = (
            summary.class_pixels[split][k] / sum(summary.class_pixels[split]) for split in SPLITS
        )
        table.add_row(f"{k} {name}", *(f"{share:.3%}" for share in shares))
    state = "Prepared in" if summary.is_new else "Was there already, from the same files:"
    lines = [f"{state} {summary.folder}", *(f"Note: {note}" for note in summary.notes)]
    # Paths are for copying: no line breaks inside.
    return Group(*(Text(line, no_wrap=True, overflow="ignore") for line in lines), table)
