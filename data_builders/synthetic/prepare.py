"""Generate a data set of street scenes in one call and say what came out."""

from pathlib import Path
from typing import cast

import tensorflow_datasets as tfds

from data_builders.prepared import PreparedSummary, quiet_tfds, write_records
from data_builders.synthetic.builder import Synthetic, SyntheticConfig
from mdjax.scenes import CLASS_NAMES


def prepare_synthetic(
    data_dir: Path,
    *,
    num_train: int = SyntheticConfig.num_train,
    num_val: int = SyntheticConfig.num_val,
    num_test: int = SyntheticConfig.num_test,
    image_size_hw: tuple[int, int] = SyntheticConfig.image_size_hw,
    seed: int = SyntheticConfig.seed,
    overwrite: bool = False,
    show_progress: bool = False,
) -> PreparedSummary:
    """Generate street scenes and write them as a TFDS data set in ArrayRecord format.

    Each combination of settings has its own folder, `synthetic/96x128_480_60_120_seed0/2.0.0`, so
    that no call finds scenes of other settings in its place.

    Args:
        data_dir: folder of prepared data sets; `synthetic/` is made inside.
        num_train: scenes for training; half of them at night, as in every split.
        num_val: scenes for choosing settings.
        num_test: scenes for the final numbers.
        image_size_hw: rows and columns; the same scenes at every size.
        seed: which world of scenes.
        overwrite: generate again where the folder is there already.
        show_progress: draw a progress bar on standard error.

    Raises:
        MdjaxError: an empty split, an image below 16 pixels or a negative seed.
    """
    config = SyntheticConfig(
        num_train=num_train,
        num_val=num_val,
        num_test=num_test,
        image_size_hw=image_size_hw,
        seed=seed,
    )
    with quiet_tfds():
        builder = Synthetic(data_dir=str(data_dir), config=config, show_progress=show_progress)
    folder = Path(builder.data_dir)
    is_new = overwrite or not folder.exists()
    if is_new:
        write_records(builder, overwrite=overwrite)
    metadata = cast(tfds.core.MetadataDict, builder.info.metadata)
    num_night = dict(metadata["night_images"])
    return PreparedSummary(
        dataset=builder.info.full_name.rpartition("/")[0],
        folder=folder,
        raw_dir=None,
        is_new=is_new,
        num_day={split: num - num_night[split] for split, num in config.split_sizes.items()},
        num_night=num_night,
        class_names=CLASS_NAMES,
        class_pixels={split: tuple(counts) for split, counts in metadata["class_pixels"].items()},
    )
