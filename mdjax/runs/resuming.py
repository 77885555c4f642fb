"""Run directories: claimed for a new run, or resumed with the original configuration."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mdjax.io.checkpoint import has_checkpoint, read_metadata
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.config import RunConfig, TrainConfig
from mdjax.runs.loading import load_network
from mdjax.runs.provenance import (
    Provenance,
    check_provenance,
    describe_provenance,
    has_provenance,
    write_provenance,
)
from mdjax.runs.splits import open_splits
from mdjax.runs.stored_config import (
    find_differences,
    read_run_config,
    read_stored_config,
    store_config,
)
from mdjax.types import MdjaxError

# Settings that a resumed run may change: they do not touch the numbers. Data, teachers and weights
# may lie elsewhere; that they are the same is checked by content, see `provenance.py`.
MAY_DIFFER_ON_RESUME = (
    "data_dir",
    "teacher",
    "other_teachers",
    "pretrained",
    "visible",
    "thermal",
    "run",
    "wandb",
    "loop.log_every",
    "loop.save_every",
    "loop.probe_every",
    "pipeline.cache_megabytes",
)


def require_same_config(run_dir: Path, config: RunConfig) -> None:
    """Refuse a run directory that was made with another configuration.

    Raises:
        MdjaxError: There is no run, or settings that affect its numbers differ; they are listed.
    """
    began = read_run_config(run_dir)
    lines = find_differences(began, config, MAY_DIFFER_ON_RESUME)
    if lines:
        raise MdjaxError(
            f"{run_dir}: the run started with another configuration. Resume it with the same, or "
            "start a new run in another folder.\n  " + "\n  ".join(lines)
        )
    _require_config_of_checkpoint(run_dir, began)


def _require_config_of_checkpoint(run_dir: Path, began: RunConfig) -> None:
    """Refuse a `config.json` that was changed since the last checkpoint was saved under it."""
    last = CheckpointStore(run_dir).last
    if not isinstance(began, TrainConfig) or not has_checkpoint(last):
        return
    saved = read_stored_config(read_metadata(last).get("config"), run_dir, source=last)
    places = ("in the checkpoint", "in config.json")
    if lines := find_differences(saved, began, MAY_DIFFER_ON_RESUME, places=places):
        raise MdjaxError(
            f"{run_dir / 'config.json'}: was changed after {last} was saved. Restore "
            f"the value of `config` in {last / 'metadata.json'}, or start a new run in "
            "another folder.\n  " + "\n  ".join(lines)
        )


def begin_untrained(directory: RunDirectory, config: RunConfig) -> bool:
    """Check the directory of a run in which nothing is trained, before its work is done.

    Returns:
        Whether the same work was begun there, and cut.

    Raises:
        MdjaxError: It is in use, or of another configuration.
    """
    is_cut = directory.config_path.is_file() and not directory.result_path.is_file()
    if is_cut:
        require_same_config(directory.path, config)
        directory.require_idle()
    else:
        directory.require_unused(is_trained=False)
    return is_cut


def require_same_run(run_dir: Path, config: RunConfig) -> None:
    """Refuse a finished run that does not belong to a configuration.

    Raises:
        MdjaxError: Settings that affect its numbers differ, or it used other data, teachers or
            weights than those that the configuration names now.
    """
    require_same_config(run_dir, config)
    directory = RunDirectory(run_dir)
    if not has_provenance(directory):
        return
    loaded = {name: load_network(path) for name, path in config.sources.items()}
    if isinstance(config, TrainConfig):
        data, pretrained = config, config.pretrained
    else:  # Nothing was trained: the data are those of the networks.
        data, pretrained = next(iter(loaded.values())).config, None
    splits = open_splits(data.dataset, data.data_dir, data.folds)
    check_provenance(directory, describe_provenance(splits, loaded, pretrained))


def check_directory(directory: RunDirectory, config: RunConfig, *, is_resumed: bool) -> bool:
    """Check the directory of a training before anything is loaded.

    Returns:
        Whether a state is there to go on from.

    Raises:
        MdjaxError: It is in use, or of another configuration.
    """
    if not is_resumed:
        directory.require_unused()
        return False
    require_same_config(directory.path, config)
    directory.require_idle()
    # A run that was cut before its first checkpoint begins again.
    return has_checkpoint(CheckpointStore(directory.path).last)


@contextlib.contextmanager
def claim_run(
    directory: RunDirectory, config: RunConfig, provenance: Provenance, *, is_resumed: bool
) -> Iterator[None]:
    """Hold the lock of a run while it is running, and record its provenance.

    Raises:
        MdjaxError: The directory is in use, another process is working in it, or a resumed run
            started with other data or teachers.
    """
    if not is_resumed:
        with directory.create(store_config(config, directory.path)):
            write_provenance(directory, provenance)
            yield
        return
    with directory.reopen():
        if has_provenance(directory):
            store = CheckpointStore(directory.path)
            has_weights = has_checkpoint(store.last)
            check_provenance(directory, provenance, has_weights=has_weights)
        else:
            write_provenance(directory, provenance)
        yield
