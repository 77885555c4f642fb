"""Layers that several networks share."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Float

from mdjax.ops.operator import operator
from mdjax.types import Array

# ImageNet statistics (RGB), which the torchvision weights expect.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

BATCH_NORM_MOMENTUM = 0.9  # flax counts the old share, PyTorch the new: its 0.1
BATCH_NORM_EPSILON = 1e-5

Dtype = Any


def normalise_visible(visible: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Subtract the ImageNet mean and divide by its deviation.

    Args:
        visible: RGB in [0, 1].
    """
    return (visible - jnp.asarray(IMAGENET_MEAN)) / jnp.asarray(IMAGENET_STD)


def normalise_thermal(thermal: Float[Array, "b h w 1"]) -> Float[Array, "b h w 3"]:
    """Replicate the thermal channel to three and normalise it as RGB (MD section 4.2).

    Args:
        thermal: One channel in [0, 1].
    """
    return normalise_visible(jnp.broadcast_to(thermal, (*thermal.shape[:3], 3)))


def scale_channels(num_channels: int, width: float) -> int:
    """Return the number of channels of a layer under a width multiplier."""
    return max(1, round(num_channels * width))


def conv(
    features: int,
    kernel_size: int,
    *,
    stride: int = 1,
    dilation: int = 1,
    dtype: Dtype = jnp.float32,
    name: str | None = None,
) -> nn.Conv:
    """Build a convolution without bias and with symmetric zero padding, as PyTorch pads.

    He initialisation over the outputs (He et al. 2015), as torchvision's ResNet.
    """
    padding = dilation * (kernel_size // 2)
    return nn.Conv(
        features,
        (kernel_size, kernel_size),
        strides=(stride, stride),
        padding=((padding, padding), (padding, padding)),
        kernel_dilation=(dilation, dilation),
        use_bias=False,
        dtype=dtype,
        kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "truncated_normal"),
        name=name,
    )


def batch_norm(
    *,
    train: bool,
    dtype: Dtype,
    name: str | None = None,
    scale_init: nn.initializers.Initializer = nn.initializers.ones,
) -> nn.BatchNorm:
    """Build a batch normalisation; its statistics are float32 whatever the compute type.

    The running variance is, as always in flax, the average of the biased variance of each batch,
    Σ (x − mean)² / n over n = b·h·w values of a channel; PyTorch averages the unbiased one, with
    n − 1. In training the two compute the same numbers. In evaluation they differ by a factor of
    up to n / (n − 1) of this variance: a few per mille on feature maps, and most where n is small.
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=BATCH_NORM_EPSILON,
        dtype=dtype,
        scale_init=scale_init,
        name=name,
    )


@operator()
def max_pool_halving(x: Float[Array, "b h w c"]) -> Float[Array, "b _ _ c"]:
    """Take the maximum over 3×3 windows with stride 2 and a border of one, as ResNet's stem does.

    Equal values of a window share its gradient. Rows first, then columns: the gradient of a window
    of two axes takes three to five times as long on a CPU, a tenth of a small network's step.
    """
    for axis in (1, 2):
        border = [(1, 1) if at == axis else (0, 0) for at in range(4)]
        padded = jnp.pad(x, border, constant_values=-jnp.inf)
        end = padded.shape[axis] - 2
        first, second, third = (
            lax.slice_in_dim(padded, start, start + end, 2, axis) for start in range(3)
        )
        x = jnp.maximum(jnp.maximum(first, second), third)
    return x
