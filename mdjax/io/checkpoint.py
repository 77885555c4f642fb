"""Checkpoints: a folder that is either complete or not there.

    checkpoints/last/metadata.json   configuration, scores, step, versions: for people and programs
                     leaves.json, files.json, arrays/   see `array_folder.py`

Arrays are saved from the host, under names that follow from the state's structure. A checkpoint
therefore knows nothing of devices, and reads on any number of them.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata as package_metadata
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from flax.traverse_util import unflatten_dict

from mdjax import __version__
from mdjax.io.array_folder import (
    LeafTable,
    read_arrays,
    read_leaf_table,
    write_arrays,
    write_file_table,
)
from mdjax.io.json_file import read_json, write_json
from mdjax.types import MdjaxError

State = TypeVar("State")

FORMAT = 2
"""Format 1 had no method's variables; the optimiser's state followed the network's alone."""
_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")

# Groups of arrays; a reader loads those it needs. Inference needs no optimiser.
_VARIABLES, _TRAINING = "variables", "training"
_VARIABLE_FIELDS = ("params", "model_state")

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MAX_LISTED = 8


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one run: the last state, the best one, and variables for inference."""

    run_dir: Path

    @property
    def last(self) -> Path:
        """Where training can be resumed."""
        return self.run_dir / "checkpoints" / "last"

    @property
    def best(self) -> Path:
        """The state with the best score on the validation split."""
        return self.run_dir / "checkpoints" / "best"

    @property
    def inference(self) -> Path:
        """Parameters and model state alone: no optimiser, no teacher."""
        return self.run_dir / "checkpoints" / "inference"

    def save_last(self, state: Any, metadata: Mapping[str, Any]) -> Path:
        """Save the state as the last one, see `save`."""
        return save(self.last, state, metadata)

    def save_best(self, state: Any, metadata: Mapping[str, Any]) -> Path:
        """Save the state as the best one, see `save`."""
        return save(self.best, state, metadata)

    def save_inference(self, variables: Mapping[str, Any], metadata: Mapping[str, Any]) -> Path:
        """Save variables alone, see `save_variables`."""
        return save_variables(self.inference, variables, metadata)


def has_checkpoint(path: Path) -> bool:
    """Say whether a complete checkpoint lies at this path."""
    return _locate(path) is not None


def save(path: Path, state: Any, metadata: Mapping[str, Any]) -> Path:
    """Save a training state; an older checkpoint at the path is replaced at the very end.

    Args:
        path: Folder of the checkpoint.
        state: Tree of arrays with the fields `params`, `model_state` and any others, such as
            `step` and `opt_state`.
        metadata: What JSON can hold: `config`, `scores`, `step`...; see `read_metadata`.

    Returns:
        The path.

    Raises:
        MdjaxError: It could not be written, for instance on a full disk; an older checkpoint is
            as it was.
    """
    return _write(path, _name_leaves(state), {**metadata, "contents": "training"})


def save_variables(path: Path, variables: Mapping[str, Any], metadata: Mapping[str, Any]) -> Path:
    """Save what inference needs, `params` and collections such as `batch_stats`.

    Otherwise like `save`.
    """
    leaves = _name_leaves(_split_variables(variables))
    return _write(path, leaves, {**metadata, "contents": "inference"})


def restore(path: Path, like: State) -> State:
    """Read a training state back, bit for bit.

    Args:
        path: Folder of the checkpoint.
        like: State of the same structure, concrete or from `jax.eval_shape`.

    Returns:
        The structure of `like` with NumPy arrays on the host; put them where they are needed.

    Raises:
        MdjaxError: No checkpoint there, cut short, damaged, without training state, or of another
            architecture (the message names leaves that differ).
    """
    folder = _require(path)
    if _read_header(folder)["contents"] != "training":
        raise MdjaxError(
            f"{path}: holds variables for inference, without the optimiser that training needs. "
            "Give the folder checkpoints/last of a run."
        )
    wanted = _name_leaves(like)
    table = read_leaf_table(folder, (_VARIABLES, _TRAINING))
    names = _find_present_names(folder, table)
    _check_architecture(folder, wanted, {names[name]: leaf for name, leaf in table.items()})
    arrays = read_arrays(folder, (_VARIABLES, _TRAINING))
    saved = {names[name]: array for name, array in arrays.items()}
    return jax.tree.unflatten(jax.tree.structure(like), [saved[name] for name in wanted])


def restore_variables(path: Path, like: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read what inference needs, from any checkpoint.

    Args:
        path: Folder of the checkpoint.
        like: Variables of the network, concrete or abstract; if given, they are compared.

    Returns:
        `params` and collections such as `batch_stats`, as linen's `apply` takes them: nested
        dictionaries of NumPy arrays.

    Raises:
        MdjaxError: As `restore`.
    """
    folder = _require(path)
    if like is not None:
        wanted = _name_leaves(_split_variables(like))
        _check_architecture(folder, wanted, read_leaf_table(folder, (_VARIABLES,)))
    tree = unflatten_dict(read_arrays(folder, (_VARIABLES,)), sep="/")
    return {"params": tree["params"], **tree.get("model_state", {})}


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the JSON that was saved with a checkpoint.

    Returns:
        What the saver gave, and `format`, `contents` ("training" or "inference") and `versions`.
    """
    return _read_header(_require(path))


def _split_variables(variables: Mapping[str, Any]) -> dict[str, Any]:
    model_state = {name: tree for name, tree in variables.items() if name != "params"}
    return {"params": variables["params"], "model_state": model_state}


def _name_leaves(tree: Any) -> dict[str, Any]:
    """Leaves by path, in the order of JAX: `params/backbone/conv1/kernel`, `opt_state/0/trace`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {"/".join(map(_name_key, path)): leaf for path, leaf in leaves}


def _name_key(key: Any) -> str:
    for attribute in ("name", "key", "idx"):  # of fields, dictionaries and sequences
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    raise TypeError(f"no name for {key!r}")


def _group(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    groups: dict[str, dict[str, np.ndarray]] = {_VARIABLES: {}, _TRAINING: {}}
    for name, array in arrays.items():
        is_variable = name.split("/")[0] in _VARIABLE_FIELDS
        groups[_VARIABLES if is_variable else _TRAINING][name] = array
    return groups


def _to_host(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and leaf.is_fully_replicated:
        return np.asarray(leaf.addressable_data(0))
    return np.asarray(leaf)


def _write(path: Path, leaves: Mapping[str, Any], metadata: Mapping[str, Any]) -> Path:
    temporary = path.with_name(f".{path.name}.incomplete")
    arrays = {name: _to_host(leaf) for name, leaf in leaves.items()}
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        versions = {name: package_metadata.version(name) for name in _PACKAGES}
        header = {"format": FORMAT, "versions": {"mdjax": __version__, **versions}}
        write_json(temporary / "metadata.json", {**metadata, **header})
        write_arrays(temporary, _group(arrays))
        write_file_table(temporary)
        _sync(temporary)
        _publish(temporary, path)
    except Exception as error:
        raise MdjaxError(_explain_failure(path, error, arrays)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return path


def _sync(folder: Path) -> None:
    """Wait until everything in a folder is on the disk, so that a power cut cannot take it."""
    for path in (*folder.rglob("*"), folder):
        _sync_one(path)


def _publish(temporary: Path, path: Path) -> None:
    """Put a complete folder in its place; the old one is moved aside first and removed last.

    A folder cannot replace another in one step. A process that dies between the two renames leaves
    the old checkpoint under the name that `_locate` knows.
    """
    aside = _name_aside(path)
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    temporary.rename(path)
    _sync_one(path.parent)  # The new one is there before the old one goes.
    shutil.rmtree(aside, ignore_errors=True)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name_aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.previous")


def _locate(path: Path) -> Path | None:
    for candidate in (path, _name_aside(path)):
        if (candidate / "metadata.json").is_file():
            return candidate
    return None


def _require(path: Path) -> Path:
    folder = _locate(path)
    if folder is None:
        hint = "is empty or something else" if path.exists() else "does not exist"
        raise MdjaxError(
            f"{path}: no checkpoint here, the folder {hint}. Give a folder such as "
            "<run>/checkpoints/last of a run that has saved one."
        )
    return folder


def _read_header(folder: Path) -> dict[str, Any]:
    header = read_json(folder / "metadata.json")
    if header.get("format") not in range(1, FORMAT + 1):
        raise MdjaxError(
            f"{folder}: has format {header.get('format')}, this version reads up to {FORMAT}. "
            "Read it with the version of mdjax that wrote it."
        )
    return header


def _find_present_names(folder: Path, table: Collection[str]) -> dict[str, str]:
    """Names of leaves as they are called now, by the names they were saved under."""
    names = {name: name for name in table}
    if _read_header(folder)["format"] > 1:
        return names
    params = [name.removeprefix("params") for name in table if name.startswith("params/")]
    for name in table:
        # `opt_state/1/0/trace/backbone/...`: the network's are now under `network` there.
        ends = [end for end in params if name.startswith("opt_state/") and name.endswith(end)]
        if ends:
            longest = max(ends, key=len)
            names[name] = f"{name.removesuffix(longest)}/network{longest}"
    return names


def hash_variables(variables: Mapping[str, Any]) -> str:
    """Return a hash of names, types, shapes and values of a network's variables."""
    digest = hashlib.sha256()
    for name, leaf in sorted(_name_leaves(_split_variables(variables)).items()):
        array = np.ascontiguousarray(_to_host(leaf))
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.view(np.uint8).data if array.size else b"")
    return digest.hexdigest()


def _check_architecture(folder: Path, wanted: Mapping[str, Any], saved: LeafTable) -> None:
    def describe(dtype: Any, shape: Any) -> str:
        return f"{dtype} {tuple(shape)}"

    ours = {name: describe(leaf.dtype, leaf.shape) for name, leaf in wanted.items()}
    theirs = {name: describe(leaf["dtype"], leaf["shape"]) for name, leaf in saved.items()}
    differing = [
        f"{name}: {theirs.get(name, 'absent')} in the checkpoint, {ours.get(name, 'absent')} here"
        for name in dict.fromkeys([*ours, *theirs])
        if ours.get(name) != theirs.get(name)
    ]
    if differing:
        lines = differing[:_MAX_LISTED]
        if len(differing) > len(lines):
            lines.append(f"and {len(differing) - len(lines)} more")
        raise MdjaxError(
            f"{folder}: of another architecture, {len(differing)} leaves differ. Use the "
            "configuration in its metadata.json, or another checkpoint.\n  " + "\n  ".join(lines)
        )


def _explain_failure(path: Path, error: Exception, arrays: Mapping[str, np.ndarray]) -> str:
    previous = " The previous one there is untouched." if has_checkpoint(path) else ""
    if not _is_disk_full(error):
        return f"{path}: the checkpoint cannot be saved: {error}.{previous}"
    needed = sum(array.nbytes for array in arrays.values()) / 1e6
    return (
        f"{path}: the disk is full, the checkpoint (up to {needed:.1f} MB) was not saved."
        f"{previous} Free some space in {path.parent} and resume."
    )


def _is_disk_full(error: BaseException | None) -> bool:
    """Also where the error comes from tensorstore, which gives the system's words only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            return True
        if any(os.strerror(number) in str(error) for number in _DISK_FULL):
            return True
        error = error.__cause__ or error.__context__
    return False
