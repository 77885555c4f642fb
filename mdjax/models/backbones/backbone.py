"""What networks and heads ask of a backbone: a new one is a file beside this one."""

from collections.abc import Callable
from typing import Any, Protocol

import flax.linen as nn

from mdjax.models.layers import Dtype

Norm = Callable[..., Callable[[Any], Any]]
"""Builds the layer that normalises, as `layers.batch_norm(train=, dtype=, name=)` does.

It is called once for each convolution, inside that convolution's module. One set of kernels can so
run with statistics of several kinds: a norm decides by itself what it does with the rows it sees.
"""

Convolution = Callable[..., Callable[[Any], Any]]
"""Builds a convolution, as `layers.conv(features, kernel_size, stride=, dilation=, ...)` does."""


class Backbone(Protocol):
    """Configuration of a backbone whose feature maps C2 to C5 halve, or keep, the resolution."""

    @property
    def width(self) -> float:
        """How many channels the backbone has, as a share of the published one; heads follow it."""
        ...

    @property
    def dtype(self) -> Dtype:
        """Type of activations."""
        ...

    def get_channels(self, level: int) -> int:
        """Return the number of channels of C2, C3, C4 or C5."""
        ...

    @property
    def frozen_stages(self) -> int:
        """How many stages, from the first, keep the values they start with."""
        ...

    @property
    def last_norm_name(self) -> str:
        """Name of the last normalisation of each block, which `last_norm` builds."""
        ...

    def find_stages(self, params: Any) -> Any:
        """Return the stage of this backbone that each parameter of a network belongs to.

        1, with the stem, to 4, wherever in the tree; 0 for what is no part of the backbone.
        """
        ...

    def create_part(
        self,
        first: int,
        last: int,
        *,
        norm: Norm = ...,
        last_norm: Norm | None = ...,
        convolution: Convolution = ...,
        name: str,
    ) -> nn.Module:
        """Build the module that computes C_first to C_last.

        It is called as `part(x, train=)`, with the image where `first` is 2, else with the level
        before; it returns feature maps by name, such as {"c2": ..., "c3": ...}. `last_norm` builds
        the last normalisation of each block, where it is to be another than `norm`.
        """
        ...
