"""What is linear around a convolution goes into it, without changing the result."""

from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.export.convolution import find_convolution
from mdjax.export.folding import fold_after_convolutions, fold_before_convolutions
from mdjax.export.graph import Graph, trace


def convolve(x: Any, kernel: Any, padding: int = 0, stride: int = 1) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x,
        jnp.asarray(kernel),
        (stride, stride),
        ((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def find_kernel(graph: Graph) -> np.ndarray:
    (found,) = filter(None, map(find_convolution, graph.operations))
    return found.kernel_hwio


def count_kinds(graph: Graph) -> Counter[str]:
    return Counter(operation.kind for operation in graph.operations)


def test_scale_and_shift_behind_become_kernel_and_bias() -> None:
    """((3 x) − 1) · 2 / 4 + 5 = 1.5 x + 4.5."""
    kernel = np.full((1, 1, 1, 1), 3.0, np.float32)
    shape = jax.ShapeDtypeStruct((1, 2, 2, 1), jnp.float32)
    graph = fold_after_convolutions(
        trace(lambda x: (convolve(x, kernel) - 1.0) * 2.0 / 4.0 + 5.0, shape)
    )
    assert count_kinds(graph) == {"conv_general_dilated": 1, "add": 1}
    np.testing.assert_allclose(find_kernel(graph), 1.5)
    np.testing.assert_allclose(graph(np.zeros(shape.shape, np.float32))[0], 4.5)


def test_what_is_read_twice_is_not_folded() -> None:
    kernel = np.full((1, 1, 1, 1), 3.0, np.float32)

    def function(x: jax.Array) -> jax.Array:
        y = convolve(x, kernel)
        return y * 2.0 + jnp.tanh(y)

    graph = trace(function, jax.ShapeDtypeStruct((1, 2, 2, 1), jnp.float32))
    assert count_kinds(fold_after_convolutions(graph)) == count_kinds(graph)


def test_normalisation_before_is_exact_at_the_border() -> None:
    """3×3 kernel of ones over an image of 4s, normalised to (4 − 1) / 2 = 1.5, with a border of 0.

    The centre sums nine values of 1.5, an edge six and a corner four: 13.5, 9 and 6. Had the raw
    image been padded with 0 and the shift become a bias, the corner would be 4·2 − 9/2 = 3.5.
    """
    kernel = np.ones((3, 3, 1, 1), np.float32)
    shape = jax.ShapeDtypeStruct((1, 3, 3, 1), jnp.float32)
    graph = trace(lambda x: convolve((x - 1.0) / 2.0, kernel, padding=1), shape)
    folded = fold_before_convolutions(graph)
    result = np.asarray(folded(np.full(shape.shape, 4.0, np.float32))[0])[0, :, :, 0]
    np.testing.assert_allclose(result, [[6, 9, 6], [9, 13.5, 9], [6, 9, 6]], rtol=1e-6)
    assert set(count_kinds(folded)) == {"conv_general_dilated", "concatenate"}


def test_without_a_border_the_shift_is_a_bias() -> None:
    kernel = np.ones((3, 3, 1, 1), np.float32)
    shape = jax.ShapeDtypeStruct((1, 3, 3, 1), jnp.float32)
    folded = fold_before_convolutions(trace(lambda x: convolve((x - 1.0) / 2.0, kernel), shape))
    assert find_kernel(folded).shape == (3, 3, 1, 1)
    np.testing.assert_allclose(folded(np.full(shape.shape, 4.0, np.float32))[0], 13.5)


def test_channel_shown_three_times_is_convolved_once() -> None:
    """Visible (3) and thermal shown three times are 6 channels; 3 + 1, and the constant, are 5."""
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 6, 2)).astype(np.float32)
    mean, deviation = (
        np.asarray([0.1, 0.2, 0.3], np.float32),
        np.asarray([0.5, 0.6, 0.7], np.float32),
    )

    def function(visible: jax.Array, thermal: jax.Array) -> jax.Array:
        three = jnp.broadcast_to(thermal, (*thermal.shape[:3], 3))
        pair = [(x - mean) / deviation for x in (visible, three)]
        return convolve(jnp.concatenate(pair, axis=-1), kernel, padding=1, stride=2)

    shapes = [jax.ShapeDtypeStruct((1, 5, 7, channels), jnp.float32) for channels in (3, 1)]
    graph = trace(function, *shapes)
    folded = fold_before_convolutions(graph, input_max=2.0)
    assert find_kernel(folded).shape == (3, 3, 5, 2)
    images = [rng.random(shape.shape, np.float32) for shape in shapes]
    np.testing.assert_allclose(folded(*images)[0], graph(*images)[0], rtol=1e-5, atol=1e-5)


@settings(max_examples=5)
@given(
    size=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    padding=st.integers(0, 2),
    stride=st.integers(1, 2),
    seed=st.integers(0, 99),
)
@pytest.mark.usefixtures("float64")
def test_folded_network_computes_the_same(
    size: tuple[int, int], padding: int, stride: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(3, 3, 2, 2))
    mean, scale, bias = rng.normal(size=(3, 2))

    def function(x: jax.Array) -> jax.Array:
        return (convolve((x - mean) * 0.5, kernel, padding, stride) - bias) * scale

    shape = jax.ShapeDtypeStruct((1, *size, 2), jnp.float64)
    graph = trace(function, shape)
    folded = fold_before_convolutions(fold_after_convolutions(graph))
    x = rng.normal(size=shape.shape)
    np.testing.assert_allclose(folded(x)[0], graph(x)[0], rtol=1e-9, atol=1e-9)


def test_bias_between_convolutions_stays() -> None:
    """Only what comes from the images is folded into what follows: no channel is added inside."""
    kernel = np.ones((3, 3, 1, 1), np.float32)

    def function(x: jax.Array) -> jax.Array:
        return convolve(convolve(x, kernel, 1) + 1.0, kernel, 1)

    graph = trace(function, jax.ShapeDtypeStruct((1, 4, 4, 1), jnp.float32))
    assert count_kinds(fold_before_convolutions(graph)) == count_kinds(graph)
