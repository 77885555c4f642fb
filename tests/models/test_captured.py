"""Features and masks picked from inside a module that knows nothing of distillation."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.models.captured import CapturedNetwork
from mdjax.types import MdjaxError


class Encoder(nn.Module):
    """Two stages, the second with a norm."""

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        x = nn.Conv(4, (3, 3), name="stage1")(x)
        return nn.BatchNorm(use_running_average=not train, name="norm")(
            nn.Conv(6, (3, 3), name="stage2")(x)
        )


class Foreign(nn.Module):
    """Somebody's network: it returns logits alone."""

    @nn.compact
    def __call__(self, visible: jax.Array, thermal: jax.Array, *, train: bool) -> jax.Array:
        x = jnp.concatenate([visible, thermal], axis=-1)
        x = Encoder(name="encoder")(x, train=train)
        return nn.Conv(9, (1, 1), name="head")(x) + nn.Conv(1, (1, 1), name="saliency")(x)


INPUTS = (jnp.ones((2, 4, 5, 3)), jnp.ones((2, 4, 5, 1)))
MODULE = Foreign()


@pytest.fixture(scope="module")
def variables() -> Any:
    """Those of the foreign network."""
    return MODULE.init(jax.random.key(0), *INPUTS, train=False)


def test_captured_network_returns_prediction_features_and_mask(variables: Any) -> None:
    network = CapturedNetwork(
        MODULE, features={"c2": "encoder/stage2"}, mask="saliency", mask_activation=jax.nn.sigmoid
    )
    output: Any = network.apply(variables, *INPUTS, train=False)
    np.testing.assert_array_equal(output.prediction, MODULE.apply(variables, *INPUTS, train=False))
    assert output.features["c2"].shape == (2, 4, 5, 6)
    assert output.mask.shape == (2, 4, 5, 1)
    assert 0 < float(output.mask.min()) <= float(output.mask.max()) < 1
    stage1 = CapturedNetwork(MODULE, features={"c1": "encoder/stage1"})
    without_mask: Any = stage1.apply(variables, *INPUTS, train=False)
    assert without_mask.features["c1"].shape == (2, 4, 5, 4)
    assert without_mask.mask is None


def test_captured_network_updates_batch_statistics_in_training(variables: Any) -> None:
    """It returns what the module would update, and no intermediates beside it."""
    network = CapturedNetwork(MODULE, features={"c2": "encoder/stage2"})
    result: Any = network.apply(variables, *INPUTS, train=True, mutable=["batch_stats"])
    _, updates = result
    _, expected = MODULE.apply(variables, *INPUTS, train=True, mutable=["batch_stats"])
    assert set(updates) == {"batch_stats"}
    np.testing.assert_array_equal(
        updates["batch_stats"]["encoder"]["norm"]["mean"],
        expected["batch_stats"]["encoder"]["norm"]["mean"],
    )


@pytest.mark.parametrize("mutable", ["batch_stats", ["batch_stats"], True, False])
def test_mutable_means_what_it_means_to_flax(mutable: Any, variables: Any) -> None:
    network = CapturedNetwork(MODULE, features={"c1": "encoder/stage1", "c2": "encoder/stage2"})
    result: Any = network.apply(variables, *INPUTS, train=bool(mutable), mutable=mutable)
    expected: Any = MODULE.apply(variables, *INPUTS, train=bool(mutable), mutable=mutable)
    if mutable is False:
        np.testing.assert_array_equal(result.prediction, expected)
        return
    output, updates = result
    np.testing.assert_array_equal(output.prediction, expected[0])
    assert set(output.features) == {"c1", "c2"}
    assert set(updates) == set(expected[1])
    jax.tree.map(np.testing.assert_array_equal, dict(updates), dict(expected[1]))


def test_captured_features_carry_gradients(variables: Any) -> None:
    network = CapturedNetwork(MODULE, features={"c1": "encoder/stage1"})

    def compute_loss(params: Any) -> jax.Array:
        output: Any = network.apply({**variables, "params": params}, *INPUTS, train=False)
        return jnp.sum(output.features["c1"] ** 2)

    gradient = jax.grad(compute_loss)(variables["params"])
    assert float(jnp.abs(gradient["encoder"]["stage1"]["kernel"]).max()) > 0
    assert float(jnp.abs(gradient["head"]["kernel"]).max()) == 0


def test_unknown_path_is_refused_with_the_paths_there_are(variables: Any) -> None:
    network = CapturedNetwork(MODULE, features={"c3": "encoder/stage3"})
    with pytest.raises(MdjaxError, match=r"'encoder/stage3'.*encoder/stage1, encoder/stage2"):
        network.apply(variables, *INPUTS, train=False)


def test_captured_network_initialises_its_module(variables: Any) -> None:
    network = CapturedNetwork(MODULE, features={"c1": "encoder/stage1"})
    created = network.init(jax.random.key(0), *INPUTS, train=False)
    assert jax.tree.structure(created) == jax.tree.structure(variables)


def test_captured_network_takes_a_module_without_a_train_argument() -> None:
    """A plain stack of layers; its third one, after the activation, is layers_2."""
    module = nn.Sequential([nn.Conv(4, (3, 3)), nn.relu, nn.Conv(6, (3, 3))])
    network = CapturedNetwork(
        module, features={"last": "layers_2"}, train_arguments=lambda train: {}
    )
    variables = network.init(jax.random.key(0), INPUTS[0])
    output: Any = network.apply(variables, INPUTS[0], train=True)
    np.testing.assert_array_equal(output.features["last"], module.apply(variables, INPUTS[0]))


@pytest.mark.parametrize("train", [True, False])
def test_captured_network_tells_its_module_in_its_own_words(train: bool) -> None:
    """All is dropped in training: a module that was told the opposite would show it."""

    class Dropping(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array, *, deterministic: bool) -> jax.Array:
            return nn.Dropout(1.0, deterministic=deterministic, name="drop")(x)

    network = CapturedNetwork(
        Dropping(),
        features={"drop": "drop"},
        train_arguments=lambda train: {"deterministic": not train},
    )
    rngs = {"dropout": jax.random.key(0)}
    output: Any = network.apply({"params": {}}, INPUTS[0], train=train, rngs=rngs)
    assert float(output.prediction.max()) == (0.0 if train else 1.0)


class Sower(nn.Module):
    """Keeps a number of its own among the intermediates, and a penalty."""

    @nn.compact
    def __call__(self, visible: jax.Array, thermal: jax.Array, *, train: bool) -> jax.Array:
        x = Encoder(name="encoder")(visible, train=train)
        self.sow("intermediates", "mean", x.mean())
        self.sow("losses", "penalty", (x**2).sum())
        return x


@pytest.mark.parametrize(
    "mutable",
    [
        "batch_stats",
        True,
        ["batch_stats", "intermediates"],
        ("batch_stats",),
        nn.DenyList("params"),
    ],
    ids=str,
)
def test_what_comes_back_is_exactly_what_flax_gives(mutable: Any) -> None:
    """Also the module's own intermediates, and none of those that are captured."""
    module = Sower()
    variables = module.init(jax.random.key(0), *INPUTS, train=False)
    variables = {name: variables[name] for name in ("params", "batch_stats")}
    network = CapturedNetwork(module, features={"c1": "encoder/stage1", "c3": "encoder"})
    result: Any = network.apply(variables, *INPUTS, train=True, mutable=mutable)
    expected: Any = module.apply(variables, *INPUTS, train=True, mutable=mutable)
    np.testing.assert_array_equal(result[0].prediction, expected[0])
    assert jax.tree.structure(result[1]) == jax.tree.structure(expected[1])
    jax.tree.map(np.testing.assert_array_equal, result[1], expected[1])
