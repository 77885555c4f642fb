"""Checkpoints: a folder that is either complete or absent.

    checkpoints/last/metadata.json   configuration, scores, step, versions: for people and programs
                     leaves.json, files.json, arrays/   see `array_folder.py`

Arrays are saved from the host, under names that follow from the state's structure. A checkpoint
therefore knows nothing of devices, and reads on any number of them. Every array has a checksum in
`leaves.json`, that file and `metadata.json` have theirs in `metadata.json`.
"""

import hashlib
from collections.abc import Collection, Mapping
from importlib import metadata as package_metadata
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from flax.traverse_util import unflatten_dict

from mdjax import __version__
from mdjax.io.array_folder import (
    REMEDY,
    LeafTable,
    compute_table_checksum,
    link_arrays,
    read_arrays,
    read_leaf_table,
    write_arrays,
)
from mdjax.io.json_file import read_json_object, seal, unseal, write_json
from mdjax.io.whole_folder import (
    is_disk_full,
    locate_whole_folder,
    sync_path,
    write_whole_folder,
)
from mdjax.types import MdjaxError, format_count

State = TypeVar("State")

FORMAT = 3
"""Format 1 had no method's variables: the optimiser's state followed the network's alone. Formats 1
and 2 had no checksums of their JSON files."""
_FIRST_SEALED_FORMAT = 3
_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")

# Groups of arrays; a reader loads those it needs. Inference needs no optimiser.
_VARIABLES, _TRAINING = "variables", "training"
_VARIABLE_FIELDS = ("params", "model_state")

_MAX_LISTED = 8
_METADATA, _TABLE_CHECKSUM = "metadata.json", "leaves_crc32"


def has_checkpoint(path: Path) -> bool:
    """Return whether there is a complete checkpoint at this path."""
    return locate_whole_folder(path, _METADATA) is not None


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


def copy(
    source: Path, path: Path, changes: Mapping[str, Any], *, is_for_inference: bool = False
) -> Path:
    """Save a checkpoint once more under another name; its arrays are shared, not written again.

    Args:
        source: A checkpoint.
        path: Folder of the copy; an older checkpoint there is replaced at the very end.
        changes: Metadata that differ from those of the source, such as `scores`.
        is_for_inference: Leave out all but what inference needs.

    Returns:
        The path.

    Raises:
        MdjaxError: As `save`.
    """
    folder = _require(source)
    metadata = {**_read_header(folder), **changes}
    if is_for_inference:
        metadata["contents"] = "inference"
    groups = (_VARIABLES,) if metadata["contents"] == "inference" else (_VARIABLES, _TRAINING)
    try:
        with write_whole_folder(path) as copied:
            link_arrays(folder, copied, groups)
            _write_metadata(copied, metadata)
    except MdjaxError:
        raise
    except Exception as error:
        raise MdjaxError(_explain_failure(path, error)) from error
    return path


def change_metadata(path: Path, changes: Mapping[str, Any]) -> None:
    """Change what is noted beside a checkpoint's arrays, such as its `scores`, at once.

    Raises:
        MdjaxError: No checkpoint is there, or it cannot be written; it is then as it was.
    """
    folder = _require(path)
    _write_metadata(folder, {**_read_header(folder), **changes})
    sync_path(folder)


def restore(path: Path, like: State) -> State:
    """Read a training state back, bit for bit.

    Args:
        path: Folder of the checkpoint.
        like: State of the same structure, concrete or from `jax.eval_shape`.

    Returns:
        The structure of `like` with NumPy arrays on the host; put them where they are needed.

    Raises:
        MdjaxError: No checkpoint there, truncated, damaged, without training state, or of another
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

    Raises:
        MdjaxError: No checkpoint is there, or its metadata are damaged.
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
    arrays = {name: _to_host(leaf) for name, leaf in leaves.items()}
    versions = {name: package_metadata.version(name) for name in _PACKAGES}
    header = {"format": FORMAT, "versions": {"mdjax": __version__, **versions}}
    try:
        with write_whole_folder(path) as folder:
            write_arrays(folder, _group(arrays))
            _write_metadata(folder, {**metadata, **header})
    except Exception as error:
        num_bytes = sum(array.nbytes for array in arrays.values())
        raise MdjaxError(_explain_failure(path, error, num_bytes)) from error
    return path


def _write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Write `metadata.json` last: it is what makes a folder a checkpoint."""
    values = {**metadata, _TABLE_CHECKSUM: compute_table_checksum(folder)}
    write_json(folder / _METADATA, seal(values))


def _require(path: Path) -> Path:
    folder = locate_whole_folder(path, _METADATA)
    if folder is None:
        hint = "is empty or something else" if path.exists() else "does not exist"
        raise MdjaxError(
            f"{path}: no checkpoint here, the folder {hint}. Give a folder such as "
            "<run>/checkpoints/last of a run that has saved one."
        )
    return folder


def _read_header(folder: Path) -> dict[str, Any]:
    path = folder / _METADATA
    values = read_json_object(path, remedy=REMEDY)
    told = values.get("format")
    number = told if type(told) is int else 0
    is_sealed = number == 0 or number >= _FIRST_SEALED_FORMAT
    if number > FORMAT:
        raise MdjaxError(
            f"{folder}: has format {number}, this version reads up to {FORMAT}. "
            "Read it with the version of mdjax that wrote it."
        )
    header = unseal(values, path, is_required=is_sealed, remedy=REMEDY)
    if number < 1 or "contents" not in header:
        raise MdjaxError(f"{path}: damaged (is not the metadata of a checkpoint). {REMEDY}")
    if is_sealed and header.pop(_TABLE_CHECKSUM, None) != compute_table_checksum(folder):
        raise MdjaxError(
            f"{folder / 'leaves.json'}: damaged, truncated or changed since it was written (its "
            f"checksum does not fit). {REMEDY}"
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
        num_differing = format_count(len(differing), "leaf differs", "leaves differ")
        raise MdjaxError(
            f"{folder}: of another architecture, {num_differing}. Use the "
            "configuration in its metadata.json, or another checkpoint.\n  " + "\n  ".join(lines)
        )


def _explain_failure(path: Path, error: Exception, num_bytes: int = 0) -> str:
    previous = " The previous one there is untouched." if has_checkpoint(path) else ""
    if not is_disk_full(error):
        reason = str(error).removeprefix(f"{path}: ").removesuffix(".")
        return f"{path}: the checkpoint cannot be saved: {reason}.{previous}"
    size = f" (up to {num_bytes / 1e6:.1f} MB)" if num_bytes else ""
    return (
        f"{path}: the disk is full, the checkpoint{size} was not saved."
        f"{previous} Free some space in {path.parent} and resume."
    )
