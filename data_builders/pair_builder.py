"""What the builders of annotated pairs share: features, metadata, records, and one call.

    builder = MFNet(check_raw_mfnet(raw_dir), data_dir=data_dir)
    builder.download_and_prepare()
    source = builder.as_data_source("test")

A builder gets a data set that was checked, so that nothing is written for a faulty one. The files'
own bytes go into the records; nothing is lost or encoded again.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_builders.checks.annotations import AnnotatedObject, RawPair, Role
from data_builders.checks.dataset import DEFAULT_CONFIG, CheckedPairs
from data_builders.prepared import PreparedSummary, quiet_tfds, write_records
from mdjax.types import MdjaxError


class AnnotatedPairs(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Pairs as records of encoded images, name, day or night, boxes and label map."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012, TFDS declares it so

    BUILDER_CONFIGS = [  # noqa: RUF012, TFDS declares it so
        tfds.core.BuilderConfig(name=DEFAULT_CONFIG, description="Where no other name is given.")
    ]

    homepage = ""
    description = ""
    citation = ""

    def __init__(
        self,
        checked: CheckedPairs,
        *,
        config_name: str | None = None,
        file_format: str = "array_record",
        **kwargs: Any,
    ):
        """Take the checked data set and TFDS's arguments.

        `config_name` is the folder that several versions of a data set are told apart by, by
        default the one that the checked data set names.
        """
        self._checked = checked
        name = config_name or checked.config_name
        config = name if name in self.builder_configs else tfds.core.BuilderConfig(name=name)
        # ArrayRecord is what gives random access without TensorFlow.
        super().__init__(file_format=file_format, config=config, **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.description,
            homepage=self.homepage or None,
            citation=self.citation or None,
            features=tfds.features.FeaturesDict(_make_features(self._checked)),
            metadata=tfds.core.MetadataDict(_make_metadata(self._checked)),
            # Records keep the order of the lists: evaluation then runs through scenes as filmed.
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        return {split: self._generate_examples(part) for split, part in self._checked.pairs.items()}

    def _generate_examples(self, pairs: Iterable[RawPair]) -> Iterator[tuple[str, dict[str, Any]]]:
        for pair in pairs:
            yield pair.name, _make_record(pair, has_thermal_boxes=self._checked.has_thermal_boxes)


def prepare_checked(
    builder_class: type[AnnotatedPairs],
    checked: CheckedPairs,
    data_dir: Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> PreparedSummary:
    """Write a checked data set, unless the same is there already, and say what it holds.

    Args:
        builder_class: Builder of this kind of data set.
        checked: The checked data set.
        data_dir: Folder of prepared data sets.
        name: What a person calls this version of the data set; None where that is not asked.
        overwrite: Replace a data set that was prepared before.

    Raises:
        MdjaxError: `data_dir` holds this data set prepared from other files or settings; nothing is
            written or changed then. Or the name is no name of a folder, or the records are not as
            many as the pairs.
    """
    if name is not None and not name.replace("_", "").replace("-", "").isalnum():
        raise MdjaxError(f"name {name!r}: use letters, digits, - and _ alone.")
    with quiet_tfds():
        builder = builder_class(checked, config_name=name, data_dir=str(data_dir))
    folder = Path(builder.data_dir)
    is_new = overwrite or not folder.exists()
    if is_new:
        write_records(builder, overwrite=overwrite)
    else:
        metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        if metadata.get("fingerprint") != checked.fingerprint:
            remedy = "choose another --data-dir" if name is None else "give this one another --name"
            raise MdjaxError(
                f"{folder}: holds {builder.name} prepared from other files or settings "
                f"({metadata.get('raw_dir', 'an unknown folder')}); add --overwrite to replace it, "
                f"or {remedy}."
            )
    _check_counts(builder, checked)
    night = {split: sum(pair.is_night for pair in part) for split, part in checked.pairs.items()}
    return PreparedSummary(
        dataset=builder.info.full_name.rpartition("/")[0],
        folder=folder,
        raw_dir=checked.folder,
        is_new=is_new,
        num_day={split: len(part) - night[split] for split, part in checked.pairs.items()},
        num_night=night,
        class_pixels=checked.class_pixels if checked.class_names.labels else {},
        class_names=checked.class_names.labels,
        box_counts=checked.box_counts if checked.class_names.objects else {},
        notes=checked.notes,
    )


def _check_counts(builder: AnnotatedPairs, checked: CheckedPairs) -> None:
    expected = {split: len(part) for split, part in checked.pairs.items()}
    # TFDS declares its decorated methods in a way that type checkers misread.
    splits: Any = builder.info.splits
    found = {split: info.num_examples for split, info in splits.items()}
    if found != expected:
        raise MdjaxError(
            f"{builder.data_dir}: holds {found} records, but there are {expected} pairs; add "
            "--overwrite to prepare them again."
        )


def _make_features(checked: CheckedPairs) -> dict[str, tfds.features.FeatureConnector]:
    features: dict[str, tfds.features.FeatureConnector] = {}
    if checked.has_four_channels:
        features["visible_thermal"] = tfds.features.Image(
            shape=(None, None, 4), dtype=np.uint8, encoding_format="png"
        )
    else:
        features["visible"] = tfds.features.Image(shape=(None, None, 3), dtype=np.uint8)
        features["thermal"] = tfds.features.Image(
            shape=(None, None, checked.num_thermal_channels),
            dtype=np.uint8 if checked.thermal_range_counts is None else np.uint16,
        )
    if checked.class_names.labels:
        features["labels"] = tfds.features.Image(
            shape=(None, None, 1), dtype=np.uint8, encoding_format="png"
        )
    features["name"] = tfds.features.Text()
    features["is_night"] = tfds.features.Scalar(np.bool_)
    if checked.class_names.objects:
        box = tfds.features.Tensor(shape=(4,), dtype=np.float32)
        item = {
            "bbox_xyxy_px": box,
            "label": tfds.features.Scalar(np.int64),
            "is_ignored": tfds.features.Scalar(np.bool_),
            "occlusion": tfds.features.Scalar(np.uint8),
        }
        if checked.has_thermal_boxes:
            item["thermal_bbox_xyxy_px"] = box
        features["objects"] = tfds.features.Sequence(item)
    return features


def _make_metadata(checked: CheckedPairs) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "raw_dir": str(checked.folder),
        "fingerprint": checked.fingerprint,
        "notes": list(checked.notes),
    }
    if checked.class_names.labels:
        metadata["class_names"] = list(checked.class_names.labels)
    if checked.class_names.objects:
        metadata["object_class_names"] = list(checked.class_names.objects)
        metadata["max_objects"] = checked.max_objects
        metadata["box_format"] = (
            "left, top, right, bottom in pixels of the image, which begins at 0"
        )
    if checked.thermal_range_counts is not None:
        metadata["thermal_range_counts"] = list(checked.thermal_range_counts)
    return metadata


def _make_record(pair: RawPair, *, has_thermal_boxes: bool) -> dict[str, Any]:
    record: dict[str, Any] = {"visible": pair.visible, "thermal": pair.thermal}
    if pair.thermal is None:
        record = {"visible_thermal": pair.visible}
    if pair.labels is not None:
        record["labels"] = pair.labels
    record |= {"name": pair.name, "is_night": pair.is_night}
    if pair.objects is not None:
        record["objects"] = [
            _make_object(item, has_thermal_boxes=has_thermal_boxes) for item in pair.objects
        ]
    return record


def _make_object(item: AnnotatedObject, *, has_thermal_boxes: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "bbox_xyxy_px": np.array(item.box_xyxy, np.float32),
        "label": item.class_id,
        "is_ignored": item.role is Role.IGNORED,
        "occlusion": item.occlusion,
    }
    if has_thermal_boxes:
        # A split annotated in one image only has that image's boxes for both.
        box = item.thermal_box_xyxy_px or item.box_xyxy
        fields["thermal_bbox_xyxy_px"] = np.array(box, np.float32)
    return fields
