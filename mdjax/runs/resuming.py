"""Whose run a directory holds: claimed for a new one, or resumed as what it began as."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mdjax.io.run_directory import RunDirectory
from mdjax.runs.config import RunConfig
from mdjax.runs.provenance import Provenance, check_provenance, write_provenance
from mdjax.runs.stored_config import find_differences, read_stored_config, store_config
from mdjax.types import MdjaxError

# Settings that a resumed run may change: they do not touch the numbers. Data and teachers may lie
# elsewhere; that they are the same is checked by content.
MAY_DIFFER_ON_RESUME = (
    "data_dir",
    "teacher",
    "other_teachers",
    "pretrained",
    "wandb",
    "loop.log_every",
    "loop.save_every",
    "loop.probe_every",
    "pipeline.cache_megabytes",
)


def read_run_config(run_dir: Path) -> RunConfig:
    """Read the configuration that a run began with.

    Raises:
        MdjaxError: There is no run, or its configuration cannot be read.
    """
    directory = RunDirectory(run_dir)
    directory.require_run()
    return read_stored_config(directory.read_config(), run_dir, source=directory.config_path)


def require_same_config(run_dir: Path, config: RunConfig) -> None:
    """Refuse a run directory that was made under another configuration.

    Raises:
        MdjaxError: There is no run, or settings differ that touch its numbers; they are listed.
    """
    lines = find_differences(read_run_config(run_dir), config, MAY_DIFFER_ON_RESUME)
    if lines:
        raise MdjaxError(
            f"{run_dir}: the run began with another configuration. Resume it with the same, or "
            "begin a new run in another folder.\n  " + "\n  ".join(lines)
        )


@contextlib.contextmanager
def claim_run(
    directory: RunDirectory, config: RunConfig, provenance: Provenance, *, is_resumed: bool
) -> Iterator[None]:
    """Hold the lock of a run while it is at work, and note what it is made of.

    Raises:
        MdjaxError: The directory is used, another process is at it, or a resumed run began with
            other data or teachers.
    """
    if not is_resumed:
        with directory.create(store_config(config, directory.path)):
            write_provenance(directory, provenance)
            yield
        return
    with directory.reopen():
        if not check_provenance(directory, provenance):
            write_provenance(directory, provenance)
        yield
