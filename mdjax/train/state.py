"""What training changes from step to step: arrays only."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jaxtyping import Int

from mdjax.models.network import Network, SelectInputs
from mdjax.train.teacher import Teacher
from mdjax.types import Array

# Initial values are drawn once: at the usual level, compiling takes ten seconds, thrice as long.
_QUICK_COMPILATION = {"xla_backend_optimization_level": 1}


@struct.dataclass
class TrainState:
    """All that a checkpoint needs to continue as if never stopped; random keys derive from `step`.

    The network's variables are its own: what a method trains beside them (adapters, projection
    heads) is kept apart, so that it is omitted from exports.
    """

    step: Int[Array, ""]
    params: Any
    """Of the network."""
    model_state: Mapping[str, Any]
    """Collections of the network that are not optimised, such as `batch_stats`."""
    opt_state: optax.OptState
    """Of `trainable`."""
    method_params: Any
    """Of the method's own module; empty for a method without one."""
    method_state: Mapping[str, Any]
    """Collections of that module that are not optimised, such as a memory bank."""

    @property
    def variables(self) -> dict[str, Any]:
        """Parameters and model state of the network as linen's `apply` takes them."""
        return {"params": self.params, **self.model_state}

    @property
    def trainable(self) -> dict[str, Any]:
        """What the optimiser changes."""
        return {"network": self.params, "method": self.method_params}


def create_state(
    variables: Mapping[str, Any],
    optimiser: optax.GradientTransformation,
    method_variables: Mapping[str, Any] | None = None,
) -> TrainState:
    """Start training from the given variables at step 0.

    The arrays are copied, as the first step donates them.

    Args:
        variables: Of the network.
        optimiser: Whose state begins here.
        method_variables: Of the method's own module, if it has one.

    Example:
        >>> import flax.linen as nn
        >>> import jax
        >>> import mdjax
        >>> import optax
        >>> variables = nn.Dense(2).init(jax.random.key(0), jax.numpy.zeros((1, 3)))
        >>> int(mdjax.create_state(variables, optax.adam(1e-3)).step)
        0
    """
    model_state = jax.tree.map(jnp.array, dict(variables))
    method_state = jax.tree.map(jnp.array, dict(method_variables or {}))
    params, method_params = model_state.pop("params"), method_state.pop("params", {})
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=model_state,
        opt_state=optimiser.init({"network": params, "method": method_params}),
        method_params=method_params,
        method_state=method_state,
    )


def create_variables(
    network: Network, batch: Any, *, select_inputs: SelectInputs, seed: int
) -> dict[str, Any]:
    """Initialise a network from a seed; only the shapes of the batch matter."""
    inputs = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), select_inputs(batch))
    return dict(initialise(network, jax.random.key(seed), *inputs))


# Its own function, not one of each call: equal networks, which the runs of a study and their
# checkpoints often have, are traced and compiled once.
@partial(jax.jit, static_argnums=0, compiler_options=_QUICK_COMPILATION)
def initialise(network: Network, key: Array, *inputs: Any) -> Any:
    """Draw a network's variables; the network must be hashable, as linen modules are."""
    return network.init({"params": key, "dropout": key}, *inputs, train=False)


def create_method_variables(
    module: Network | None,
    network: Network,
    variables: Mapping[str, Any],
    teachers: Mapping[str, Teacher],
    batch: Any,
    select_inputs: SelectInputs,
    *,
    seed: int,
) -> dict[str, Any]:
    """Initialise a method's own module from what network and teachers return; {} without one.

    Args:
        module: Called as (output, teacher outputs by name, batch, train=).
        network: The student.
        variables: Its variables.
        teachers: Frozen networks by name.
        batch: Only the shapes matter.
        select_inputs: Takes the student's inputs from a batch.
        seed: Of the initial values, which differ from the network's own.
    """
    if module is None:
        return {}

    @partial(jax.jit, compiler_options=_QUICK_COMPILATION)
    def initialise(key: Array, variables: Any, teacher_variables: Any, batch: Any) -> Any:
        output = network.apply(variables, *select_inputs(batch), train=False)
        taught = {name: teachers[name].apply(teacher_variables[name], batch) for name in teachers}
        keys = {"params": key, "dropout": key}
        return module.init(keys, output, taught, batch, train=False)

    key = jax.random.fold_in(jax.random.key(seed), 1)
    teacher_variables = {name: dict(teacher.variables) for name, teacher in teachers.items()}
    return dict(initialise(key, dict(variables), teacher_variables, batch))


def count_parameters(params: Any) -> int:
    """Return the number of trainable numbers."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
