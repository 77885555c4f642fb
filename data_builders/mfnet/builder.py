"""TFDS builder of MFNet from its official download.

    builder = MFNet(data_dir=data_dir)
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(manual_dir=raw_dir)
    )
    source = builder.as_data_source("train")

The files' own bytes go into the records, so nothing is lost or encoded again.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import tensorflow_datasets as tfds

from data_builders.mfnet.layout import CLASS_NAMES, RawMfnet, RawPair, check_raw_mfnet

_DESCRIPTION = """
MFNet: pairs of visible and thermal images of urban streets, day and night, registered, with one of
nine class ids for each pixel.
"""

_CITATION = """
@inproceedings{ha2017mfnet,
  title     = {MFNet: Towards real-time semantic segmentation for autonomous vehicles with
               multi-spectral scenes},
  author    = {Ha, Qishen and Watanabe, Kohei and Karasawa, Takumi and Ushiku, Yoshitaka and
               Harada, Tatsuya},
  booktitle = {IROS},
  year      = {2017}
}
"""


class MFNet(tfds.core.GeneratorBasedBuilder):
    """MFNet as records of one four-channel PNG, one label PNG, the name and day or night."""

    name = "mfnet"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012, TFDS declares it so
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Download MFNet's ir_seg_dataset and give the folder with images/, labels/, train.txt, "
        "val.txt and test.txt as manual_dir."
    )
    BUILDER_CONFIGS = [  # noqa: RUF012, TFDS declares it so
        tfds.core.BuilderConfig(name="original", description="The images as they were taken."),
        tfds.core.BuilderConfig(
            name="with_flips",
            description="Also the mirror images that the official train.txt lists.",
        ),
    ]

    def __init__(self, *, file_format: str = "array_record", **kwargs: Any):
        # ArrayRecord is what gives random access without TensorFlow.
        super().__init__(file_format=file_format, **kwargs)
        self._raw: RawMfnet | None = None

    def download_and_prepare(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
        *,
        download_config: tfds.download.DownloadConfig | None = None,
        raw: RawMfnet | None = None,
        **kwargs: Any,
    ) -> None:
        """Check the download before TFDS writes, or overwrites, anything; then as in TFDS.

        Args:
            download_config: its `manual_dir` names the download.
            raw: the result of `check_raw_mfnet` where that was called already.
            **kwargs: as TFDS takes them.

        Raises:
            MdjaxError: lists every fault of the download; nothing has been written then.
        """
        self._raw = raw
        if raw is None and download_config is not None and download_config.manual_dir:
            is_prepared = Path(self.data_dir).exists()
            if download_config.download_mode.overwrite_dataset or not is_prepared:
                self._raw = self._check(Path(download_config.manual_dir))
        super().download_and_prepare(download_config=download_config, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            citation=_CITATION,
            homepage="https://www.mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral/",
            features=tfds.features.FeaturesDict(
                {
                    "visible_thermal": tfds.features.Image(
                        shape=(None, None, 4), dtype=np.uint8, encoding_format="png"
                    ),
                    "labels": tfds.features.Image(
                        shape=(None, None, 1), dtype=np.uint8, encoding_format="png"
                    ),
                    "name": tfds.features.Text(),
                    "is_night": tfds.features.Scalar(np.bool_),
                }
            ),
            metadata=tfds.core.MetadataDict({"class_names": list(CLASS_NAMES)}),
            # Records keep the order of the lists: evaluation then runs through scenes as filmed.
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        """Hand out the splits; without `manual_dir` TFDS's default folder is checked here."""
        raw = self._raw or self._check(Path(dl_manager.manual_dir))
        metadata = cast(tfds.core.MetadataDict, self.info.metadata)
        metadata.update(raw_dir=str(raw.folder), fingerprint=raw.fingerprint)
        return {split: self._generate_examples(pairs) for split, pairs in raw.pairs.items()}

    def _check(self, raw_dir: Path) -> RawMfnet:
        has_flips = self.builder_config is not None and self.builder_config.name == "with_flips"
        return check_raw_mfnet(raw_dir, include_flips=has_flips)

    def _generate_examples(self, pairs: Iterable[RawPair]) -> Iterator[tuple[str, dict[str, Any]]]:
        for pair in pairs:
            yield (
                pair.name,
                {
                    "visible_thermal": pair.image_path,
                    "labels": pair.labels_path,
                    "name": pair.name,
                    "is_night": pair.is_night,
                },
            )
