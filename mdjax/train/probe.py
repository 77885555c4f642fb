"""Gradient norm of each unweighted loss term."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from mdjax.models.network import Network, SelectInputs
from mdjax.train.state import TrainState
from mdjax.train.step import Metrics, make_forward
from mdjax.train.teacher import Teacher
from mdjax.train.terms import ComputeTargets, LossTerm, use_batch
from mdjax.types import Array


def make_gradient_norm_probe(
    network: Network,
    terms: Sequence[LossTerm],
    *,
    select_inputs: SelectInputs,
    teachers: Mapping[str, Teacher] | None = None,
    method_module: Network | None = None,
    compute_targets: ComputeTargets = use_batch,
) -> Callable[[TrainState, Any], Metrics]:
    """Build a function that measures the gradient of each unweighted loss term.

    Costs one backward pass per term, so call it occasionally, not at every step. Arguments as in
    `make_distill_step`.

    Returns:
        A function (state, batch) → {"gradient_norm/<term>": L2 norm over the network's parameters}.
    """
    teachers = teachers or {}
    forward = make_forward(
        network,
        teachers,
        terms,
        select_inputs=select_inputs,
        method_module=method_module,
        compute_targets=compute_targets,
    )

    @jax.jit
    def probe(teacher_variables: Any, state: TrainState, batch: Any) -> Metrics:
        def compute_terms(params: Any) -> dict[str, Array]:
            trainable = {**state.trainable, "network": params}
            ratios, _ = forward(teacher_variables, trainable, state, batch, jax.random.key(0))
            return {name: ratio.value for name, ratio in ratios.items()}

        values, pull_back = jax.vjp(compute_terms, state.params)
        norms = {}
        for name in values:
            one_hot = {other: jnp.float32(other == name) for other in values}
            norms[f"gradient_norm/{name}"] = optax.tree.norm(pull_back(one_hot)[0])
        return norms

    return partial(probe, {name: teacher.variables for name, teacher in teachers.items()})
