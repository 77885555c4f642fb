"""Data parallelism over all local devices by sharding; jit does the rest."""

from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from mdjax.types import MdjaxError

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
        raise MdjaxError(
            f"batch_size is {batch_size}; give a multiple of the number of devices, {len(devices)}."
        )
    # Explicit axes, JAX's default, cannot shard the scatter that counts confusions.
    return jax.make_mesh(
        (len(devices),), (DATA_AXIS,), axis_types=(AxisType.Auto,), devices=devices
    )


def make_batch_sharding(mesh: Mesh) -> NamedSharding:
    """Spread rows over the devices."""
    return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def replicate(tree: Any, mesh: Mesh) -> Any:
    """Copy arrays to every device."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))
