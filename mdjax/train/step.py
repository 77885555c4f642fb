"""Training and distillation steps; they know nothing of any particular network, task or loss."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from mdjax.losses.ratio import Ratio
from mdjax.models.network import Network, SelectInputs
from mdjax.train.state import TrainState
from mdjax.train.teacher import Teacher
from mdjax.train.terms import (
    ComputeTargets,
    Diagnostics,
    LossTerm,
    TermInputs,
    sum_weighted,
    use_batch,
)
from mdjax.types import Array

Metrics = dict[str, Array]
Step = Callable[[TrainState, Any], tuple[TrainState, Metrics]]

Ratios = dict[str, Ratio]


@struct.dataclass
class ForwardResult:
    """What one forward pass yields besides its loss terms."""

    diagnostics: Ratios
    model_state: Any
    method_state: Any


def make_train_step(
    network: Network,
    optimiser: optax.GradientTransformation,
    terms: Sequence[LossTerm],
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
        terms: Summands of the loss.
        select_inputs: Takes the network's inputs from a batch.
        seed: Random keys (dropout) are `fold_in(key(seed), step)`.
        num_microbatches: Parts into which a batch is split to save memory, at the price of a
            second forward pass. Loss and gradient are those of the whole batch: the sums of all
            parts are divided by the normalisers of all parts. Batch norm sees one part at a time.
        compute_targets: Makes of (output, batch) what the terms read; no gradient should flow.

    Returns:
        A function (state, batch) → (state, metrics). The state is donated: use the new one.
    """
    return make_distill_step(
        network,
        {},
        optimiser,
        terms,
        select_inputs=select_inputs,
        seed=seed,
        num_microbatches=num_microbatches,
        compute_targets=compute_targets,
    )


def make_distill_step(
    student: Network,
    teachers: Mapping[str, Teacher],
    optimiser: optax.GradientTransformation,
    terms: Sequence[LossTerm],
    *,
    select_inputs: SelectInputs,
    seed: int,
    method_module: Network | None = None,
    num_microbatches: int = 1,
    compute_targets: ComputeTargets = use_batch,
    diagnostics: Diagnostics | None = None,
) -> Step:
    """Build the jit-compiled step of a distillation: L = Σ λ_i L_i, task and transfer terms alike.

    The teachers' variables are closed over; they run in evaluation mode and nothing flows back
    into them (the one `stop_gradient` is in `make_forward`).

    Args:
        student: The network to train.
        teachers: Frozen networks by name.
        optimiser: What turns gradients into updates.
        terms: Summands of the loss.
        select_inputs: Takes the student's inputs from a batch.
        seed: Random keys (dropout) are `fold_in(key(seed), step)`.
        method_module: The method's own module, called as (student output, teacher outputs by name,
            batch, train=); its variables are trained with the student's, and terms read what it
            returns as `TermInputs.method`.
        num_microbatches: See `make_train_step`.
        compute_targets: See `make_train_step`.
        diagnostics: Further values to log, by name.

    Returns:
        A function (state, batch) → (state, metrics). The state is donated: use the new one.

    Example:
        >>> import flax.linen as nn
        >>> import jax
        >>> import mdjax
        >>> import optax
        >>> def capture(width):
        ...     module = nn.Sequential([nn.Conv(width, (3, 3)), nn.Conv(4, (1, 1)), nn.Dense(1)])
        ...     return mdjax.CapturedNetwork(
        ...         module, {"c4": "layers_1"}, train_arguments=lambda train: {}
        ...     )
        >>> batch = jax.random.uniform(jax.random.key(0), (2, 8, 8, 4))  # RGB + thermal
        >>> teacher, student, optimiser = capture(8), capture(2), optax.adam(1e-3)
        >>> variables = teacher.init(jax.random.key(1), batch)  # those that you have trained
        >>> frozen = {"teacher": mdjax.Teacher(teacher, variables, lambda batch: (batch,))}
        >>> step = mdjax.make_distill_step(
        ...     student,
        ...     frozen,
        ...     optimiser,
        ...     mdjax.ModalityDistillation(attention_weight=0).make_terms(),
        ...     select_inputs=lambda batch: (batch[..., :3],),
        ...     seed=0,
        ... )
        >>> state = mdjax.create_state(student.init(jax.random.key(2), batch[..., :3]), optimiser)
        >>> state, metrics = step(state, batch)
        >>> sorted(metrics)
        ['gradient_norm', 'loss', 'loss/semantic_transfer']
    """
    terms = tuple(terms)
    forward = make_forward(
        student,
        teachers,
        terms,
        select_inputs=select_inputs,
        method_module=method_module,
        compute_targets=compute_targets,
        diagnostics=diagnostics,
    )
    teacher_variables = {name: teacher.variables for name, teacher in teachers.items()}

    # The teachers' variables and the seed's key are arguments of the compiled function, not
    # constants baked into it: another teacher or seed is the same program, compiled once.
    @partial(jax.jit, donate_argnums=2)
    def update(
        teacher_variables: Any, seed_key: Array, state: TrainState, batch: Any
    ) -> tuple[TrainState, Metrics]:
        key = jax.random.fold_in(seed_key, state.step)
        run = partial(forward, teacher_variables)
        if num_microbatches == 1:
            gradients, ratios, result = _differentiate_whole(run, terms, state, batch, key)
        else:
            gradients, ratios, result = _differentiate_parts(
                run, terms, state, batch, key, num_microbatches
            )
        metrics = {
            "loss": sum_weighted(terms, ratios),
            **{f"loss/{name}": ratio.value for name, ratio in ratios.items()},
            **{name: ratio.value for name, ratio in result.diagnostics.items()},
            "gradient_norm": optax.tree.norm(gradients),
        }
        updates, opt_state = optimiser.update(gradients, state.opt_state, state.trainable)
        trained: Any = optax.apply_updates(state.trainable, updates)
        new_state = TrainState(
            step=state.step + 1,
            params=trained["network"],
            model_state=result.model_state,
            opt_state=opt_state,
            method_params=trained["method"],
            method_state=result.method_state,
        )
        return new_state, metrics

    return partial(update, teacher_variables, jax.random.key(seed))


Forward = Callable[..., tuple[Ratios, ForwardResult]]
"""From (teacher variables, trainable, state, batch, random key of the step, part=) to loss terms
and the rest; `part` is the index of a part of the batch, None for the whole."""


def make_forward(
    network: Network,
    teachers: Mapping[str, Teacher],
    terms: Sequence[LossTerm],
    *,
    select_inputs: SelectInputs,
    method_module: Network | None = None,
    compute_targets: ComputeTargets = use_batch,
    diagnostics: Diagnostics | None = None,
) -> Forward:
    """Build the forward pass of a step: network, teachers and method in training, all terms."""

    def forward(
        teacher_variables: Mapping[str, Any],
        trainable: Any,
        state: TrainState,
        batch: Any,
        key: Any,
        part: Any = None,
    ) -> tuple[Ratios, ForwardResult]:
        part_key = key if part is None else jax.random.fold_in(key, part)
        network_key, method_key = part_key, jax.random.fold_in(part_key, 1)
        output, model_state = network.apply(
            {"params": trainable["network"], **state.model_state},
            *select_inputs(batch),
            train=True,
            rngs={"dropout": network_key},
            mutable=list(state.model_state),
        )
        taught = {
            name: jax.lax.stop_gradient(teacher.apply(teacher_variables[name], batch))
            for name, teacher in teachers.items()
        }
        of_method, method_state = None, state.method_state
        if method_module is not None:
            of_method, method_state = method_module.apply(
                {"params": trainable["method"], **state.method_state},
                output,
                taught,
                batch,
                train=True,
                # "step" is one key for all parts of a batch, see `make_image_keys`.
                rngs={"dropout": method_key, "step": jax.random.fold_in(key, 2)},
                mutable=list(state.method_state),
            )
        inputs = TermInputs(
            output=output,
            targets=compute_targets(output, batch),
            batch=batch,
            teachers=taught,
            method=of_method,
            params=trainable["network"],
        )
        ratios = {term.name: term.compute(inputs) for term in terms}
        watched = {name: compute(inputs) for name, compute in (diagnostics or {}).items()}
        return ratios, ForwardResult(watched, model_state, method_state)

    return forward


def _differentiate_whole(
    run: Forward, terms: tuple[LossTerm, ...], state: TrainState, batch: Any, key: Array
) -> tuple[Any, Ratios, ForwardResult]:
    def compute_loss(trainable: Any) -> tuple[Array, tuple[Ratios, ForwardResult]]:
        ratios, result = run(trainable, state, batch, key)
        return sum_weighted(terms, ratios), (ratios, result)

    gradients, (ratios, result) = jax.grad(compute_loss, has_aux=True)(state.trainable)
    return gradients, ratios, result


def _differentiate_parts(
    run: Forward,
    terms: tuple[LossTerm, ...],
    state: TrainState,
    batch: Any,
    key: Array,
    num_parts: int,
) -> tuple[Any, Ratios, ForwardResult]:
    """Gradient of the whole batch's loss, one part in memory at a time.

    With S the sums and normalisers of the whole batch and s_p those of part p, S = Σ_p s_p, so that
    dL/dθ = Σ_p (dL/dS) (ds_p/dθ): a first pass finds S, a second one differentiates.
    """
    parts = (jnp.arange(num_parts), jax.tree.map(partial(_split, num_parts=num_parts), batch))

    def run_part(trainable: Any, carried: Any, part: Any) -> tuple[Ratios, ForwardResult]:
        index, rows = part
        model_state, method_state = carried
        at_part = dataclasses.replace(state, model_state=model_state, method_state=method_state)
        return run(trainable, at_part, rows, key, part=index)

    def sum_part(carried: Any, part: Any) -> tuple[Any, Ratios]:
        ratios, result = run_part(state.trainable, carried, part)
        return (result.model_state, result.method_state), ratios

    started = (state.model_state, state.method_state)
    _, ratios_of_parts = jax.lax.scan(sum_part, started, parts)
    ratios: Ratios = jax.tree.map(lambda sums: sums.sum(axis=0), ratios_of_parts)
    slopes = jax.grad(partial(sum_weighted, terms))(ratios)

    def add_gradient(carry: Any, part: Any) -> tuple[Any, Ratios]:
        total, carried = carry

        def compute_share(trainable: Any) -> tuple[Array, ForwardResult]:
            of_part, result = run_part(trainable, carried, part)
            return jnp.asarray(optax.tree.vdot(slopes, of_part)), result

        gradients, result = jax.grad(compute_share, has_aux=True)(state.trainable)
        carried = (result.model_state, result.method_state)
        return (jax.tree.map(jnp.add, total, gradients), carried), result.diagnostics

    zeros = jax.tree.map(jnp.zeros_like, state.trainable)
    (gradients, carried), watched = jax.lax.scan(add_gradient, (zeros, started), parts)
    diagnostics: Ratios = jax.tree.map(lambda sums: sums.sum(axis=0), watched)
    return gradients, ratios, ForwardResult(diagnostics, *carried)


def _split(x: Array, num_parts: int) -> jax.Array:
    # Every part takes rows from each device's share, so no row moves between devices.
    return jnp.swapaxes(jnp.reshape(x, (-1, num_parts, *x.shape[1:])), 0, 1)
