"""Named arrays in a folder, with their checksums. The one file that knows Orbax.

leaves.json   type, shape and checksum of every array
arrays/       the arrays, written by Orbax, in groups that are read separately
"""

import contextlib
import gc
import logging
import shutil
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from orbax import checkpoint as ocp

from mdjax.io.json_file import format_json, read_json_object, write_json, write_text
from mdjax.io.read_file import measure_file
from mdjax.io.whole_folder import link_files
from mdjax.types import MdjaxError

Groups = Mapping[str, Mapping[str, np.ndarray]]
LeafTable = dict[str, dict[str, Any]]
"""By name: `dtype`, `shape`, `crc32` and the `group` of an array."""

REMEDY = (
    "Use another checkpoint of the run: `--checkpoint best` evaluates and predicts, and a copy of "
    "its folder checkpoints/best as checkpoints/last is resumed."
)


def write_arrays(folder: Path, groups: Groups) -> None:
    """Write arrays, named by paths such as `params/backbone/conv1/kernel`, group by group.

    Raises:
        Exception: Of any kind, when it fails; the folder is then of no use.
    """
    table = {
        name: {**_describe(array), "group": group}
        for group, arrays in groups.items()
        for name, array in arrays.items()
    }
    _write_leaf_table(folder, table)
    # Orbax refuses empty arrays and empty groups; the table describes such arrays fully.
    trees = {
        group: unflatten_dict({name: x for name, x in arrays.items() if x.size}, sep="/")
        for group, arrays in groups.items()
        if any(x.size for x in arrays.values())
    }
    with _quiet_orbax():
        for group, tree in trees.items():
            with _open_orbax() as orbax:
                orbax.save(_get_array_path(folder, group), args=ocp.args.PyTreeSave(tree))
    _write_file_table(folder)


def link_arrays(source: Path, folder: Path, groups: Collection[str]) -> None:
    """Put some groups of the arrays of a folder into another one, without writing them again.

    Raises:
        Exception: Of any kind, when it fails; the folder is then of no use.
    """
    table = _read_whole_table(source)
    _write_leaf_table(folder, {name: x for name, x in table.items() if x["group"] in groups})
    link_files(source / "arrays", folder / "arrays")
    for group in {leaf["group"] for leaf in table.values()} - set(groups):
        shutil.rmtree(folder / "arrays" / group, ignore_errors=True)
    _write_file_table(folder)


def compute_table_checksum(folder: Path) -> str:
    """Return a checksum of `leaves.json`, which holds those of the arrays."""
    try:
        return f"{zlib.crc32((folder / 'leaves.json').read_bytes()):08x}"
    except OSError as error:
        raise MdjaxError(
            f"{folder / 'leaves.json'}: cannot be read: {error.strerror or error}. {REMEDY}"
        ) from error


def _write_leaf_table(folder: Path, table: LeafTable) -> None:
    lines = [f"{format_json(name)}: {format_json(leaf)}" for name, leaf in table.items()]
    write_text(folder / "leaves.json", "{\n" + ",\n".join(lines) + "\n}\n")


def _write_file_table(folder: Path) -> None:
    """Note the size of every file, once all are written; without it the arrays do not read."""
    sizes = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted((folder / "arrays").rglob("*"))
        if path.is_file()
    }
    write_json(folder / "files.json", sizes)


def read_leaf_table(folder: Path, groups: Collection[str]) -> LeafTable:
    """Read what arrays there are in some groups, without the arrays.

    Raises:
        MdjaxError: The table is missing or damaged.
    """
    table = _read_whole_table(folder)
    return {name: leaf for name, leaf in table.items() if leaf["group"] in groups}


def _read_whole_table(folder: Path) -> LeafTable:
    path = folder / "leaves.json"
    table = read_json_object(path, remedy=REMEDY)
    for name, leaf in table.items():
        if not _is_leaf(leaf):
            raise MdjaxError(f"{path}: damaged (what it says of {name} is not an array). {REMEDY}")
    return table


def _is_leaf(leaf: Any) -> bool:
    return (
        isinstance(leaf, dict)
        and leaf.keys() == {"dtype", "shape", "crc32", "group"}
        and isinstance(leaf["dtype"], str)
        and isinstance(leaf["group"], str)
        and isinstance(leaf["shape"], list)
        and all(type(size) is int and size >= 0 for size in leaf["shape"])
    )


def read_arrays(folder: Path, groups: Collection[str]) -> dict[str, np.ndarray]:
    """Read the arrays of some groups into memory, by name.

    Raises:
        MdjaxError: An array is missing, truncated, or not the one that was written.
    """
    table = read_leaf_table(folder, groups)
    stored = {leaf["group"] for leaf in table.values() if 0 not in leaf["shape"]}
    _check_files(folder)
    found: dict[str, np.ndarray] = {}
    reason = ""
    with _quiet_orbax():
        try:
            for group in sorted(stored):
                with _open_orbax() as orbax:
                    tree = orbax.restore(
                        _get_array_path(folder, group), args=ocp.args.PyTreeRestore()
                    )
                found |= flatten_dict(tree, sep="/")
            for name, leaf in table.items():
                if 0 in leaf["shape"]:
                    found[name] = np.zeros(leaf["shape"], jnp.dtype(leaf["dtype"]))
                if {**_describe(found[name]), "group": leaf["group"]} != leaf:
                    raise ValueError(f"the numbers of {name} are not those that were saved")
        # What is damaged can fail anywhere in Orbax, in any way.
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
        if reason:
            # Tasks of asyncio print their tracebacks when they are freed: here, where it is quiet.
            # So the error below has no cause, which would keep them.
            gc.collect()
    if reason:
        raise MdjaxError(f"{folder}: truncated or damaged ({reason[:200]}). {REMEDY}")
    return found


def _check_files(folder: Path) -> None:
    """Find out about missing and short files before Orbax, which would not say it in one line."""
    for name, size in read_json_object(folder / "files.json", remedy=REMEDY).items():
        found = measure_file(folder / name) or 0
        if found != size:
            raise MdjaxError(f"{folder}: truncated: {name} has {found} of {size} bytes. {REMEDY}")


def _describe(array: np.ndarray) -> dict[str, Any]:
    checksum = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data) if array.size else 0
    return {"dtype": array.dtype.name, "shape": list(array.shape), "crc32": checksum}


def _get_array_path(folder: Path, group: str) -> str:
    return str((folder / "arrays" / group).absolute())


def _open_orbax() -> ocp.Checkpointer:
    """Read or write in this process, whether or not others train the same run.

    Orbax's newer interface (v1) cannot: where there are several processes it waits for all.
    """
    index = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=index, active_processes={index}, barrier_sync_key_prefix=f"process_{index}"
    )
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


@contextlib.contextmanager
def _quiet_orbax() -> Iterator[None]:
    """Keep Orbax from logging warnings, and tracebacks of errors that it also raises."""
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
