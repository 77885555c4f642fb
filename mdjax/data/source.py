"""Prepared data sets as random-access sources of still encoded records.

A prepared data set is a TFDS folder in ArrayRecord format; everything is read from the folder, so
any data set with the features below works:

    visible_thermal  four-channel PNG, RGB + thermal; or two features:
    visible          RGB image of any format
    thermal          thermal image of any format, of its own resolution
    name             text
    is_night         boolean

and what a task needs, where it is there:

    labels           PNG of one channel, class ids; their names in the metadata as `class_names`
    objects          sequence of bbox_xyxy_px [4], label, is_ignored, occlusion; the names of their
                     classes in the metadata as `object_class_names`, the largest number of objects
                     of one image as `max_objects`
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import tensorflow_datasets as tfds

from mdjax.io.checksums import check_files
from mdjax.io.json_file import read_json
from mdjax.types import MdjaxError

_COMMON_FEATURES = ("name", "is_night")
_REMEDY = "prepare the data set again with --overwrite"
_IMAGE_FEATURES = (("visible_thermal",), ("visible", "thermal"))


@runtime_checkable
class RecordSource(Protocol):
    """Any sequence of records with the features above; a list of dicts will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Mapping[str, Any]: ...


@dataclasses.dataclass(frozen=True)
class SplitSource:
    """One split of a prepared data set; `source[i]` is a record with its images still encoded."""

    records: RecordSource
    dataset_name: str
    """As TFDS writes it: name/config:version."""
    split: str
    features: tuple[str, ...]
    """Names of what a record holds."""
    metadata: Mapping[str, Any]
    """What the builder wrote down about the whole data set."""

    def get_class_names(self, annotation: Literal["labels", "objects"]) -> tuple[str, ...]:
        """Return the names of the classes of an annotation, in the order of their ids.

        Raises:
            MdjaxError: The data set has no such annotation, or has no names.
        """
        if annotation not in self.features:
            kinds = {"labels": "label maps", "objects": "boxes of objects"}
            tasks = {"labels": "segmentation", "objects": "detection"}
            presets = {"labels": "mfnet-small", "objects": "msrs-small"}
            other = "objects" if annotation == "labels" else "labels"
            remedy = "Choose another data set"
            if other in self.features:
                remedy = (
                    f"It has {kinds[other]}: train on them with a preset such as "
                    f"{presets[other]}-teacher, or --task {tasks[other]}"
                )
            raise MdjaxError(
                f"data set {self.dataset_name} has no {kinds[annotation]}; it holds "
                f"{', '.join(self.features)}. {remedy}."
            )
        key = "class_names" if annotation == "labels" else "object_class_names"
        names = self.metadata.get(key)
        if not names:
            raise MdjaxError(f"{self.dataset_name}: metadata.json has no {key}; {_REMEDY}.")
        return tuple(names)

    @property
    def fingerprint(self) -> str:
        """The builder's fingerprint, or a hash of the records; equal for equal data."""
        told = self.metadata.get("fingerprint")
        return str(told) if told else hash_records(map(self.read_record, range(len(self))))

    def __len__(self) -> int:
        return len(self.records)

    def read_record(self, index: int) -> Mapping[str, Any]:
        """Return a record as it was written.

        Raises:
            MdjaxError: It is damaged.
        """
        try:
            return self.records[index]
        except RuntimeError as error:  # ArrayRecord hashes each block.
            raise MdjaxError(
                f"data set {self.dataset_name}: record {index} of split {self.split!r} is damaged "
                f"({error}); {_REMEDY}."
            ) from error

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        record = self.read_record(index)
        # What a thermal count means is the same for the whole data set, so records do without.
        counts = self.metadata.get("thermal_range_counts")
        return {**record, "thermal_range_counts": counts} if counts else record


def open_split(dataset: str, split: str, data_dir: Path) -> SplitSource:
    """Open one split of a prepared data set.

    Args:
        dataset: Name, or name/config where a data set was prepared in several ways, with
            `:version` for one that is not the newest.
        split: Split such as "train", "val" or "test".
        data_dir: Folder that holds the prepared data sets.

    Raises:
        MdjaxError: The data set is not prepared or of another layout, or the split is not there or
            empty.
    """
    folder, builder = _open_builder(dataset, data_dir)
    features = builder.info.features
    if missing := _find_missing(features):
        raise MdjaxError(f"{folder}: records lack {', '.join(missing)}; {_REMEDY}.")
    available = ", ".join(
        f"{key} ({value.num_examples})" for key, value in builder.info.splits.items()
    )
    if split not in builder.info.splits:
        raise MdjaxError(f"{folder}: has no split {split!r}; it has {available}.")
    if builder.info.splits[split].num_examples == 0:
        raise MdjaxError(f"{folder}: split {split!r} is empty; it has {available}.")
    if missing_files := [
        path for path in builder.info.splits[split].filepaths if not path.exists()
    ]:
        raise MdjaxError(f"{missing_files[0]}: file is missing; {_REMEDY}.")
    decoders = {
        name: tfds.decode.SkipDecoding()
        for name, feature in features.items()
        if isinstance(feature, tfds.features.Image)
    }
    return SplitSource(
        records=builder.as_data_source(split=split, decoders=decoders),
        dataset_name=builder.info.full_name,
        split=split,
        features=tuple(features),
        metadata=builder.info.metadata or {},
    )


def find_split(dataset: str, split: str, data_dir: Path) -> SplitSource | None:
    """Open a split as `open_split` does; None where the data set has none of this name.

    Raises:
        MdjaxError: The data set is not prepared or of another layout, or the split is empty.
    """
    _, builder = _open_builder(dataset, data_dir)
    return open_split(dataset, split, data_dir) if split in builder.info.splits else None


def hash_records(records: Iterable[Mapping[str, Any]]) -> str:
    """Hash what records hold, in their order."""
    digest = hashlib.sha256()
    for record in records:
        _hash_value(record, digest)
    return digest.hexdigest()[:16]


def _hash_value(value: Any, digest: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(key.encode())
            _hash_value(value[key], digest)
    elif isinstance(value, bytes | str):
        digest.update(value if isinstance(value, bytes) else value.encode())
    else:
        array = np.asarray(value)
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())


def _open_builder(dataset: str, data_dir: Path) -> tuple[Path, Any]:
    """The folder of a prepared data set, and TFDS's builder of it."""
    folder = _find_prepared_folder(dataset, Path(data_dir).expanduser())
    check_files(folder, _REMEDY)
    try:
        # TFDS declares its decorated methods in a way that type checkers misread.
        return folder, tfds.builder_from_directory(str(folder))
    except Exception as error:
        # Without checksums TFDS meets whatever the files hold, and has no error of its own for it.
        raise MdjaxError(
            f"{folder}: the data set is damaged ({type(error).__name__}: {error}); {_REMEDY}."
        ) from error


def _find_missing(features: Any) -> list[str]:
    """Features that every task needs and these records lack."""
    missing = [name for name in _COMMON_FEATURES if name not in features]
    if not any(all(name in features for name in names) for names in _IMAGE_FEATURES):
        missing.append("images (visible_thermal, or visible and thermal)")
    return missing


def _find_prepared_folder(dataset: str, data_dir: Path) -> Path:
    """The folder of the newest version of the default, or named, config."""
    path, _, version = dataset.partition(":")
    name, _, config = path.partition("/")
    root = data_dir / name
    found = _find_versions(root)
    if not found:
        others = _find_versions(data_dir)
        meant = [folder for folder in others if folder.parent.name == name]
        hint = f"did you mean {_name_prepared(meant, data_dir)}? " if meant else ""
        raise MdjaxError(
            f"data set {name!r} is not prepared in {data_dir}, where there is "
            f"{_name_prepared(others, data_dir) or 'nothing'}; {hint}`mdjax prepare --help` lists "
            "the data sets that mdjax can prepare."
        )
    config = config or _read_default_config(root) or ""
    parents = {folder.parent for folder in found}
    # Whoever copies a data set may leave the hidden folder behind that names the default.
    parent = parents.pop() if not config and len(parents) == 1 else root / config
    matching = [
        folder for folder in found if folder.parent == parent and version in ("", folder.name)
    ]
    if not matching:
        raise MdjaxError(
            f"data set {dataset!r} is not prepared in {data_dir}; name one that is: "
            f"{_name_prepared(found, data_dir)}."
        )
    return max(matching, key=lambda folder: tuple(map(int, folder.name.split("."))))


def _find_versions(root: Path) -> list[Path]:
    """Folders of prepared data sets, each of them one version."""
    # What a preparation left that was killed lies in folders whose names are no versions.
    return [
        file.parent
        for file in root.glob("**/dataset_info.json")
        if re.fullmatch(r"\d+\.\d+\.\d+", file.parent.name)
    ]


def _name_prepared(folders: Iterable[Path], data_dir: Path) -> str:
    """What a person writes to get one of these folders: name/config:version."""
    return ", ".join(
        sorted(
            f"{folder.parent.relative_to(data_dir).as_posix()}:{folder.name}" for folder in folders
        )
    )


def _read_default_config(root: Path) -> str | None:
    """The builder's default config, which TFDS notes beside the configs; None without configs."""
    path = root / ".config" / "metadata.json"
    if not path.exists():
        return None
    try:
        return read_json(path).get("default_config_name")
    except (MdjaxError, AttributeError) as error:
        raise MdjaxError(
            f"{path}: is damaged; delete it, and give the data set with its config, such as "
            "mfnet/original."
        ) from error
