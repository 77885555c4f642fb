"""Training and distillation steps; they know nothing of any particular network, task or loss."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from mdjax.train.state import Network, SelectInputs, TrainState
from mdjax.types import Array

Metrics = dict[str, Array]
Step = Callable[[TrainState, Any], tuple[TrainState, Metrics]]


@dataclass(frozen=True)
class LossTerm:
    """One summand of the loss.

    Attributes:
        name: Its name in logs.
        weight: λ; its weighted value enters the loss, its bare value the logs.
        compute: Called with (output, targets) for a task term, with
            (student output, teacher output) for a transfer term; returns a float32 scalar.
    """

    name: str
    weight: float
    compute: Callable[[Any, Any], Array]


ComputeTargets = Callable[[Any, Any], Any]
"""From (output, batch) to what the task terms read: the batch itself, or targets that depend on the
output and that several terms share."""


def use_batch(output: Any, batch: Any) -> Any:
    """Let the task terms read the batch as it is."""
    del output
    return batch


Diagnostics = Mapping[str, Callable[[Any, Any], Array]]
"""Values that are logged and not optimised, computed from (student output, teacher output)."""


def make_train_step(
    network: Network,
    optimiser: optax.GradientTransformation,
    task_terms: Sequence[LossTerm],
    *,
    select_inputs: SelectInputs,
    seed: int,
    num_microbatches: int = 1,
    compute_targets: ComputeTargets = use_batch,
) -> Step:
    """Build the jit-compiled step that trains a network on its task: L = Σ λ_i L_i.

    Args:
        network: Linen module, or anything with its `init` and `apply`.
        optimiser: What turns gradients into updates.
        task_terms: Summands computed from (output, targets).
        select_inputs: Takes the network's inputs from a batch.
        seed: Random keys (dropout) are `fold_in(key(seed), step)`.
        num_microbatches: Splits a batch to save memory: gradients are averaged over the parts,
            batch norm sees one part at a time.
        compute_targets: Makes of (output, batch) what the terms read; no gradient should flow.

    Returns:
        A function (state, batch) → (state, metrics). The state is donated: use the new one.
    """

    def compute_loss(output: Any, batch: Any, teacher_output: None) -> tuple[Array, Metrics]:
        del teacher_output
        targets = compute_targets(output, batch)
        return _sum_terms([(term, term.compute(output, targets)) for term in task_terms])

    update = _make_update(
        network, optimiser, compute_loss, select_inputs, num_microbatches, teacher=None
    )
    return partial(update, None, jax.random.key(seed))


def make_distill_step(
    student: Network,
    teacher: Network,
    teacher_variables: Mapping[str, Any],
    optimiser: optax.GradientTransformation,
    task_terms: Sequence[LossTerm],
    transfer_terms: Sequence[LossTerm],
    *,
    select_student_inputs: SelectInputs,
    select_teacher_inputs: SelectInputs,
    seed: int,
    num_microbatches: int = 1,
    compute_targets: ComputeTargets = use_batch,
    diagnostics: Diagnostics | None = None,
) -> Step:
    """Build the jit-compiled step of a distillation: L = Σ λ_i L_task,i + Σ λ_j L_transfer,j.

    The teacher's variables are closed over; it runs in evaluation mode and nothing flows back
    into it (the one `stop_gradient` is here).

    Args:
        student: The network to train.
        teacher: The frozen network.
        teacher_variables: Its parameters and running statistics.
        optimiser: What turns gradients into updates.
        task_terms: Summands computed from (student output, targets).
        transfer_terms: Summands computed from (student output, teacher output).
        select_student_inputs: Takes the student's inputs from a batch.
        select_teacher_inputs: Takes the teacher's inputs from the same batch.
        seed: Random keys (dropout) are `fold_in(key(seed), step)`.
        num_microbatches: See `make_train_step`.
        compute_targets: See `make_train_step`.
        diagnostics: Further values to log, by name.

    Returns:
        A function (state, batch) → (state, metrics). The state is donated: use the new one.
    """

    def compute_loss(output: Any, batch: Any, teacher_output: Any) -> tuple[Array, Metrics]:
        targets = compute_targets(output, batch)
        loss, metrics = _sum_terms(
            [(term, term.compute(output, targets)) for term in task_terms]
            + [(term, term.compute(output, teacher_output)) for term in transfer_terms]
        )
        for name, compute in (diagnostics or {}).items():
            metrics[name] = compute(output, teacher_output)
        return loss, metrics

    def run_teacher(variables: Mapping[str, Any], batch: Any) -> Any:
        output = teacher.apply(variables, *select_teacher_inputs(batch), train=False)
        return jax.lax.stop_gradient(output)

    update = _make_update(
        student,
        optimiser,
        compute_loss,
        select_student_inputs,
        num_microbatches,
        teacher=run_teacher,
    )
    return partial(update, teacher_variables, jax.random.key(seed))


def make_gradient_norm_probe(
    student: Network,
    task_terms: Sequence[LossTerm],
    transfer_terms: Sequence[LossTerm] = (),
    *,
    select_student_inputs: SelectInputs,
    teacher: Network | None = None,
    teacher_variables: Mapping[str, Any] | None = None,
    select_teacher_inputs: SelectInputs | None = None,
    compute_targets: ComputeTargets = use_batch,
) -> Callable[[TrainState, Any], Metrics]:
    """Build a function that measures how hard each unweighted loss term pulls.

    Costs one backward pass a term, so call it now and then, not at every step.

    Returns:
        A function (state, batch) → {"gradient_norm/<term>": L2 norm over all parameters}.
    """

    @jax.jit
    def probe(variables: Any, state: TrainState, batch: Any) -> Metrics:
        teacher_output = None
        if teacher is not None and select_teacher_inputs is not None:
            teacher_output = teacher.apply(variables, *select_teacher_inputs(batch), train=False)

        def compute_terms(params: Any) -> dict[str, Array]:
            output, _ = student.apply(
                {"params": params, **state.model_state},
                *select_student_inputs(batch),
                train=True,
                rngs={"dropout": jax.random.key(0)},
                mutable=list(state.model_state),
            )
            targets = compute_targets(output, batch)
            values = {term.name: term.compute(output, targets) for term in task_terms}
            return values | {
                term.name: term.compute(output, teacher_output) for term in transfer_terms
            }

        values, pull_back = jax.vjp(compute_terms, state.params)
        norms = {}
        for name in values:
            one_hot = {other: jnp.float32(other == name) for other in values}
            norms[f"gradient_norm/{name}"] = optax.tree.norm(pull_back(one_hot)[0])
        return norms

    return partial(probe, teacher_variables)


def _sum_terms(terms: Sequence[tuple[LossTerm, Array]]) -> tuple[Array, Metrics]:
    loss = sum((term.weight * value for term, value in terms), start=jnp.float32(0))
    metrics = {f"loss/{term.name}": jnp.asarray(value) for term, value in terms}
    return jnp.asarray(loss), {"loss": jnp.asarray(loss), **metrics}


def _make_update(
    network: Network,
    optimiser: optax.GradientTransformation,
    compute_loss: Callable[[Any, Any, Any], tuple[Array, Metrics]],
    select_inputs: SelectInputs,
    num_microbatches: int,
    teacher: Callable[[Any, Any], Any] | None,
) -> Callable[..., tuple[TrainState, Metrics]]:
    # The teacher's variables and the seed's key are arguments of the compiled function, not
    # constants baked into it: another teacher or seed is the same program, compiled once.
    def compute_gradients(
        teacher_variables: Any, params: Any, model_state: Any, batch: Any, key: Array
    ) -> tuple[Any, Any, Metrics]:
        def compute_loss_of_params(params: Any) -> tuple[Array, tuple[Any, Metrics]]:
            output, new_model_state = network.apply(
                {"params": params, **model_state},
                *select_inputs(batch),
                train=True,
                rngs={"dropout": key},
                mutable=list(model_state),
            )
            teacher_output = None if teacher is None else teacher(teacher_variables, batch)
            loss, metrics = compute_loss(output, batch, teacher_output)
            return loss, (new_model_state, metrics)

        gradients, (model_state, metrics) = jax.grad(compute_loss_of_params, has_aux=True)(params)
        return gradients, model_state, metrics

    @partial(jax.jit, donate_argnums=2)
    def update(
        teacher_variables: Any, seed_key: Array, state: TrainState, batch: Any
    ) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(seed_key, state.step)
        if num_microbatches == 1:
            gradients, model_state, metrics = compute_gradients(
                teacher_variables, state.params, state.model_state, batch, key
            )
        else:

            def accumulate(carry: Any, part: Any) -> tuple[Any, Metrics]:
                total, model_state = carry
                index, microbatch = part
                gradients, model_state, metrics = compute_gradients(
                    teacher_variables,
                    state.params,
                    model_state,
                    microbatch,
                    jax.random.fold_in(key, index),
                )
                return (jax.tree.map(jnp.add, total, gradients), model_state), metrics

            parts = jax.tree.map(partial(_split, num_parts=num_microbatches), batch)
            zeros = jax.tree.map(jnp.zeros_like, state.params)
            (gradients, model_state), metrics = jax.lax.scan(
                accumulate, (zeros, state.model_state), (jnp.arange(num_microbatches), parts)
            )
            gradients = jax.tree.map(lambda total: total / num_microbatches, gradients)
            metrics = jax.tree.map(lambda values: jnp.mean(values, axis=0), metrics)
        metrics["gradient_norm"] = optax.tree.norm(gradients)
        updates, opt_state = optimiser.update(gradients, state.opt_state, state.params)
        new_state = TrainState(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            model_state=model_state,
            opt_state=opt_state,
        )
        return new_state, metrics

    return update


def _split(x: Array, num_parts: int) -> jax.Array:
    # Every part takes rows from each device's share, so no row moves between devices.
    return jnp.swapaxes(jnp.reshape(x, (-1, num_parts, *x.shape[1:])), 0, 1)
