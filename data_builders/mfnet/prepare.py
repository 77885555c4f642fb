"""Prepare MFNet in one call and say what came out."""

import dataclasses
from pathlib import Path

import tensorflow_datasets as tfds
from rich.table import Table

from data_builders.mfnet.mfnet import MFNet
from mdjax.data.mfnet import CLASS_NAMES, SPLITS, check_raw_mfnet
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
    raw_dir: Path, data_dir: Path, *, include_flips: bool = False, overwrite: bool = False
) -> PreparedSummary:
    """Check an MFNet download and write it as a TFDS data set in ArrayRecord format.

    Args:
        raw_dir: MFNet's own folder with `images/`, `labels/` and the lists.
        data_dir: folder of prepared data sets; `mfnet/` is made inside.
        include_flips: also the mirror images listed as `*_flip` (config "with_flips").
        overwrite: replace a data set that was prepared before.

    Raises:
        MdjaxError: lists every fault of the download, or says that `data_dir` holds MFNet prepared
            from other files. Nothing is written or changed then.
    """
    raw_dir, data_dir = Path(raw_dir).resolve(), Path(data_dir)
    raw = check_raw_mfnet(raw_dir, include_flips=include_flips)
    builder = MFNet(
        data_dir=str(data_dir),
        config="with_flips" if include_flips else "original",
        checked_raw=raw,
    )
    folder = Path(builder.data_dir)
    is_new = overwrite or not builder.is_prepared()
    if is_new:
        mode = tfds.GenerateMode.REUSE_DATASET_IF_EXISTS
        if overwrite:
            mode = tfds.GenerateMode.REUSE_CACHE_IF_EXISTS
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(
                manual_dir=str(raw_dir), download_mode=mode, try_download_gcs=False
            )
        )
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


def make_summary_table(summary: PreparedSummary) -> Table:
    """Counts by split and day or night, and each class's share of the pixels."""
    state = "prepared in" if summary.is_new else "was there already, from the same files:"
    table = Table(title=f"MFNet {state} {summary.folder}", title_justify="left")
    table.add_column("")
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
        table.add_row(f"{k} {name}", *(f"{100 * share:.3f} %" for share in shares))
    if summary.notes:
        table.caption = "\n".join(summary.notes)
        table.caption_justify = "left"
    return table
