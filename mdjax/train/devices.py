"""Data parallelism over all devices of all processes by sharding; jit does the rest."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mdjax.train.processes import ask_first_process
from mdjax.types import MdjaxError, format_count

DATA_AXIS = "data"


def create_data_mesh(batch_size: int, devices: Any = None) -> Mesh:
    """Lay the devices out along one axis, over which the rows of a batch are spread.

    Args:
        batch_size: Rows of the global batch.
        devices: All devices of all processes by default.

    Raises:
        MdjaxError: The batch cannot be shared evenly.
    """
    devices = list(jax.devices() if devices is None else devices)
    if batch_size < 1 or batch_size % len(devices):
        count = jax.process_count()
        where = f" ({format_count(count, 'process', 'processes')})" if count > 1 else ""
        raise MdjaxError(
            f"batch_size is {batch_size}; give a multiple of the number of devices, "
            f"{len(devices)}{where}."
        )
    # Explicit axes, JAX's default, cannot shard the scatter that counts confusions.
    return jax.make_mesh(
        (len(devices),), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=devices
    )


def make_batch_sharding(mesh: Mesh) -> NamedSharding:
    """Spread rows over the devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def list_local_rows(sharding: NamedSharding, batch_size: int) -> Sequence[int]:
    """List the rows of a batch that lie on this process's devices, in ascending order."""
    places = sharding.addressable_devices_indices_map((batch_size,)).values()
    return sorted(row for place in places if place for row in range(batch_size)[place[0]])


def read_local_rows(tree: Any, sharding: NamedSharding) -> Any:
    """Copy the rows of a batch that lie on this process's devices to the host, in that order."""
    if sharding.is_fully_addressable:
        return jax.device_get(tree)

    def read(rows: jax.Array) -> np.ndarray:
        # What a program returns lies as XLA chose; it stays where it is if that is by rows.
        shards = jax.device_put(rows, sharding).addressable_shards
        ordered = sorted(shards, key=lambda shard: shard.index[0].start or 0)
        return np.concatenate([np.asarray(shard.data) for shard in ordered])

    return jax.tree.map(read, tree)


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Copy arrays to every device; of several processes, those of process 0."""
    sharding = NamedSharding(mesh, PartitionSpec())
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    # Machines of different kinds do not draw the same initial values to the last digit.
    arrays = ask_first_process(lambda: jax.device_get(jax.tree.leaves(tree)))
    placed = [
        jax.make_array_from_callback(np.shape(x), sharding, lambda index, x=x: np.asarray(x)[index])
        for x in arrays
    ]
    return jax.tree.unflatten(jax.tree.structure(tree), placed)
