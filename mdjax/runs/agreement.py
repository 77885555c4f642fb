"""Processes that train or score together have the same configuration, data and networks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax

from mdjax import __version__
from mdjax.data.source import SplitSource
from mdjax.io.checkpoint import hash_variables
from mdjax.runs.config import TrainConfig
from mdjax.runs.provenance import Provenance
from mdjax.runs.stored_config import find_differences
from mdjax.train.processes import gather
from mdjax.types import MdjaxError

# Data and teachers may lie elsewhere on each machine: they are compared by content.
_MAY_DIFFER = ("data_dir", "teacher", "other_teachers", "pretrained")


def require_same_config_everywhere(config: TrainConfig) -> None:
    """Compare the configurations of all processes, before they compute anything together.

    Raises:
        MdjaxError: Settings or versions differ; in every process, with the same message.
    """
    # Not the class of the configuration alone: `train` and `distill` may have met.
    told = gather((config, {"mdjax": __version__, "jax": jax.__version__}))
    first, first_versions = told[0]
    for index, (other, versions) in enumerate(told):
        places = ("in process 0", f"in process {index}")
        lines = [
            f"{name}: {version} in process 0, {versions[name]} in process {index}"
            for name, version in first_versions.items()
            if versions[name] != version
        ]
        lines += find_differences(first, other, _MAY_DIFFER, places=places)
        _refuse_other_settings(lines)


def _refuse_other_settings(lines: list[str]) -> None:
    if lines:
        raise MdjaxError(
            "the processes were started with different settings; start all of them with the "
            "same command.\n  " + "\n  ".join(lines)
        )


def require_same_evaluation_everywhere(
    variables: Mapping[str, Any], split: SplitSource, settings: Mapping[str, object]
) -> None:
    """Compare what the processes that score a split together are about to do.

    Args:
        variables: Of the network, compared by content.
        split: Compared by content too.
        settings: Everything else that decides the scores, by name.

    Raises:
        MdjaxError: Something differs; in every process, with the same message.
    """
    if jax.process_count() == 1:  # Nothing to compare, so nothing is hashed.
        return
    told = gather({name: str(value) for name, value in settings.items()})
    for index, other in enumerate(told):
        _refuse_other_settings(
            [
                f"{name}: {value} in process 0, {other[name]} in process {index}"
                for name, value in told[0].items()
                if other[name] != value
            ]
        )
    scored = {"network": hash_variables(variables)}
    require_same_provenance_everywhere(Provenance(split.dataset_name, split.fingerprint, scored))


def require_same_provenance_everywhere(provenance: Provenance) -> None:
    """Compare data and teachers of all processes, by content.

    Raises:
        MdjaxError: They differ; in every process, with the same message.
    """
    # Process 0 alone reads pretrained weights.
    told = [replace(one, pretrained=None) for one in gather(provenance)]
    for index, other in enumerate(told):
        lines = []
        if (other.dataset, other.dataset_fingerprint) != (
            told[0].dataset,
            told[0].dataset_fingerprint,
        ):
            lines.append(f"data_dir: {other.dataset} holds other records than in process 0")
        lines += [
            f"{name}: has other variables than in process 0"
            for name, digest in other.teachers.items()
            if told[0].teachers.get(name) != digest
        ]
        if lines:
            raise MdjaxError(
                f"process {index} has other data or networks than process 0; copy them from the "
                "machine of process 0, or use a folder that all machines share.\n  "
                + "\n  ".join(lines)
            )
