"""The stem's max-pool against linen's, by value and by gradient."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.models.layers import max_pool_halving
from mdjax.types import Array


def pool_by_linen(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), strides=(2, 2), padding=[(1, 1), (1, 1)])  # pyright: ignore


@given(height=st.integers(1, 9), width=st.integers(1, 9), seed=st.integers(0, 2**16))
@settings(max_examples=30, deadline=None)
def test_max_pool_is_that_of_linen(height: int, width: int, seed: int) -> None:
    x = jnp.asarray(np.random.default_rng(seed).standard_normal((2, height, width, 3)))

    @jax.jit  # One program a size, not one an operation.
    def pool_both(x: jax.Array) -> tuple[Array, ...]:
        ours, of_ours = jax.vjp(max_pool_halving, x)
        theirs, of_theirs = jax.vjp(pool_by_linen, x)
        return ours, theirs, of_ours(theirs)[0], of_theirs(theirs)[0]

    ours, theirs, our_gradient, their_gradient = pool_both(x)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_allclose(our_gradient, their_gradient, rtol=1e-6)


def test_max_pool_of_negative_values_ignores_the_border() -> None:
    x = jnp.full((1, 4, 4, 1), -2.0)
    np.testing.assert_array_equal(max_pool_halving(x), jnp.full((1, 2, 2, 1), -2.0))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_equal_values_share_the_gradient(dtype: jnp.dtype) -> None:
    """One window of nine equal pixels: their gradients sum to that of the window."""
    gradient = jax.grad(lambda x: max_pool_halving(x)[0, 1, 1, 0].astype(jnp.float32))(
        jnp.ones((1, 4, 4, 1), dtype)
    )
    assert gradient.dtype == dtype
    assert float(gradient.astype(jnp.float32).sum()) == 1.0
    assert float(gradient[0, 0].astype(jnp.float32).sum()) == 0.0
