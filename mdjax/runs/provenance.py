"""What a run was made of, by content: its data, and the teachers that it learned from.

Written beside the configuration when a run begins, so that it is resumed with the same, whatever
paths lead to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mdjax.config import config_from_dict, config_to_dict
from mdjax.data.source import SplitSource
from mdjax.io.checkpoint import hash_variables
from mdjax.io.json_file import read_json, write_json
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.loading import LoadedNetwork
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Provenance:
    """Fingerprints of what a run was made of.

    Attributes:
        dataset: Name, configuration and version of the prepared data set.
        dataset_fingerprint: Of what its builder was given, or of its record files.
        teachers: Hash of the variables of each teacher by name.
    """

    dataset: str
    dataset_fingerprint: str
    teachers: dict[str, str] = field(default_factory=dict)


def describe_provenance(
    split: SplitSource, teachers: Mapping[str, LoadedNetwork] | None = None
) -> Provenance:
    """Take the fingerprints of a data set, of which any split will do, and of teachers."""
    return Provenance(
        dataset=split.dataset_name,
        dataset_fingerprint=split.fingerprint,
        teachers={
            name: hash_variables(teacher.variables) for name, teacher in (teachers or {}).items()
        },
    )


def write_provenance(directory: RunDirectory, provenance: Provenance) -> None:
    """Write what a run is made of."""
    write_json(directory.provenance_path, config_to_dict(provenance))


def check_provenance(directory: RunDirectory, now: Provenance) -> bool:
    """Refuse to go on with other data or other teachers than the run began with.

    Returns:
        Whether the run records what it was made of; runs of mdjax before 0.2 do not.

    Raises:
        MdjaxError: Something differs; the message names it.
    """
    path = directory.provenance_path
    if not path.is_file():
        return False
    began: Any = config_from_dict(Provenance, read_json(path), source=path)
    lines = []
    if began.dataset_fingerprint != now.dataset_fingerprint:
        lines.append(f"the data set was {began.dataset} with other records, now {now.dataset}")
    for name in dict.fromkeys([*began.teachers, *now.teachers]):
        if began.teachers.get(name) != now.teachers.get(name):
            lines.append(f"{name}: has other variables than the one that the run began with")
    if lines:
        raise MdjaxError(
            f"{directory.path}: the run began with other data or teachers. Resume it with the "
            "same, or begin a new run in another folder.\n  " + "\n  ".join(lines)
        )
    return True
