"""The command that prepares generated scenes."""

from dataclasses import dataclass
from typing import cast

import tensorflow_datasets as tfds

from data_builders.command import DEFAULT_DATA_DIR, DataDir, Overwrite
from data_builders.prepared import PreparedSummary, write_data_set
from data_builders.synthetic.builder import Synthetic, SyntheticConfig
from mdjax.scenes import CLASS_NAMES


@dataclass(frozen=True)
class PrepareSynthetic:
    """Generate RGB-thermal street scenes and package them.

    Attributes:
        num_train: Scenes for training.
        num_val: Scenes for choosing settings.
        num_test: Scenes for the final numbers.
        image_size_hw: Rows and columns in pixels.
        seed: Which world of scenes.
    """

    data_dir: DataDir = DEFAULT_DATA_DIR
    num_train: int = SyntheticConfig.num_train
    num_val: int = SyntheticConfig.num_val
    num_test: int = SyntheticConfig.num_test
    image_size_hw: tuple[int, int] = SyntheticConfig.image_size_hw
    seed: int = SyntheticConfig.seed
    overwrite: Overwrite = False

    def prepare(self, *, show_progress: bool = False) -> PreparedSummary:
        """Write `synthetic/` with a folder for these settings; see `PrepareCommand`.

        Each combination of settings has its own, `synthetic/96x128_480_60_120_seed0/2.0.0`, so that
        no call finds scenes of other settings in its place.
        """
        config = SyntheticConfig(
            num_train=self.num_train,
            num_val=self.num_val,
            num_test=self.num_test,
            image_size_hw=self.image_size_hw,
            seed=self.seed,
        )
        data_dir = self.data_dir.expanduser()
        folder = data_dir / Synthetic.name / config.name / str(Synthetic.VERSION)
        builder, is_new = write_data_set(
            folder,
            lambda: Synthetic(
                data_dir=str(data_dir),
                # TFDS takes a config of a name that it knows only if it is that very object.
                config=Synthetic.builder_configs.get(config.name, config),
                show_progress=show_progress,
            ),
            overwrite=self.overwrite,
        )
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
            class_pixels={
                split: tuple(counts) for split, counts in metadata["class_pixels"].items()
            },
        )
