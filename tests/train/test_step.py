import dataclasses
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mdjax.losses.distillation import attention_transfer_loss, focal_mse_loss
from mdjax.tasks.segmentation import compute_cross_entropy
from mdjax.train.state import create_state, select_camera_thermal, select_full_thermal
from mdjax.train.step import (
    LossTerm,
    make_distill_step,
    make_gradient_norm_probe,
    make_train_step,
)
from tests.train.tiny import TinyNetwork, init_tiny, make_batch

TASK = (LossTerm("segmentation", 1.0, compute_cross_entropy),)
ATTENTION = LossTerm("attention", 0.5, lambda s, t: attention_transfer_loss(s.mask, t.mask))
SEMANTIC = LossTerm("semantic", 2.0, lambda s, t: focal_mse_loss(s.features, t.features))


def make_step(network, optimiser, **options):
    return make_train_step(
        network, optimiser, TASK, select_inputs=select_full_thermal, seed=0, **options
    )


def make_distill(student, teacher, teacher_variables, optimiser, transfer_terms, **options):
    return make_distill_step(
        student,
        teacher,
        teacher_variables,
        optimiser,
        TASK,
        transfer_terms,
        select_student_inputs=select_camera_thermal,
        select_teacher_inputs=select_full_thermal,
        seed=0,
        **options,
    )


def test_train_step_is_plain_gradient_descent():
    """With SGD of rate 0.1: θ ← θ − 0.1 ∂L/∂θ, computed here by hand with jax.grad."""
    network: Any = TinyNetwork()
    batch, variables = make_batch(), init_tiny(network)

    def loss(params: Any) -> Any:
        output = network.apply({"params": params}, batch.visible, batch.thermal_full, train=True)
        return compute_cross_entropy(output, batch)

    gradients = jax.grad(loss)(variables["params"])
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, variables["params"], gradients)
    state = create_state(variables, optax.sgd(0.1))
    state, metrics = make_step(network, optax.sgd(0.1))(state, batch)
    chex.assert_trees_all_close(state.params, expected, rtol=1e-5, atol=1e-7)
    assert int(state.step) == 1
    np.testing.assert_allclose(metrics["loss"], loss(variables["params"]), rtol=1e-6)
    np.testing.assert_allclose(metrics["gradient_norm"], optax.tree.norm(gradients), rtol=1e-5)


def test_distill_loss_is_the_weighted_sum_of_its_terms():
    """L = 1 · segmentation + 0.5 · attention + 2 · semantic."""
    network = TinyNetwork()
    step = make_distill(
        network, network, init_tiny(network, 1), optax.sgd(0.1), (ATTENTION, SEMANTIC)
    )
    _, metrics = step(create_state(init_tiny(network), optax.sgd(0.1)), make_batch())
    expected = (
        metrics["loss/segmentation"]
        + 0.5 * metrics["loss/attention"]
        + 2 * metrics["loss/semantic"]
    )
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-6)


def test_teacher_runs_in_evaluation_mode_and_is_not_changed():
    """In training mode the teacher's batch norm would normalise by the batch: another target."""
    student: Any = TinyNetwork()
    teacher: Any = TinyNetwork(has_batch_norm=True)
    teacher_variables = init_tiny(teacher, 1)
    teacher_variables["batch_stats"]["norm"]["mean"] += 3.0
    before = jax.tree.map(np.array, teacher_variables)
    step = make_distill(student, teacher, teacher_variables, optax.sgd(0.1), (SEMANTIC,))
    batch, student_variables = make_batch(), init_tiny(student)
    _, metrics = step(create_state(student_variables, optax.sgd(0.1)), batch)
    target = teacher.apply(before, batch.visible, batch.thermal_full, train=False)
    output = student.apply(student_variables, batch.visible, batch.thermal_camera, train=False)
    expected = focal_mse_loss(output.features, target.features)
    np.testing.assert_allclose(metrics["loss/semantic"], expected, rtol=1e-5)
    chex.assert_trees_all_equal(teacher_variables, before)


def test_student_checkpoint_holds_no_teacher():
    student, teacher = TinyNetwork(), TinyNetwork(has_batch_norm=True)
    step = make_distill(student, teacher, init_tiny(teacher), optax.sgd(0.1), (SEMANTIC,))
    fresh = create_state(init_tiny(student), optax.sgd(0.1))
    shapes = jax.tree.map(jnp.shape, fresh)
    state, _ = step(fresh, make_batch())
    assert jax.tree.map(jnp.shape, state) == shapes


def test_student_sees_the_camera_and_teacher_the_full_thermal_image():
    network, batch = TinyNetwork(), make_batch()
    variables = init_tiny(network)
    step = make_distill(network, network, variables, optax.sgd(0.0), (SEMANTIC,))
    same = dataclasses.replace(batch, thermal_camera=batch.thermal_full)
    _, differing = step(create_state(variables, optax.sgd(0.0)), batch)
    _, equal = step(create_state(variables, optax.sgd(0.0)), same)
    assert float(equal["loss/semantic"]) == 0.0
    assert float(differing["loss/semantic"]) > 0.0


def test_step_is_traced_once():
    chex.clear_trace_counter()
    network = TinyNetwork(has_batch_norm=True)
    counted: Any = chex.assert_max_traces(compute_cross_entropy, n=1)
    step = make_train_step(
        network,
        optax.sgd(0.1),
        (LossTerm("segmentation", 1.0, counted),),
        select_inputs=select_full_thermal,
        seed=0,
    )
    state = create_state(init_tiny(network), optax.sgd(0.1))
    for seed in range(4):
        state, _ = step(state, make_batch(seed))
    assert int(state.step) == 4


def test_microbatches_give_the_gradient_of_the_whole_batch():
    """Without batch norm a mean over equal parts is the mean over the whole."""
    network, batch = TinyNetwork(), make_batch(size=8)
    variables = init_tiny(network)
    whole, _ = make_step(network, optax.sgd(0.1))(create_state(variables, optax.sgd(0.1)), batch)
    parts, metrics = make_step(network, optax.sgd(0.1), num_microbatches=4)(
        create_state(variables, optax.sgd(0.1)), batch
    )
    chex.assert_trees_all_close(whole.params, parts.params, rtol=1e-5, atol=1e-6)
    assert metrics["loss"].shape == ()


def test_dropout_differs_between_steps_and_repeats_with_the_seed():
    network, batch = TinyNetwork(dropout_rate=0.5), make_batch()
    variables, frozen = init_tiny(network), optax.sgd(0.0)
    step = make_step(network, frozen)
    losses = []
    for _ in range(2):
        state, first = step(create_state(variables, frozen), batch)
        _, second = step(state, batch)
        losses.append((float(first["loss"]), float(second["loss"])))
    assert losses[0] == losses[1]
    assert losses[0][0] != losses[0][1]


def test_step_leaves_the_caller_the_variables_it_started_from():
    """The state is donated; `create_state` copies, so that the original stays usable."""
    network = TinyNetwork()
    variables = init_tiny(network)
    state = create_state(variables, optax.sgd(0.1))
    make_step(network, optax.sgd(0.1))(state, make_batch())
    assert np.isfinite(np.asarray(variables["params"]["head"]["kernel"])).all()


def test_gradient_norm_probe_measures_each_term_by_itself():
    network: Any = TinyNetwork()
    batch = make_batch()
    variables, teacher_variables = init_tiny(network), init_tiny(network, 1)
    probe = make_gradient_norm_probe(
        network,
        TASK,
        (SEMANTIC,),
        select_student_inputs=select_camera_thermal,
        teacher=network,
        teacher_variables=teacher_variables,
        select_teacher_inputs=select_full_thermal,
    )
    norms = probe(create_state(variables, optax.sgd(0.1)), batch)
    target = network.apply(teacher_variables, batch.visible, batch.thermal_full, train=False)

    def semantic(params):
        output = network.apply({"params": params}, batch.visible, batch.thermal_camera, train=True)
        return focal_mse_loss(output.features, target.features)

    expected = optax.tree.norm(jax.grad(semantic)(variables["params"]))
    np.testing.assert_allclose(norms["gradient_norm/semantic"], expected, rtol=1e-5)
    assert set(norms) == {"gradient_norm/segmentation", "gradient_norm/semantic"}


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_bare_values_are_logged_whatever_the_weight(weight):
    network = TinyNetwork()
    term = LossTerm("semantic", weight, SEMANTIC.compute)
    step = make_distill(network, network, init_tiny(network, 1), optax.sgd(0.1), (term,))
    _, metrics = step(create_state(init_tiny(network), optax.sgd(0.1)), make_batch())
    reference = make_distill(network, network, init_tiny(network, 1), optax.sgd(0.1), (SEMANTIC,))
    _, expected = reference(create_state(init_tiny(network), optax.sgd(0.1)), make_batch())
    np.testing.assert_allclose(metrics["loss/semantic"], expected["loss/semantic"], rtol=1e-6)
