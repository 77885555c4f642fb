"""Modules beside a network: each term reads its own, and the auxiliary head is one of them."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mdjax.losses.ratio import mean_ratio
from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.models.heads.pspnet import AuxiliaryHead
from mdjax.models.network import select_full_thermal
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask, compute_auxiliary_loss
from mdjax.train.beside import Objective, SideBySide, add_objectives
from mdjax.train.state import create_method_variables, create_state
from mdjax.train.step import make_distill_step
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import NetworkOutput
from tests.models.factories import TINY, count_parameters
from tests.train.tiny import NUM_CLASSES, TinyNetwork, init_tiny, make_batch


class Constant(nn.Module):
    """Returns its one parameter."""

    value: float

    @nn.compact
    def __call__(self, output: Any, teachers: Any, batch: Any, *, train: bool) -> jax.Array:
        return self.param("value", nn.initializers.constant(self.value), ())


def read_method(inputs: TermInputs) -> Any:
    return mean_ratio(inputs.method)


def make_objective(name: str, value: float) -> Objective:
    terms = (LossTerm(name, 1.0, read_method),)
    return Objective(terms, Constant(value), {f"watched_{name}": read_method})


def test_each_term_reads_the_module_of_its_own_side() -> None:
    both = add_objectives(make_objective("task", 2.0), make_objective("method", 5.0))
    assert isinstance(both.module, SideBySide)
    output, batch = NetworkOutput(None), make_batch()
    variables = both.module.init(jax.random.key(0), output, {}, batch, train=False)
    inputs = TermInputs(
        output, batch, batch, method=both.module.apply(variables, output, {}, batch, train=True)
    )
    assert {term.name: float(term.compute(inputs).value) for term in both.terms} == {
        "task": 2.0,
        "method": 5.0,
    }
    watched = {name: float(compute(inputs).value) for name, compute in both.diagnostics.items()}
    assert watched == {"watched_task": 2.0, "watched_method": 5.0}


def test_a_module_alone_is_taken_as_it_is() -> None:
    """So that the variables of stored runs keep their names."""
    alone = make_objective("method", 5.0)
    for first, second in ((Objective(()), alone), (alone, Objective(()))):
        both = add_objectives(first, second)
        assert both.module is alone.module
        assert [term.name for term in both.terms] == ["method"]
    assert add_objectives(Objective(()), Objective(())).module is None


def test_auxiliary_head_is_there_only_where_it_weighs() -> None:
    names = {
        weight: [
            (term.name, term.weight)
            for term in SegmentationTask(auxiliary_weight=weight).make_terms(has_guidance=False)
        ]
        for weight in (0.0, 0.4)
    }
    assert names == {0.0: [("segmentation", 1.0)], 0.4: [("segmentation", 1.0), ("auxiliary", 0.4)]}
    assert SegmentationTask().create_module(9, TINY) is None
    assert DetectionTask().create_module(1, TINY) is None


def test_auxiliary_head_is_a_quarter_as_wide_as_c4() -> None:
    """256 channels, 9 classes: 9·256·64 = 147,456, norm 128, classifier 64·9 + 9 = 585."""
    output = NetworkOutput(None, {"c4": jnp.zeros((4, 2, 3, 256))})
    head, batch = AuxiliaryHead(9), make_batch()
    logits, variables = jax.eval_shape(
        lambda: head.init_with_output(jax.random.key(0), output, {}, batch, train=False)
    )
    assert count_parameters(variables) == 147_456 + 128 + 585
    assert logits.shape == (4, 6, 8, 9)
    assert logits.dtype == jnp.float32


def test_auxiliary_loss_of_even_logits_is_the_log_of_the_number_of_classes() -> None:
    batch = make_batch()
    inputs = TermInputs(NetworkOutput(None), batch, batch, method=jnp.zeros((4, 6, 8, NUM_CLASSES)))
    assert float(compute_auxiliary_loss(inputs).value) == pytest.approx(
        np.log(NUM_CLASSES), rel=1e-5
    )


def make_step(task: SegmentationTask) -> tuple[Any, Any, Any]:
    network, batch = TinyNetwork(), make_batch()
    variables, module = init_tiny(network), task.create_module(NUM_CLASSES, TINY)
    optimiser = optax.sgd(0.5)
    own = create_method_variables(
        module, network, variables, {}, batch, select_full_thermal, seed=0
    )
    step = make_distill_step(
        network,
        {},
        optimiser,
        task.make_terms(has_guidance=False),
        select_inputs=select_full_thermal,
        method_module=module,
        seed=0,
    )
    return step, create_state(variables, optimiser, own), batch


def test_auxiliary_loss_trains_encoder_and_its_own_head_and_adds_nothing_to_the_network() -> None:
    """What it adds to the gradient of C4 is not part of the network's head."""
    changed: dict[float, Any] = {}
    for weight in (0.0, 0.4):
        step, state, batch = make_step(SegmentationTask(auxiliary_weight=weight, dropout_rate=0.0))
        before = jax.tree.map(np.array, state)
        after, metrics = step(state, batch)
        expected = metrics["loss/segmentation"] + weight * metrics.get("loss/auxiliary", 0.0)
        np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-6)
        changed[weight] = jax.tree.map(
            lambda new, old: np.array(new) - old, after.params, before.params
        )
        assert set(after.variables) == set(before.variables) == {"params"}
        assert bool(after.method_params) == bool(weight)
        if weight:
            moved = jax.tree.map(
                lambda new, old: np.abs(np.array(new) - old).max(),
                after.method_params,
                before.method_params,
            )
            assert moved["classifier"]["kernel"] > 0
            assert moved["conv"]["kernel"] > 0
    without, with_loss = changed[0.0], changed[0.4]
    np.testing.assert_array_equal(without["head"]["kernel"], with_loss["head"]["kernel"])
    assert np.abs(without["encoder"]["kernel"] - with_loss["encoder"]["kernel"]).max() > 0


def test_auxiliary_head_and_adapter_are_trained_side_by_side() -> None:
    """As in a channel-wise distillation with the auxiliary loss."""
    task, method = SegmentationTask(auxiliary_weight=0.4), ChannelWiseDistillation(level="c4")
    both = add_objectives(
        Objective(task.make_terms(has_guidance=False), task.create_module(NUM_CLASSES, TINY)),
        Objective(method.make_terms(), method.create_module()),
    )
    assert both.module is not None
    batch = make_batch()
    student = NetworkOutput(jnp.zeros((4, 6, 8, NUM_CLASSES)), {"c4": jnp.ones((4, 6, 8, 4))})
    teacher = {"teacher": NetworkOutput(None, {"c4": jnp.ones((4, 6, 8, 8))})}
    variables = both.module.init(jax.random.key(0), student, teacher, batch, train=False)
    assert set(variables["params"]) == {"task", "method"}
    of_both = both.module.apply(variables, student, teacher, batch, train=False)
    inputs = TermInputs(student, batch, batch, teachers=teacher, method=of_both)
    values = {term.name: float(term.compute(inputs).value) for term in both.terms}
    assert set(values) == {"segmentation", "auxiliary", "channel_wise"}
    assert np.isfinite(list(values.values())).all()
