from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.models.config import (
    DecisionLevelConfig,
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    VisibleOnlyConfig,
)
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.optimiser import (
    AdamWConfig,
    OptimiserConfig,
    SgdConfig,
    create_optimiser,
    find_decayed,
    fit_warmup,
    make_schedule,
)
from mdjax.types import MdjaxError, NetworkOutput
from tests.models.factories import TINY
from tests.train.tiny import make_batch


def compute_first_updates(config: OptimiserConfig, gradients: Any, params: Any) -> Any:
    optimiser = config.create(10)
    updates, _ = optimiser.update(gradients, optimiser.init(params), params)
    return updates


def test_schedule_is_the_papers():
    """1e-6 at step 0, 1e-2 after 500, half the cosine in the middle of the rest, 1e-6 at the end.

    The middle of 500…3500 is 2000: (1e-2 + 1e-6) / 2.
    """
    schedule = make_schedule(SgdConfig(), 3500)
    np.testing.assert_allclose(schedule(0), 1e-6, rtol=1e-3)
    np.testing.assert_allclose(schedule(250), (1e-2 + 1e-6) / 2, rtol=1e-5)
    np.testing.assert_allclose(schedule(500), 1e-2, rtol=1e-5)
    np.testing.assert_allclose(schedule(2000), (1e-2 + 1e-6) / 2, rtol=1e-4)
    np.testing.assert_allclose(schedule(3500), 1e-6, rtol=1e-2)


def test_weight_decay_acts_on_arrays_of_two_and_more_axes():
    """Gradient 0, rate 1 without warm-up: a kernel of 2 loses 0.5 · 2 = 1, a bias nothing.

    So does an embedding, whatever a module calls it; a scale of one axis does not.
    """
    config = SgdConfig(
        learning_rate=1.0, warmup_steps=0, warmup_start=1.0, momentum=0.0, weight_decay=0.5
    )
    params = {
        "conv": {"kernel": jnp.array([[2.0]]), "bias": jnp.array([2.0])},
        "own": {"embedding": jnp.array([[2.0]]), "kernel": jnp.array([2.0]), "t": jnp.array(2.0)},
    }
    updates = compute_first_updates(config, jax.tree.map(jnp.zeros_like, params), params)
    np.testing.assert_allclose(updates["conv"]["kernel"], [[-1.0]])
    np.testing.assert_allclose(updates["conv"]["bias"], [0.0])
    np.testing.assert_allclose(updates["own"]["embedding"], [[-1.0]])
    assert find_decayed(params) == {
        "conv": {"kernel": True, "bias": False},
        "own": {"embedding": True, "kernel": False, "t": False},
    }


TASKS = (SegmentationTask(auxiliary_weight=0.4), DetectionTask())


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
@pytest.mark.parametrize(
    "config",
    [VisibleOnlyConfig, ImageLevelConfig, FeatureLevelConfig, DecisionLevelConfig, MdStudentConfig],
)
def test_of_our_networks_the_kernels_and_nothing_else_decays(config: Any, task: Any) -> None:
    """As before the rule was one of axes: no run of ours changes."""
    network = config(TINY).create(task.create_head(3, TINY))
    images = jnp.zeros((1, 32, 48, 3)), jnp.zeros((1, 32, 48, 1))
    params = jax.eval_shape(lambda: network.init(jax.random.key(0), *images, train=False))["params"]
    assert find_decayed(params) == find_kernels(params)


def test_of_what_is_trained_beside_a_network_the_kernels_decay() -> None:
    output = NetworkOutput(None, {"c4": jnp.ones((4, 6, 8, 4)), "c5": jnp.ones((4, 6, 8, 4))})
    teachers = {"teacher": NetworkOutput(None, {"c5": jnp.ones((4, 6, 8, 8))})}
    batch = make_batch()
    for module in (TASKS[0].create_module(3, TINY), ChannelWiseDistillation().create_module()):
        assert module is not None
        params = module.init(jax.random.key(0), output, teachers, batch, train=False)["params"]
        assert find_decayed(params) == find_kernels(params)


def find_kernels(params: Any) -> Any:
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)


@pytest.mark.parametrize("config", [SgdConfig(warmup_steps=0), AdamWConfig(warmup_steps=0)])
@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_frozen_parameters_stay_bit_for_bit(config: OptimiserConfig, factor: float) -> None:
    """No decay and no momentum for them; what a method trains is none of them."""
    params: Any = {
        "network": {"a": {"kernel": jnp.ones((1, 3))}, "b": {"kernel": jnp.ones((1, 3))}},
        "method": {"kernel": jnp.ones((1, 2))},
    }
    stages = {"a": {"kernel": 1}, "b": {"kernel": 2}}
    config = replace(config, backbone_rate_factor=factor)
    optimiser = create_optimiser(config, 10, stages, frozen_stages=1)
    state, gradients = optimiser.init(params), jax.tree.map(jnp.ones_like, params)
    for _ in range(3):
        updates, state = optimiser.update(gradients, state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_array_equal(params["network"]["a"]["kernel"], 1.0)
    assert float(params["network"]["b"]["kernel"].max()) < 1.0
    assert float(params["method"]["kernel"].max()) < 1.0


def test_state_of_an_optimiser_without_these_options_is_as_before() -> None:
    """Runs that were stored before there were any can be resumed."""
    params: Any = {"network": {"kernel": jnp.ones((1, 3))}, "method": {}}
    config = SgdConfig(warmup_steps=0)
    state = create_optimiser(config, 10, {"kernel": 1}).init(params)
    expected = config.create(10).init(params)
    assert jax.tree.structure(state) == jax.tree.structure(expected)


@pytest.mark.parametrize("config", [SgdConfig(warmup_steps=0), AdamWConfig(warmup_steps=0)])
def test_backbone_learns_and_decays_at_its_own_rate(config: OptimiserConfig) -> None:
    params: Any = {
        "network": {"a": {"kernel": jnp.ones((1, 3))}, "b": {"kernel": jnp.ones((1, 3))}},
        "method": {"kernel": jnp.ones((1, 2))},
    }
    stages = {"a": {"kernel": 4}, "b": {"kernel": 0}}
    optimiser = create_optimiser(replace(config, backbone_rate_factor=0.1), 10, stages)
    gradients = jax.tree.map(jnp.ones_like, params)
    updates: Any = optimiser.update(gradients, optimiser.init(params), params)[0]
    moved = {name: float(updates["network"][name]["kernel"][0, 0]) for name in ("a", "b")}
    assert moved["a"] == pytest.approx(0.1 * moved["b"])
    assert float(updates["method"]["kernel"][0, 0]) == pytest.approx(moved["b"])


@pytest.mark.parametrize(
    ("num_steps", "warmup_steps"), [(14_000, 500), (2_000, 500), (1_999, 499), (300, 75), (3, 0)]
)
def test_warmup_takes_a_quarter_of_the_steps_at_most(num_steps: int, warmup_steps: int):
    """500 of 2,000 steps are a quarter; of 1,999 it is 499.75, rounded down."""
    config = SgdConfig(momentum=0.5)
    fitted = fit_warmup(config, num_steps)
    assert fitted == SgdConfig(momentum=0.5, warmup_steps=warmup_steps)
    make_schedule(fitted, num_steps)


def test_gradients_are_clipped_to_the_given_norm():
    """Gradient (30, 40) has norm 50; clipped to 5 it is (3, 4), times rate 1."""
    config = SgdConfig(
        learning_rate=1.0, warmup_steps=0, momentum=0.0, weight_decay=0.0, max_gradient_norm=5.0
    )
    params = {"bias": jnp.zeros(2)}
    updates = compute_first_updates(config, {"bias": jnp.array([30.0, 40.0])}, params)
    np.testing.assert_allclose(updates["bias"], [-3.0, -4.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"momentum": 1.0}, "momentum is 1.0"),
        ({"weight_decay": -1.0}, "weight_decay is -1.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
        ({"backbone_rate_factor": -1.0}, "backbone_rate_factor is -1.0"),
    ],
)
def test_impossible_values_are_refused(values, message):
    with pytest.raises(MdjaxError, match=message):
        SgdConfig(**values)


def test_warmup_longer_than_the_training_is_refused():
    with pytest.raises(MdjaxError, match="warm-up of 500 steps"):
        make_schedule(SgdConfig(), 100)


def test_adamw_first_step_is_the_rate_in_the_direction_of_the_gradient():
    """First step of Adam: m̂ / √v̂ = g / |g|; a kernel of 2 also decays by rate · 0.5 · 2."""
    config = AdamWConfig(learning_rate=0.1, warmup_steps=0, weight_decay=0.5)
    params = {"kernel": jnp.array([[2.0]]), "bias": jnp.array([2.0])}
    gradients = {"kernel": jnp.array([[-3.0]]), "bias": jnp.array([7.0])}
    updates = compute_first_updates(config, gradients, params)
    np.testing.assert_allclose(updates["kernel"], [[0.1 - 0.1 * 0.5 * 2.0]], atol=1e-6)
    np.testing.assert_allclose(updates["bias"], [-0.1], atol=1e-6)
