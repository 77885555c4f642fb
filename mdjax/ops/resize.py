"""Resizing on a device, with the conventions of OpenCV and PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from mdjax.ops.operator import operator
from mdjax.types import Array


@operator("size_hw")
def resize_bilinear(images: Float[Array, "b h w c"], size_hw: tuple[int, int]) -> jax.Array:
    """Resize bilinearly with half-pixel centres and without antialiasing.

    `jax.image.resize` antialiases when it shrinks unless told not to; OpenCV and PyTorch
    (`align_corners=False`) do not.

    Args:
        images: Any range; the dtype is kept.
        size_hw: Target height and width in pixels.

    Returns:
        Images [b, *size_hw, c].
    """
    b, h, w, c = images.shape
    if (h, w) == size_hw:
        return jnp.asarray(images)
    return jax.image.resize(images, (b, *size_hw, c), method="bilinear", antialias=False)


def compute_bilinear_weights(length: int, num_values: int) -> Float[np.ndarray, "n length"]:
    """Compute what each value adds to each value that `resize_bilinear` makes, along one axis.

    Args:
        length: Of the axis.
        num_values: Of the axis, resized.
    """
    centres = (np.arange(num_values) + 0.5) * length / num_values - 0.5
    centres = np.clip(centres, 0, length - 1)
    return np.maximum(0.0, 1.0 - np.abs(centres[:, None] - np.arange(length)))


def get_size_hw(images: Shaped[Array, "b h w c"]) -> tuple[int, int]:
    """Return the height and the width of a batch of images."""
    return images.shape[1], images.shape[2]


@operator("size_hw")
def adaptive_average_pool(
    images: Float[Array, "b h w c"], size_hw: tuple[int, int]
) -> Float[Array, "b hh ww c"]:
    r"""Average over a grid of windows that cover the image.

    Window i of n along an axis of length s spans the rows ⌊i·s/n⌋ … ⌈(i+1)·s/n⌉ − 1, as in
    PyTorch's `AdaptiveAvgPool2d`; where n divides s this is the area average.

    Args:
        images: Any range; computed in float32 at least.
        size_hw: Number of windows along height and width.

    Returns:
        Window means in the dtype of `images`.
    """
    rows = compute_window_weights(images.shape[1], size_hw[0])
    columns = compute_window_weights(images.shape[2], size_hw[1])
    dtype = jnp.promote_types(images.dtype, jnp.float32)
    pooled = jnp.einsum(
        "bhwc,ih,jw->bijc", jnp.asarray(images, dtype), rows, columns, precision="highest"
    )
    return pooled.astype(images.dtype)


def compute_window_weights(length: int, num_windows: int) -> Float[np.ndarray, "n length"]:
    """Compute what each value adds to the mean of each window of `adaptive_average_pool`.

    Args:
        length: Of the axis.
        num_windows: On it.
    """
    weights = np.zeros((num_windows, length), np.float32)
    for i in range(num_windows):
        start, stop = i * length // num_windows, -(-(i + 1) * length // num_windows)
        weights[i, start:stop] = 1.0 / (stop - start)
    return weights
