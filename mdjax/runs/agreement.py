"""Processes that train one run together have the same configuration, data and teachers."""

from dataclasses import replace

import jax

from mdjax import __version__
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
        if lines:
            raise MdjaxError(
                "the processes were started with different settings; start all of them with the "
                "same command.\n  " + "\n  ".join(lines)
            )


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
                f"process {index} has other data or teachers than process 0; copy them from the "
                "machine of process 0, or use a folder that all machines share.\n  "
                + "\n  ".join(lines)
            )
