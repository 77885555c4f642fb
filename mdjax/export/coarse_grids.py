"""Exact rewriting of convolutions that read coarse grids enlarged: pyramid pooling."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.export.convolution import Convolution
from mdjax.export.graph import Graph, Operation, Value, extend
from mdjax.export.splitting import Makers, Rewritten, split_convolutions
from mdjax.export.upsampling import Enlarged, find_enlarged
from mdjax.ops.linear_maps import map_cells
from mdjax.ops.operator import PREFIX

CELLS_KIND = f"{PREFIX}map_cells"
"""The operation that tells a rewritten network."""


def convolve_coarse_grids(graph: Graph) -> Graph:
    """Convolve coarse grids before they are enlarged, where that is less work.

    K ∗ U g = Σ_t S_t U (K_t g): the enlargement U and the shift S_t of a tap mix pixels, its kernel
    K_t mixes channels, so that they can change places. K_t g has few pixels, and S_t U is a fixed
    matrix, with the zeros beyond the border in it. All grids of a convolution are one product.
    """
    return split_convolutions(graph, _rewrite)


def _rewrite(parts: Sequence[Convolution], makers: Makers) -> Rewritten | None:
    found = [x for part in parts if (x := find_enlarged(part, makers)) and _is_less_work(x)]
    if not found:
        return None
    output = found[0].part.operation.output
    operations: list[Operation] = []
    taps: list[Value] = []
    matrices: list[np.ndarray] = []
    for x in found:
        more, grid = extend(
            lambda image, x=x: _convolve_taps(image, x.part.kernel_hwio),
            [x.source],
            scope=x.part.operation.scope,
        )
        assert isinstance(grid, Value)
        operations += more
        taps.append(grid)
        matrices.append(_compute_matrix(x))
    matrix = np.concatenate(matrices).astype(output.dtype)
    num_taps = int(np.prod(found[0].part.kernel_hwio.shape[:2]))
    more, total = extend(
        lambda *grids: map_cells(matrix, *grids, size_hw=output.shape[1:3], num_taps=num_taps),
        taps,
        scope=found[0].part.operation.scope,
    )
    assert isinstance(total, Value)
    return Rewritten([x.part for x in found], [*operations, *more], total)


def _is_less_work(x: Enlarged) -> bool:
    """Compare multiplications for each output channel and tap."""
    num_cells = x.rows.length * x.columns.length
    num_pixels, num_channels = x.rows.output * x.columns.output, x.part.kernel_hwio.shape[2]
    return num_cells * num_channels + num_pixels * num_cells < num_pixels * num_channels


def _convolve_taps(image: jax.Array, kernel_hwio: np.ndarray) -> jax.Array:
    """Mix the channels of each cell for each tap: channel o · taps + t is tap t of channel o."""
    h, w, c, o = kernel_hwio.shape
    kernel = kernel_hwio.reshape(h * w, c, o).transpose(1, 2, 0).reshape(1, 1, c, o * h * w)
    return jax.lax.conv_general_dilated(
        image, jnp.asarray(kernel), (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _compute_matrix(x: Enlarged) -> np.ndarray:
    """What each tap of each cell adds to each pixel: [taps · cells, pixels]."""
    rows, columns = x.rows.compute_tap_weights(), x.columns.compute_tap_weights()
    product = np.einsum("tpi,uqj->tuijpq", rows, columns)
    return product.reshape(-1, x.rows.output * x.columns.output)
