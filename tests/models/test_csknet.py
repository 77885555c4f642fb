"""CSK-Net: what is shared, what is private, what is exchanged, and what one image costs."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.csknet import CskNet
from mdjax.models.fusion.gated_spectral_unit import GatedSpectralUnit
from mdjax.models.layers import batch_norm, conv
from mdjax.models.modalities import BOTH
from mdjax.models.networks import ThermalOnly, VisibleOnly
from mdjax.models.private_layers import (
    PrivateNorm,
    create_private_convolution,
    exchange_channels,
    swap_halves,
)
from mdjax.train.state import create_variables
from mdjax.types import MdjaxError
from tests.models.factories import TINY, create_detection_head, create_head, create_pair, run
from tests.models.factories import create_variables as create_sensible_variables


def other_of(name: str) -> str:
    return BOTH[1 - BOTH.index(name)]


def create_network(**options: Any) -> CskNet:
    return CskNet(TINY, create_head(TINY, dropout_rate=0.0), **options)


def test_channels_below_the_threshold_are_those_of_the_other_branch() -> None:
    """By hand, on four channels: both keep, the first gives up, the second does, both do."""
    rows = [jnp.array([[[[1.0, 2.0, 3.0, 4.0]]]]), jnp.array([[[[10.0, 20.0, 30.0, 40.0]]]])]
    scales = [jnp.array([0.5, 0.01, -0.5, 0.0]), jnp.array([-0.02, 0.5, 0.019, -0.01])]
    first, second = exchange_channels(rows, scales, below=0.02)
    np.testing.assert_array_equal(first.ravel(), [1.0, 20.0, 3.0, 40.0])
    np.testing.assert_array_equal(second.ravel(), [10.0, 20.0, 3.0, 4.0])


def test_gradient_of_the_exchange_goes_where_the_channel_came_from() -> None:
    rows = [jnp.ones((1, 1, 1, 4)), jnp.ones((1, 1, 1, 4))]
    scales = [jnp.array([0.5, 0.01, -0.5, 0.0]), jnp.array([-0.02, 0.5, 0.019, -0.01])]

    def weigh(rows: Any, scales: Any) -> Any:
        first, second = exchange_channels(rows, scales, below=0.02)
        return jnp.sum(first) + 10 * jnp.sum(second)

    by_rows, by_scales = jax.grad(weigh, argnums=(0, 1))(rows, scales)
    np.testing.assert_array_equal(by_rows[0].ravel(), [1.0, 0.0, 11.0, 10.0])
    np.testing.assert_array_equal(by_rows[1].ravel(), [10.0, 11.0, 0.0, 1.0])
    for gradient in by_scales:
        np.testing.assert_array_equal(gradient, 0.0)


def test_statistics_are_private() -> None:
    """As two normalisations, each of which sees the rows of its branch alone."""
    x = jax.random.normal(jax.random.key(0), (4, 3, 5, 2)) + jnp.arange(4).reshape(4, 1, 1, 1)
    norm = PrivateNorm(BOTH, train=True, dtype=jnp.float32)
    variables = norm.init(jax.random.key(0), x)
    assert {name: set(of) for name, of in variables["params"].items()} == {
        name: {"scale", "bias"} for name in BOTH
    }
    y: Any
    state: Any
    y, state = norm.apply(variables, x, mutable=["batch_stats"])
    alone = batch_norm(train=True, dtype=jnp.float32)
    for i, name in enumerate(BOTH):
        part = x[i::2]
        own = {key: value[name] for key, value in variables.items()}
        expected: Any
        own_state: Any
        expected, own_state = alone.apply(own, part, mutable=["batch_stats"])
        np.testing.assert_allclose(y[i::2], expected, atol=1e-6)
        for key, value in own_state["batch_stats"].items():
            np.testing.assert_allclose(state["batch_stats"][name][key], value, atol=1e-6)


def test_halves_are_swapped_in_training_alone() -> None:
    """With p = 1 each branch has the other's second half, normalised by the other's statistics."""
    x = jax.random.normal(jax.random.key(0), (4, 3, 5, 4))
    options: Any = {"dtype": jnp.float32, "exchange_below": 0.0}
    variables = PrivateNorm(BOTH, train=False, **options).init(jax.random.key(0), x)

    def norm(rate: float, *, train: bool) -> Any:
        layer = PrivateNorm(BOTH, train=train, swap_rate=rate, **options)
        rngs = {"dropout": jax.random.key(1)}
        return layer.apply(variables, x, rngs=rngs, mutable=["batch_stats"])[0]

    kept, swapped = norm(0.0, train=True), norm(1.0, train=True)
    np.testing.assert_array_equal(swapped[..., :2], kept[..., :2])
    np.testing.assert_array_equal(swapped[0::2, ..., 2:], kept[1::2, ..., 2:])
    np.testing.assert_array_equal(swapped[1::2, ..., 2:], kept[0::2, ..., 2:])
    np.testing.assert_array_equal(norm(1.0, train=False), norm(0.0, train=False))


def test_gate_by_hand() -> None:
    """One channel and position: 1×1 convolutions are products."""
    unit = GatedSpectralUnit()
    visible, thermal = jnp.full((1, 1, 1, 1), 0.5), jnp.full((1, 1, 1, 1), -2.0)
    one = {"kernel": jnp.full((1, 1, 1, 1), 2.0), "bias": jnp.array([0.1])}
    gate = {"kernel": jnp.array([1.0, 0.25]).reshape(1, 1, 2, 1), "bias": jnp.array([0.3])}
    params = {"visible": one, "thermal": one, "gate": gate}
    found: Any = unit.apply({"params": params}, visible, thermal)
    z = 1 / (1 + np.exp(-(0.5 - 0.5 + 0.3)))
    assert float(found.gate[0, 0, 0, 0]) == pytest.approx(z, abs=1e-6)
    expected = z * np.tanh(1.1) + (1 - z) * np.tanh(-3.9)
    assert float(found.features[0, 0, 0, 0]) == pytest.approx(expected, abs=1e-6)


def test_kernels_are_shared_and_norms_are_not() -> None:
    variables = create_sensible_variables(create_network(), *create_pair())
    block = variables["params"]["trunk"]["layer2_block0"]
    assert set(block["conv1"]) == {"kernel"}
    assert set(block["bn1"]) == set(block["bn2"]) == set(BOTH)
    head = variables["params"]["shared_head"]
    assert set(head["joint_bn"]) == {*BOTH, "fused"}
    assert set(head["joint_conv"]) == {"kernel"}


def test_gradient_of_a_kernel_is_the_sum_over_its_uses() -> None:
    """Without exchange, that of the sum of both branches' logits is the sum of those of each."""
    network, pair = create_network(exchange_below=0.0), create_pair()
    variables = create_sensible_variables(network, *pair)

    @jax.jit
    def find_gradient(weights: Any) -> Any:
        def weigh(params: Any) -> Any:
            output: Any = network.apply({**variables, "params": params}, *pair, train=False)
            logits = [output.branch_predictions[name] for name in BOTH]
            return sum(weights[i] * jnp.sum(x**2) for i, x in enumerate(logits))

        return jax.grad(weigh)(variables["params"])["trunk"]["layer3_block0"]["conv1"]["kernel"]

    weights = ([1.0, 0.0], [0.0, 1.0], [1.0, 1.0])
    of_visible, of_thermal, both = (find_gradient(jnp.array(x)) for x in weights)
    scale = float(jnp.abs(both).max())
    assert float(jnp.abs(of_visible).max()) > 0.01 * scale
    assert float(jnp.abs(of_thermal).max()) > 0.01 * scale
    np.testing.assert_allclose(both, of_visible + of_thermal, atol=1e-4 * scale)


def test_one_image_alone_gives_what_its_branch_gives_without_exchange() -> None:
    network, pair = create_network(exchange_below=0.0), create_pair()
    variables = create_sensible_variables(network, *pair)
    both = run(network, variables, *pair)
    for name in BOTH:
        alone = run(network, variables, *pair, missing=other_of(name))
        expected = both.branch_predictions[name]
        np.testing.assert_allclose(alone.prediction, expected, rtol=1e-4, atol=1e-4)
        assert alone.gate is None
        assert set(alone.branch_predictions) == {name}
        # The other image is not looked at.
        other = [x * 0 if (i == 0) == (name == "thermal") else x for i, x in enumerate(pair)]
        without = run(network, variables, *other, missing=other_of(name))
        np.testing.assert_array_equal(without.prediction, alone.prediction)


def test_one_image_alone_keeps_the_channels_that_its_branch_gave_up() -> None:
    """There is no other branch to take them from."""
    network, pair = create_network(), create_pair()
    variables = create_sensible_variables(network, *pair)
    scale = variables["params"]["trunk"]["layer4_block0"]["bn2"]["thermal"]["scale"]
    variables["params"]["trunk"]["layer4_block0"]["bn2"]["thermal"]["scale"] = scale * 0.01
    alone = run(network, variables, *pair, missing="visible")
    unchanging = run(create_network(exchange_below=0.0), variables, *pair)
    expected = unchanging.branch_predictions["thermal"]
    np.testing.assert_allclose(alone.prediction, expected, rtol=1e-4, atol=1e-4)
    with_both = run(network, variables, *pair).branch_predictions["thermal"]
    assert float(jnp.abs(with_both - expected).max()) > 1e-2


def test_exchange_changes_the_branch_that_gave_up_channels() -> None:
    network, pair = create_network(), create_pair()
    variables = create_sensible_variables(network, *pair)
    scales = variables["params"]["trunk"]["layer4_block0"]["bn2"]
    scales["visible"]["scale"] = jnp.zeros_like(scales["visible"]["scale"])
    output = run(network, variables, *pair)
    kept = CskNet(network.backbone, network.head, exchange_below=0.0)
    without = run(kept, variables, *pair)
    changed = {
        name: bool(jnp.any(output.branch_predictions[name] != without.branch_predictions[name]))
        for name in BOTH
    }
    assert changed == {"visible": True, "thermal": False}
    assert set(output.exchange_scales) == {f"layer{stage}_block0" for stage in (2, 3, 4)}
    np.testing.assert_array_equal(output.exchange_scales["layer4_block0"]["visible"], 0.0)


def test_scales_are_found_wherever_the_backbone_has_its_last_norms() -> None:
    """And a name that is none is told, where nothing would be penalised or measured."""
    output: Any = jax.eval_shape(
        lambda: create_network().init_with_output(jax.random.key(0), *create_pair(), train=False)[0]
    )
    assert output.stages == tuple((f"layer{stage}_block0", stage) for stage in (2, 3, 4))

    class Renamed(ResNetConfig):
        @property
        def last_norm_name(self) -> str:
            return "norm7"

    network = CskNet(Renamed(**vars(TINY)), create_head(TINY, dropout_rate=0.0))
    with pytest.raises(MdjaxError, match=r"no normalisation 'norm7'.*correct its last_norm_name"):
        jax.eval_shape(lambda: network.init(jax.random.key(0), *create_pair(), train=False))


def count_flops(network: Any, **options: Any) -> float:
    pair = create_pair()
    variables = create_sensible_variables(network, *pair)

    def predict(variables: Any, visible: Any, thermal: Any) -> Any:
        return network.apply(variables, visible, thermal, train=False, **options).prediction

    analysis: Any = jax.jit(predict).lower(variables, *pair).compile().cost_analysis()
    return float(analysis["flops"])


def test_one_image_costs_what_a_network_for_one_image_costs() -> None:
    head = create_head(TINY, dropout_rate=0.0)
    for name, single in (
        ("visible", VisibleOnly(TINY, head)),
        ("thermal", ThermalOnly(TINY, head)),
    ):
        of_one = count_flops(create_network(), missing=other_of(name))
        assert of_one == pytest.approx(count_flops(single), rel=1e-3)
        assert count_flops(create_network()) > 1.9 * of_one


def test_it_predicts_boxes_too() -> None:
    network = CskNet(TINY, create_detection_head(TINY))
    pair = create_pair()
    output: Any = jax.eval_shape(
        lambda: network.init_with_output(jax.random.key(0), *pair, train=False)[0]
    )
    shapes = jax.tree.map(jnp.shape, output.prediction)
    assert all(jax.tree.map(jnp.shape, x) == shapes for x in output.branch_predictions.values())
    assert shapes.class_logits[0] == 1
    assert shapes.anchors_xyxy_px == (shapes.class_logits[1], 4)


def test_private_kernels_are_those_of_each_branch() -> None:
    x = jax.random.normal(jax.random.key(0), (2, 4, 5, 3))
    layer: Any = create_private_convolution(BOTH)(2, 3, stride=2, name="conv1")
    variables = layer.init(jax.random.key(1), x)
    found = layer.apply(variables, x)
    for i, name in enumerate(BOTH):
        kernel = variables["params"][name]
        alone: Any = conv(2, 3, stride=2).apply({"params": kernel}, x[i : i + 1])
        np.testing.assert_allclose(found[i : i + 1], alone, rtol=1e-5, atol=1e-5)
    network, pair = create_network(shares_kernels=False), create_pair()
    shapes: Any = jax.eval_shape(lambda: network.init(jax.random.key(0), *pair, train=False))
    block = shapes["params"]["trunk"]["layer2_block0"]
    assert set(block["conv1"]) == set(block["downsample_conv"]) == set(BOTH)


def test_only_the_scales_that_decide_the_exchange_start_elsewhere() -> None:
    network, pair = create_network(exchange_scale_init=0.25), create_pair()
    params: Any = create_variables(network, pair, select_inputs=lambda x: x, seed=0)["params"]
    for name, expected in (("bn1", 1.0), ("bn2", 0.25)):
        scales = params["trunk"]["layer2_block0"][name]
        assert all((of["scale"] == expected).all() for of in scales.values())
    stem = params["backbone"]["layer1_block0"]["bn2"]
    assert all((of["scale"] == 1.0).all() for of in stem.values())


def test_halves_are_swapped_for_each_pair() -> None:
    """By hand: with certainty all second halves, never the first; at random some pairs."""
    first, second = jnp.zeros((8, 1, 1, 4)), jnp.ones((8, 1, 1, 4))
    of_first, of_second = swap_halves(jax.random.key(0), (first, second), 1.0)
    np.testing.assert_array_equal(of_first[:, 0, 0], [[0.0, 0.0, 1.0, 1.0]] * 8)
    np.testing.assert_array_equal(of_second[:, 0, 0], [[1.0, 1.0, 0.0, 0.0]] * 8)
    some, _ = swap_halves(jax.random.key(0), (first, second), 0.5)
    assert 0 < float(jnp.sum(some[:, 0, 0, 3])) < 8
    np.testing.assert_array_equal(some[..., :2], 0.0)
