"""Before training, the student's mask and block leave pretrained features nearly as they are."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.models.backbones.resnet import BasicBlock
from mdjax.models.config import MdStudentConfig
from tests.models.factories import TINY, create_pair
from tests.models.test_networks import create_network


def test_block_starts_as_the_identity_and_the_mask_near_nothing() -> None:
    """c4 of the student is that of its backbone times 1 + m, with m around σ(−2) = 0.12."""
    pair = create_pair()
    network = create_network(MdStudentConfig(TINY))
    output, variables = network.init_with_output(jax.random.key(0), *pair, train=False)
    assert 0.05 < float(jnp.median(output.mask)) < 0.25
    unmasked = create_network(MdStudentConfig(TINY, multiply_mask=False))
    features = unmasked.apply(variables, *pair, train=False).features["c4"]
    np.testing.assert_allclose(output.features["c4"], features * (1 + output.mask), rtol=1e-5)
    assert float(jnp.std(features)) > 0.01


def test_block_that_starts_as_the_identity_learns() -> None:
    """A scale of 0 stops the gradient of the convolutions at first, not that of the scale."""
    x = jnp.abs(jax.random.normal(jax.random.key(1), (2, 4, 4, 8)))
    block: Any = BasicBlock(8)
    variables = block.init(jax.random.key(0), x, train=False)
    variables["params"]["bn2"]["scale"] = jnp.zeros(8)

    def run(variables: Any) -> jax.Array:
        return block.apply(variables, x, train=False)

    np.testing.assert_allclose(run(variables), x, rtol=1e-6)
    gradient = jax.grad(lambda variables: jnp.sum(run(variables) ** 2))(variables)
    assert float(jnp.abs(gradient["params"]["bn2"]["scale"]).max()) > 1e-3
