"""Operators that exports put in the place of resizing and convolution; none has parameters."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from mdjax.ops.operator import operator
from mdjax.types import Array


@operator("size_hw", "num_taps")
def map_cells(
    matrix: Float[Array, "n hw"],
    *grids: Float[Array, "b _ _ _"],
    size_hw: tuple[int, int],
    num_taps: int,
) -> jax.Array:
    r"""Spread the cells of coarse grids over a fine one, by a fixed matrix for all channels.

    y[p, o] = Σ_n matrix[n, p] x[n, o], where n counts the grids, their taps t and their cells, in
    this order; channel o · num_taps + t of a grid is tap t of channel o.

    Args:
        matrix: What each tap of each cell adds to each pixel.
        grids: With `num_taps` times as many channels as the result.
        size_hw: Height and width of the result.
        num_taps: Of each channel of the grids.

    Returns:
        Images [b, *size_hw, o].
    """
    rows = []
    for grid in grids:
        b, h, w, c = grid.shape
        taps = grid.reshape(b, h * w, c // num_taps, num_taps)
        taps = jnp.transpose(taps, (0, 3, 1, 2))
        rows.append(taps.reshape(b, num_taps * h * w, c // num_taps))
    x = jnp.concatenate(rows, axis=1)
    y = jnp.einsum("bno,np->bpo", x, matrix, precision="highest")
    return y.reshape(x.shape[0], *size_hw, x.shape[2])


@operator()
def separate_border(images: Float[Array, "b h w 1"]) -> jax.Array:
    """Continue images by one pixel, and tell apart what was continued along which axis.

    Args:
        images: Of one channel.

    Returns:
        Four channels [b, h + 2, w + 2, 4]: the image itself, the columns beyond its left and right,
        the rows beyond its top and bottom, the four corners; each 0 elsewhere.
    """
    extended = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return extended * compute_border_masks(images.shape[1], images.shape[2])


def compute_border_masks(height: int, width: int) -> Float[np.ndarray, "1 h w 4"]:
    """Compute where each channel of `separate_border` is not 0."""
    rows, columns = (
        np.pad(np.zeros(size, np.float32), 1, constant_values=1) for size in (height, width)
    )
    masks = [row[:, None] * column for row in (1 - rows, rows) for column in (1 - columns, columns)]
    return np.stack(masks, axis=-1)[None]


@operator("block_size")
def depth_to_space(images: Float[Array, "b h w c"], block_size: int) -> jax.Array:
    """Make a block of pixels of the channels of each pixel.

    Channel (i · block_size + j) · c' + k becomes channel k of row i and column j of the block.

    Args:
        images: With a multiple of block_size² channels.
        block_size: Rows and columns of a block.

    Returns:
        Images [b, h · block_size, w · block_size, c / block_size²].
    """
    b, h, w, c = images.shape
    channels = c // block_size**2
    blocks = images.reshape(b, h, w, block_size, block_size, channels)
    blocks = jnp.transpose(blocks, (0, 1, 3, 2, 4, 5))
    return blocks.reshape(b, h * block_size, w * block_size, channels)
