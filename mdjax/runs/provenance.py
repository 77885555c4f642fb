"""What a run was made of, by content: its data, and the teachers that it learned from.

Written beside the configuration when a run begins, so that it is resumed with the same, whatever
paths lead to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mdjax.config import config_from_dict, config_to_dict
from mdjax.io.checkpoint import CheckpointStore, has_checkpoint, hash_variables
from mdjax.io.json_file import read_json_object, seal, unseal, write_json
from mdjax.io.read_file import hash_file
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.splits import Splits
from mdjax.runs.stored_config import VERSION_KEY
from mdjax.types import MdjaxError

_GONE = "not there any more"
_REMEDY = "Put the original back, or begin a new run in another folder."


@dataclass(frozen=True)
class Provenance:
    """Fingerprints of what a run was made of.

    Attributes:
        dataset: Name, configuration and version of the prepared data set.
        dataset_fingerprint: Of what its builder was given, or of the records of all splits.
        teachers: Hash of the variables of each teacher by name; of a fusion, of both networks.
        pretrained: "imagenet" or the SHA-256 of the file with the weights that the run began with.
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
    """Take the fingerprints of a data set, of teachers and of pretrained weights."""
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
    """Write what a run is made of."""
    write_json(directory.provenance_path, seal(config_to_dict(provenance)))


def has_provenance(directory: RunDirectory) -> bool:
    """Say whether a run records what it was made of.

    Runs of mdjax 0.1 do not, nor does one that was cut in its first moment.

    Raises:
        MdjaxError: It should, but the file is gone.
    """
    if directory.provenance_path.is_file():
        return True
    is_new = not has_checkpoint(CheckpointStore(directory.path).last)
    if is_new or VERSION_KEY not in directory.read_config():
        return False
    raise MdjaxError(
        f"{directory.provenance_path}: is missing, so that nobody knows which data and teachers "
        "the run began with. Put it back, or begin a new run in another folder."
    )


def check_provenance(
    directory: RunDirectory, now: Provenance, *, has_weights: bool = False
) -> None:
    """Refuse to go on with other data or other teachers than the run began with.

    Args:
        directory: Of the run.
        now: What it would go on with.
        has_weights: Whether the run has saved weights of its own, and needs no pretrained ones.

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
            lines.append(f"{name}: has other variables than the one that the run began with")
    needs_weights = not has_weights and now.pretrained != _GONE
    if needs_weights and began.pretrained != now.pretrained:
        lines.append("pretrained: other weights than the run began with")
    if lines:
        raise MdjaxError(
            f"{directory.path}: the run began with other data, teachers or weights. Resume it with "
            "the same, or begin a new run in another folder.\n  " + "\n  ".join(lines)
        )
