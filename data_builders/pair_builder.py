"""Shared code of the builders of checked pairs: records, and the call that writes them.

    builder = MFNet(check_raw_mfnet(raw_dir), data_dir=data_dir)
    builder.download_and_prepare()
    source = builder.as_data_source("test")

A builder gets a data set that was checked, so that nothing is written for a faulty one. The files'
own bytes go into the records; nothing is lost. Only label maps that are no grey values of class ids
are encoded again, without loss, and so are visible images that are grey or larger than what is
used, and images of which a part is cut out, see `RawPair.view`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import rich.console
import rich.progress
import tensorflow_datasets as tfds

from data_builders.checks.annotations import RawPair
from data_builders.checks.dataset import DEFAULT_CONFIG, CheckedPairs
from data_builders.checks.label_maps import read_label_png
from data_builders.checks.visible_images import read_visible_png
from data_builders.common_part import cut_images
from data_builders.prepared import PreparedSummary, write_data_set
from data_builders.records import (
    make_features,
    make_four_channel_image,
    make_metadata,
    make_objects,
    make_two_images,
)
from mdjax.io.json_file import read_json
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
        show_progress: bool = False,
        **kwargs: Any,
    ):
        """Take the checked data set and TFDS's arguments.

        `config_name` is the folder that several versions of a data set are told apart by, by
        default the one that the checked data set names; `show_progress` draws a progress bar on
        standard error.
        """
        self._checked = checked
        self._show_progress = show_progress
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
            features=_make_features(self._checked),
            metadata=tfds.core.MetadataDict(_make_metadata(self._checked)),
            # Records keep the order of the lists: evaluation then runs through scenes as filmed.
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
        return {
            split: self._generate_examples(part, split)
            for split, part in self._checked.pairs.items()
        }

    def _generate_examples(
        self, pairs: Sequence[RawPair], split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for pair in rich.progress.track(
            pairs,
            description=f"Writing {self.name} ({split})",
            console=rich.console.Console(stderr=True),
            transient=True,
            disable=not self._show_progress,
        ):
            yield pair.name, _make_record(pair, has_thermal_boxes=self._checked.has_thermal_boxes)


def prepare_checked(
    builder_class: type[AnnotatedPairs],
    checked: CheckedPairs,
    data_dir: Path,
    *,
    name: str | None = None,
    overwrite: bool = False,
    show_progress: bool = False,
) -> PreparedSummary:
    """Write a checked data set, unless the same one exists already, and return its summary.

    Args:
        builder_class: Builder of this kind of data set.
        checked: The checked data set.
        data_dir: Folder of prepared data sets.
        name: The user's name for this version of the data set; None if there is no such option.
        overwrite: Replace a data set that was prepared before.
        show_progress: Draw a progress bar on standard error.

    Raises:
        MdjaxError: `data_dir` holds this data set prepared from other files or settings; nothing is
            written or changed then. Or the name is not a valid folder name, or the number of
            records differs from that of the pairs.
    """
    if name is not None and not name.replace("_", "").replace("-", "").isalnum():
        raise MdjaxError(f"name {name!r}: use only letters, digits, - and _.")
    config_name, data_dir = name or checked.config_name, data_dir.expanduser()
    folder = data_dir / builder_class.name / config_name / str(builder_class.VERSION)
    builder, is_new = write_data_set(
        folder,
        lambda: builder_class(
            checked,
            config_name=config_name,
            data_dir=str(data_dir),
            show_progress=show_progress,
        ),
        overwrite=overwrite,
    )
    if not is_new:
        metadata = read_json(folder / "metadata.json")
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
        warnings=checked.warnings,
        notes=checked.notes,
        left_out=checked.left_out,
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


def _make_features(checked: CheckedPairs) -> tfds.features.FeaturesDict:
    images: Mapping[str, tfds.features.FeatureConnector] = (
        make_four_channel_image()
        if checked.has_four_channels
        else make_two_images(
            num_thermal_channels=checked.num_thermal_channels,
            has_16_bits=checked.thermal_range_counts is not None,
        )
    )
    return make_features(images, checked.class_names, has_thermal_boxes=checked.has_thermal_boxes)


def _make_metadata(checked: CheckedPairs) -> dict[str, Any]:
    metadata = make_metadata(
        checked.class_names, max_objects=checked.max_objects, fingerprint=checked.fingerprint
    )
    metadata |= {
        "raw_dir": str(checked.folder),
        "notes": [*(f"Warning: {text}" for text in checked.warnings), *checked.notes],
    }
    if checked.thermal_range_counts is not None:
        metadata["thermal_range_counts"] = list(checked.thermal_range_counts)
    # One for the whole data set.
    view = next(pair.view for part in checked.pairs.values() for pair in part)
    if view is not None:
        metadata["view"] = view.describe()
    return metadata


def _make_record(pair: RawPair, *, has_thermal_boxes: bool) -> dict[str, Any]:
    visible = read_visible_png(pair.visible) if pair.visible_may_be_grey else pair.visible
    record: dict[str, Any] = {"visible": visible, "thermal": pair.thermal}
    if pair.thermal is None:
        record = {"visible_thermal": pair.visible}
    if pair.labels is not None:
        label_rule = pair.label_rule
        record["labels"] = (
            pair.labels if label_rule is None else read_label_png(pair.labels, label_rule)
        )
    if pair.view is not None:
        record |= cut_images(pair, pair.view)
    record |= {"name": pair.name, "is_night": pair.is_night}
    if pair.objects is not None:
        record["objects"] = make_objects(pair.objects, has_thermal_boxes=has_thermal_boxes)
    return record
