"""Coarse grids are convolved before they are enlarged, without changing the result."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.export.coarse_grids import convolve_coarse_grids
from mdjax.export.convolution import find_convolution
from mdjax.export.deployment import deploy
from mdjax.export.folding import fold_after_convolutions
from mdjax.export.graph import Graph, trace
from mdjax.export.simplification import simplify
from mdjax.ops.resize import resize_bilinear
from tests.export.networks import create_loaded


def convolve(x: Any, kernel: Any, *, stride: int = 1, dilation: int = 1) -> jax.Array:
    padding = ((dilation, dilation), (dilation, dilation))
    return jax.lax.conv_general_dilated(
        x,
        jnp.asarray(kernel),
        (stride, stride),
        padding,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def list_kernels(graph: Graph) -> list[tuple[int, ...]]:
    found = filter(None, map(find_convolution, graph.operations))
    return [x.kernel_hwio.shape for x in found]


def test_one_cell_is_counted_where_the_kernel_meets_the_image() -> None:
    """A cell with channels 1 and 2 over 3×3 pixels, a kernel of ones: 3 for each tap in the image.

    The centre has nine taps, an edge six and a corner four: 27, 18 and 12.
    """
    kernel = np.ones((3, 3, 2, 1), np.float32)
    cell = jax.ShapeDtypeStruct((1, 1, 1, 2), jnp.float32)
    graph = trace(lambda x: convolve(resize_bilinear(x, size_hw=(3, 3)), kernel), cell)
    rewritten = convolve_coarse_grids(graph)
    assert list_kernels(rewritten) == [(1, 1, 2, 9)]
    (found,) = rewritten(np.asarray([1, 2], np.float32).reshape(cell.shape))
    np.testing.assert_allclose(
        np.asarray(found)[0, :, :, 0], [[12, 18, 12], [18, 27, 18], [12, 18, 12]]
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_joint_convolution_answers_the_same(stride: int, dilation: int) -> None:
    """Features, two grids and one that is too fine to gain; with the sum behind it as bias."""
    rng = np.random.default_rng(0)
    sizes = ((7, 9, 5), (2, 3, 16), (1, 1, 8), (5, 5, 8))
    shapes = [jax.ShapeDtypeStruct((2, *size), jnp.float64) for size in sizes]
    kernel, bias = rng.normal(size=(3, 3, 37, 4)), rng.normal(size=4)

    def function(features: jax.Array, *grids: jax.Array) -> jax.Array:
        enlarged = [resize_bilinear(grid, size_hw=(7, 9)) for grid in grids]
        joined = jnp.concatenate([features, *enlarged], axis=-1)
        return convolve(joined, kernel, stride=stride, dilation=dilation) + bias

    graph = fold_after_convolutions(trace(function, *shapes))
    rewritten = convolve_coarse_grids(graph)
    assert sorted(list_kernels(rewritten)) == [(1, 1, 8, 36), (1, 1, 16, 36), (3, 3, 13, 4)]
    arrays = [rng.normal(size=shape.shape) for shape in shapes]
    np.testing.assert_allclose(rewritten(*arrays)[0], graph(*arrays)[0], rtol=1e-6, atol=1e-6)


def test_what_would_be_more_work_stays() -> None:
    """Six cells of four channels: the product with the matrix costs more than it saves."""
    kernel = np.ones((3, 3, 4, 1), np.float32)
    shape = jax.ShapeDtypeStruct((1, 2, 3, 4), jnp.float32)
    graph = trace(lambda x: convolve(resize_bilinear(x, size_hw=(8, 9)), kernel), shape)
    assert list_kernels(convolve_coarse_grids(graph)) == [(3, 3, 4, 1)]


def test_only_networks_with_pooled_grids_have_the_step() -> None:
    labels, boxes = (simplify(deploy(create_loaded(detects=detects))) for detects in (False, True))
    assert "pooled grids convolved before they are enlarged" in {step.name for step in labels}
    assert len(boxes) == len(labels) - 1
