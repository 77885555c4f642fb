"""Convolutions of a graph, with their constant kernels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jax import lax

from mdjax.export.graph import Input, Operation, Value, compact

KIND = "conv_general_dilated"
_NHWC, _HWIO = (0, 3, 1, 2), (3, 2, 0, 1)


@dataclass(frozen=True)
class Convolution:
    """A convolution of images [b h w c] with a constant kernel [h w c o].

    Attributes:
        operation: In the graph.
        image: What it reads.
        kernel_hwio: Its kernel.
    """

    operation: Operation
    image: Value
    kernel_hwio: np.ndarray

    @property
    def params(self) -> Mapping[str, Any]:
        """Parameters of the primitive."""
        return self.operation.params

    @property
    def has_padding(self) -> bool:
        """Whether it reads zeros beyond the border of the image."""
        return any(size > 0 for sides in self.params["padding"] for size in sides)

    def replace(
        self, *, image: Value | None = None, kernel_hwio: np.ndarray, output: Value
    ) -> Operation:
        """Return the operation with another kernel, perhaps of another image."""
        inputs: tuple[Input, ...] = (image or self.image, kernel_hwio)
        return replace(self.operation, inputs=inputs, outputs=(output,))


def find_convolution(operation: Operation) -> Convolution | None:
    """Return an operation as a convolution, if it is one of the usual layout."""
    if operation.kind != KIND:
        return None
    image, kernel = operation.inputs
    numbers = operation.params["dimension_numbers"]
    is_usual = numbers == lax.ConvDimensionNumbers(_NHWC, _HWIO, _NHWC)
    if not is_usual or not isinstance(image, Value) or not isinstance(kernel, np.ndarray):
        return None
    return Convolution(operation, image, kernel)


def find_channel_constant(x: Input, num_channels: int) -> np.ndarray | None:
    """Return a constant that is the same at all positions as one value a channel."""
    if not isinstance(x, np.ndarray):
        return None
    small = compact(x)
    if small.size == 1:
        return np.full(num_channels, small.reshape(()), small.dtype)
    if small.shape == (1, 1, 1, num_channels):
        return small.reshape(num_channels)
    return None
