"""What training changes from step to step: arrays only."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Int

from mdjax.types import Array, Batch


class Network(Protocol):
    """What the steps ask of a network: linen's `init` and `apply`.

    `apply` is called with the inputs, `train=` and, in training, `rngs=` and `mutable=`; it
    returns a `NetworkOutput`, in training together with the changed collections.
    """

    def init(self, rngs: Any, *inputs: Any, train: bool) -> Any:
        """Create the variables."""
        ...

    def apply(self, variables: Any, *inputs: Any, train: bool, **kwargs: Any) -> Any:
        """Run the network."""
        ...


SelectInputs = Callable[[Any], tuple[Any, ...]]
"""Takes from a batch what a network is called with."""


def select_full_thermal(batch: Batch) -> tuple[Array, Array]:
    """Return the visible and the full-resolution thermal images: what a teacher sees."""
    return batch.visible, batch.thermal_full


def select_camera_thermal(batch: Batch) -> tuple[Array, Array]:
    """Return the visible images and the thermal ones of the cheap camera: what a student sees."""
    return batch.visible, batch.thermal_camera


@struct.dataclass
class TrainState:
    """All that a checkpoint needs to continue bit for bit; random keys derive from `step`."""

    step: Int[Array, ""]
    params: Any
    model_state: Mapping[str, Any]
    """Collections that are not optimised, such as `batch_stats`."""
    opt_state: optax.OptState

    @property
    def variables(self) -> dict[str, Any]:
        """Parameters and model state as linen's `apply` takes them."""
        return {"params": self.params, **self.model_state}


def create_state(
    variables: Mapping[str, Any], optimiser: optax.GradientTransformation
) -> TrainState:
    """Start training from the given variables at step 0.

    The arrays are copied, as the first step donates them.
    """
    copies = jax.tree.map(jnp.array, dict(variables))
    params = copies.pop("params")
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=copies,
        opt_state=optimiser.init(params),
    )


def create_variables(
    network: Network, batch: Any, *, select_inputs: SelectInputs, seed: int
) -> dict[str, Any]:
    """Initialise a network from a seed; only the shapes of the batch matter."""
    inputs = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), select_inputs(batch))

    @jax.jit
    def initialise(key: Array) -> Any:
        return network.init({"params": key, "dropout": key}, *inputs, train=False)

    return dict(initialise(jax.random.key(seed)))


def count_parameters(params: Any) -> int:
    """Return the number of trainable numbers."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
