"""Prepare MFNet in one call and say what came out."""

from pathlib import Path

from data_builders.mfnet.builder import MFNet
from data_builders.mfnet.layout import CLASS_NAMES, check_raw_mfnet
from data_builders.prepared import PreparedSummary, write_records
from mdjax.types import MdjaxError


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
        write_records(builder, overwrite=overwrite, manual_dir=raw.folder, raw=raw)
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
        dataset=builder.info.full_name.rpartition("/")[0],
        folder=folder,
        raw_dir=raw_dir,
        is_new=is_new,
        num_day={split: len(pairs) - night[split] for split, pairs in raw.pairs.items()},
        num_night=night,
        class_names=CLASS_NAMES,
        class_pixels=raw.class_pixels,
        notes=raw.notes,
    )
