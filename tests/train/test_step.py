import dataclasses
from typing import Any

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mdjax.losses.distillation import attention_transfer_loss, focal_mse_loss
from mdjax.losses.ratio import Ratio, mean_ratio
from mdjax.models.network import select_camera_thermal, select_full_thermal
from mdjax.tasks.segmentation import compute_cross_entropy
from mdjax.train.probe import make_gradient_norm_probe
from mdjax.train.state import create_method_variables, create_state
from mdjax.train.step import make_distill_step, make_train_step
from mdjax.train.teacher import Teacher
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import MdjaxError
from tests.train.tiny import TinyNetwork, init_tiny, make_batch

TASK = (LossTerm("segmentation", 1.0, compute_cross_entropy),)


def compute_attention(inputs: TermInputs) -> Any:
    return attention_transfer_loss(inputs.output.mask, inputs.get_teacher().mask)


def compute_semantic(inputs: TermInputs) -> Any:
    return focal_mse_loss(inputs.output.features["c4"], inputs.get_teacher().features["c4"])


ATTENTION = LossTerm("attention", 0.5, compute_attention)
SEMANTIC = LossTerm("semantic", 2.0, compute_semantic)


def make_step(network, optimiser, **options):
    return make_train_step(
        network, optimiser, TASK, select_inputs=select_full_thermal, seed=0, **options
    )


def make_distill(student, teacher, teacher_variables, optimiser, transfer_terms, **options):
    return make_distill_step(
        student,
        {"teacher": Teacher(teacher, teacher_variables, select_full_thermal)},
        optimiser,
        (*TASK, *transfer_terms),
        select_inputs=select_camera_thermal,
        seed=0,
        **options,
    )


def test_train_step_is_plain_gradient_descent():
    """With SGD of rate 0.1: θ ← θ − 0.1 ∂L/∂θ, computed here by hand with jax.grad."""
    network: Any = TinyNetwork()
    batch, variables = make_batch(), init_tiny(network)

    def loss(params: Any) -> Any:
        output = network.apply({"params": params}, batch.visible, batch.thermal_full, train=True)
        return compute_cross_entropy(TermInputs(output, batch, batch)).value

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
    expected = focal_mse_loss(output.features["c4"], target.features["c4"]).value
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
        (*TASK, SEMANTIC),
        select_inputs=select_camera_thermal,
        teachers={"teacher": Teacher(network, teacher_variables, select_full_thermal)},
    )
    norms = probe(create_state(variables, optax.sgd(0.1)), batch)
    target = network.apply(teacher_variables, batch.visible, batch.thermal_full, train=False)

    def semantic(params):
        output = network.apply({"params": params}, batch.visible, batch.thermal_camera, train=True)
        return focal_mse_loss(output.features["c4"], target.features["c4"]).value

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


class Adapter(nn.Module):
    """A method's own module: brings the student's features to the teacher's width.

    It also counts the batches that it has seen, as a memory bank would.
    """

    @nn.compact
    def __call__(self, output: Any, teachers: Any, batch: Any, *, train: bool) -> Any:
        num_seen = self.variable("memory", "num_seen", lambda: jnp.zeros((), jnp.int32))
        if train:
            num_seen.value += 1
        width = teachers["teacher"].features["c4"].shape[-1]
        return nn.Conv(width, (1, 1), name="widen")(output.features["c4"])


class WideNetwork(TinyNetwork):
    """Twice as many features as the student has."""

    width: int = 8


def compute_adapted(inputs: TermInputs) -> Any:
    return mean_ratio((inputs.method - inputs.get_teacher().features["c4"]) ** 2)


def create_adapter_step(optimiser: Any, num_microbatches: int = 1) -> tuple[Any, Any, Any]:
    """Step, state and adapter of a student whose teacher is twice as wide."""
    student, teacher, adapter = TinyNetwork(), WideNetwork(), Adapter()
    frozen = {"teacher": Teacher(teacher, init_tiny(teacher, 1), select_full_thermal)}
    variables = init_tiny(student)
    method_variables = create_method_variables(
        adapter, student, variables, frozen, make_batch(), select_camera_thermal, seed=0
    )
    step = make_distill_step(
        student,
        frozen,
        optimiser,
        (*TASK, LossTerm("adapted", 1.0, compute_adapted)),
        select_inputs=select_camera_thermal,
        seed=0,
        method_module=adapter,
        num_microbatches=num_microbatches,
    )
    return step, create_state(variables, optimiser, method_variables), adapter


def test_method_trains_variables_of_its_own_beside_the_student():
    step, state, _ = create_adapter_step(optax.sgd(0.1, momentum=0.9))
    assert set(state.variables["params"]) == {"encoder", "attention", "head"}
    before = jax.tree.map(np.array, state)
    losses = []
    for _ in range(20):
        state, metrics = step(state, make_batch())
        losses.append(float(metrics["loss/adapted"]))
    assert losses[-1] < 0.5 * losses[0]
    for tree in ("params", "method_params"):
        changed = jax.tree.map(
            lambda old, new: bool(np.any(old != new)), getattr(before, tree), getattr(state, tree)
        )
        assert any(jax.tree.leaves(changed)), tree
    assert int(state.method_state["memory"]["num_seen"]) == 20
    momentum = jax.tree.leaves_with_path(state.opt_state)
    assert any("method" in jax.tree_util.keystr(path) for path, _ in momentum)


def test_method_learns_by_plain_gradient_descent_too():
    """Its gradient is that of the loss with the student held fixed."""
    step, state, adapter = create_adapter_step(optax.sgd(0.1))
    batch = make_batch()
    student, teacher = TinyNetwork(), WideNetwork()
    output: Any = student.apply(state.variables, batch.visible, batch.thermal_camera, train=True)
    taught: Any = teacher.apply(
        init_tiny(teacher, 1), batch.visible, batch.thermal_full, train=False
    )

    def loss(params: Any) -> Any:
        adapted, _ = adapter.apply(
            {"params": params, **state.method_state},
            output,
            {"teacher": taught},
            batch,
            train=True,
            mutable=["memory"],
        )
        return jnp.mean((adapted - taught.features["c4"]) ** 2)

    gradients = jax.grad(loss)(state.method_params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, state.method_params, gradients)
    state, _ = step(state, batch)
    chex.assert_trees_all_close(state.method_params, expected, rtol=1e-5, atol=1e-7)


def test_memory_of_a_method_passes_from_part_to_part():
    step, state, _ = create_adapter_step(optax.sgd(0.1), num_microbatches=4)
    state, _ = step(state, make_batch(size=8))
    assert int(state.method_state["memory"]["num_seen"]) == 4


def test_terms_read_several_teachers_by_name():
    """Two teachers that differ: each term compares with its own."""
    network: Any = TinyNetwork()
    frozen = {
        name: Teacher(network, init_tiny(network, seed), select_full_thermal)
        for seed, name in enumerate(("teacher", "other"), start=1)
    }

    def compare(name: str) -> Any:
        return lambda inputs: mean_ratio(
            (inputs.output.features["c4"] - inputs.get_teacher(name).features["c4"]) ** 2
        )

    terms = tuple(LossTerm(name, 1.0, compare(name)) for name in frozen)
    step = make_distill_step(
        network, frozen, optax.sgd(0.0), terms, select_inputs=select_full_thermal, seed=0
    )
    batch, variables = make_batch(), init_tiny(network)
    _, metrics = step(create_state(variables, optax.sgd(0.0)), batch)
    ours = network.apply(variables, batch.visible, batch.thermal_full, train=False)
    for name, teacher in frozen.items():
        theirs: Any = teacher.apply(teacher.variables, batch)
        expected = jnp.mean((ours.features["c4"] - theirs.features["c4"]) ** 2)
        np.testing.assert_allclose(metrics[f"loss/{name}"], expected, rtol=1e-5)


def test_teacher_that_is_not_there_is_named():
    inputs = TermInputs(None, None, None, teachers={"teacher": 1, "visible": 2})
    with pytest.raises(MdjaxError, match=r"a teacher named 'thermal'; given: teacher, visible"):
        inputs.get_teacher("thermal")


def test_term_may_penalise_parameters():
    """An L1 penalty on the head's bias: its gradient is the sign, whatever the data."""
    network = TinyNetwork()
    term = LossTerm(
        "penalty",
        1.0,
        lambda inputs: Ratio(jnp.abs(inputs.params["head"]["bias"]).sum(), jnp.float32(1)),
    )
    variables = init_tiny(network)
    variables["params"]["head"]["bias"] = jnp.array([1.0, -2.0, 3.0])
    optimiser = optax.sgd(0.5)
    step = make_train_step(network, optimiser, (term,), select_inputs=select_full_thermal, seed=0)
    state, metrics = step(create_state(variables, optimiser), make_batch())
    assert float(metrics["loss/penalty"]) == 6.0
    np.testing.assert_allclose(state.params["head"]["bias"], [0.5, -1.5, 2.5])
