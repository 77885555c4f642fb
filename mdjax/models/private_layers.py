"""Layers of which each branch has its own, for rows of several branches that run as one (CSK-Net).

The images of several cameras lie side by side along the batch axis and run through one set of
kernels; statistics, scales and offsets are each camera's own. Injected into a backbone or a head as
its norm, it needs no copy of either. Kernels can be private too, for a comparison.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from mdjax.models.backbones.backbone import Convolution, Norm
from mdjax.models.layers import Dtype, batch_norm, conv
from mdjax.ops.rows import interleave_rows, separate_rows
from mdjax.types import Array


class PrivateNorm(nn.Module):
    """One batch normalisation for each branch, and the exchange of channels between two.

    Attributes:
        branches: Names of the branches, in the order of their rows, see `interleave_rows`.
        train: Normalise by the batch and update the running statistics.
        dtype: Type of activations.
        exchange_below: τ of `exchange_channels`; 0 exchanges nothing, and neither does one branch.
        swap_rate: p of `swap_halves` in training.
        scale_init: Of the scales.
    """

    branches: tuple[str, ...]
    train: bool
    dtype: Dtype
    exchange_below: float = 0.0
    swap_rate: float = 0.0
    scale_init: nn.initializers.Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """Normalise the rows of each branch by their own statistics.

        Args:
            x: A row of each branch for each image, see `interleave_rows`.
        """
        norms = [
            batch_norm(train=self.train, dtype=self.dtype, scale_init=self.scale_init, name=branch)
            for branch in self.branches
        ]
        parts = separate_rows(x, len(norms))
        rows = [norm(part) for norm, part in zip(norms, parts, strict=True)]
        if len(norms) == 2:
            if self.exchange_below:
                scales = [norm.variables["params"]["scale"] for norm in norms]
                rows = exchange_channels(rows, scales, below=self.exchange_below)
            if self.swap_rate and self.train:
                rows = swap_halves(self.make_rng("dropout"), rows, self.swap_rate)
        return interleave_rows(rows)


def exchange_channels(
    rows: Sequence[Float[Array, "b h w c"]], scales: Sequence[Float[Array, " c"]], *, below: float
) -> list[Float[Array, "b h w c"]]:
    """Replace the channels that a branch has given up by those of the other branch.

    x'_m,c = x_other,c where |γ_m,c| < τ, else x_m,c. No gradient flows through the choice, and none
    from a channel that is replaced to its own branch.

    Args:
        rows: Normalised features of two branches.
        scales: γ of the normalisation of each.
        below: τ.

    Source: CEN (Wang et al., NeurIPS 2020).
    """
    first, second = rows
    return [
        jnp.where(is_given_up(scale, below=below), other, own)
        for scale, own, other in zip(scales, (first, second), (second, first), strict=True)
    ]


def is_given_up(scale: Float[Array, " c"], *, below: float) -> Bool[Array, " c"]:
    """Tell which channels a branch has given up: those with |γ_c| < τ."""
    return jnp.abs(scale) < below


def swap_halves(
    key: Array, rows: Sequence[Float[Array, "b h w c"]], rate: float
) -> list[Float[Array, "b h w c"]]:
    """Swap the second half of the channels of two branches, for each pair with probability p.

    Args:
        key: Random key.
        rows: Features of two branches.
        rate: p.
    """
    first, second = rows
    is_swapped = jax.random.bernoulli(key, rate, (first.shape[0], 1, 1, 1))
    is_swapped &= jnp.arange(first.shape[-1]) >= first.shape[-1] // 2
    return [jnp.where(is_swapped, second, first), jnp.where(is_swapped, first, second)]


def create_private_norm(branches: tuple[str, ...], **options: Any) -> Norm:
    """Create what backbones and heads take as their norm.

    Args:
        branches: Those whose rows are joined.
        options: Further attributes of `PrivateNorm`.
    """
    return partial(PrivateNorm, branches, **options)


class PrivateConvolution(nn.Module):
    """One convolution for each branch.

    Attributes:
        branches: Names of the branches, in the order of their rows, see `interleave_rows`.
        create: Builds one of them, called with its name.
    """

    branches: tuple[str, ...]
    create: Any

    @nn.compact
    def __call__(self, x: Float[Array, "n h w c"]) -> Float[Array, "n _ _ f"]:
        """Convolve the rows of each branch by their own kernels."""
        parts = zip(self.branches, separate_rows(x, len(self.branches)), strict=True)
        return interleave_rows([self.create(name=branch)(part) for branch, part in parts])


def create_private_convolution(branches: tuple[str, ...]) -> Convolution:
    """Create what backbones take as their convolution."""

    def convolution(
        features: int, kernel_size: int, *, name: str | None = None, **options: Any
    ) -> PrivateConvolution:
        return PrivateConvolution(
            branches, partial(conv, features, kernel_size, **options), name=name
        )

    return convolution
