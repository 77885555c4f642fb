"""Provenance of a run, by content: its data and its teachers.

Written next to the configuration when a run starts, so that it is resumed with the same data and
teachers, wherever they are stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mdjax.config import config_from_dict, config_to_dict
from mdjax.io.checkpoint import has_checkpoint, hash_variables
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.json_file import read_json_object, seal, unseal, write_json
from mdjax.io.read_file import hash_file
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.splits import Splits
from mdjax.runs.stored_config import VERSION_KEY
from mdjax.types import MdjaxError

_GONE = "no longer there"
_REMEDY = "Restore the original, or start a new run in another folder."


@dataclass(frozen=True)
class Provenance:
    """Fingerprints of a run's data, teachers and pretrained weights.

    Attributes:
        dataset: Name, configuration and version of the prepared data set.
        dataset_fingerprint: Hash of the builder's inputs, or of the records of all splits.
        teachers: Hash of each teacher's variables by name; for a fusion, of both networks.
        pretrained: "imagenet" or the SHA-256 of the weight file that the run started from.
    """

    dataset: str
    dataset_fingerprint: str
    teachers: dict[str, str] = field(default_factory=dict)
    pretrained: str | None = None


def describe_provenance(
    splits: Splits,
    teachers: Mapping[str, LoadedNetwork],
    pretrained: Literal["imagenet"] | Path | None = None,
) -> Provenance:
    """Compute the fingerprints of a data set, of teachers and of pretrained weights."""
    return Provenance(
        dataset=splits.train.dataset_name,
        dataset_fingerprint=splits.fingerprint,
        teachers={name: hash_variables(teacher.variables) for name, teacher in teachers.items()},
        pretrained=_describe_weights(pretrained),
    )


def _describe_weights(source: Literal["imagenet"] | Path | None) -> str | None:
    if not isinstance(source, Path):
        return source
    # A finished run does not need them any more.
    return hash_file(source) if source.is_file() else _GONE


def write_provenance(directory: RunDirectory, provenance: Provenance) -> None:
    """Write the provenance of a run."""
    write_json(directory.provenance_path, seal(config_to_dict(provenance)))


def has_provenance(directory: RunDirectory) -> bool:
    """Return whether a run records its provenance.

    Runs of mdjax 0.1 do not, nor do runs interrupted right after their start.

    Raises:
        MdjaxError: It should, but the file is missing.
    """
    if directory.provenance_path.is_file():
        return True
    is_new = not has_checkpoint(CheckpointStore(directory.path).last)
    if is_new or VERSION_KEY not in directory.read_config():
        return False
    raise MdjaxError(
        f"{directory.provenance_path}: is missing, so the run's original data and teachers are "
        "unknown. Restore the file, or start a new run in another folder."
    )


def check_provenance(
    directory: RunDirectory, now: Provenance, *, has_weights: bool = False
) -> None:
    """Refuse to continue a run with other data or teachers than it started with.

    Args:
        directory: Directory of the run.
        now: The provenance it would continue with.
        has_weights: Whether the run has saved its own weights, and needs no pretrained ones.

    Raises:
        MdjaxError: Something differs; the message names it.
    """
    path = directory.provenance_path
    values = unseal(read_json_object(path, remedy=_REMEDY), path, remedy=_REMEDY)
    began: Any = config_from_dict(Provenance, values, source=path)
    lines = []
    if began.dataset_fingerprint != now.dataset_fingerprint:
        lines.append(f"the data set was {began.dataset} with other records, now {now.dataset}")
    for name in dict.fromkeys([*began.teachers, *now.teachers]):
        if began.teachers.get(name) != now.teachers.get(name):
            lines.append(f"{name}: has other variables than the one that the run started with")
    needs_weights = not has_weights and now.pretrained != _GONE
    if needs_weights and began.pretrained != now.pretrained:
        lines.append("pretrained: other weights than the run started with")
    if lines:
        raise MdjaxError(
            f"{directory.path}: the run started with other data, teachers or weights. Resume it "
            "with the same, or start a new run in another folder.\n  " + "\n  ".join(lines)
        )
