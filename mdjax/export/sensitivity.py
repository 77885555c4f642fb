"""What int8 does to each convolution of a network, alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.export.convolution import Convolution, find_convolution
from mdjax.export.graph import Graph, Value

LEVELS = 255
"""Steps of an activation in 8 bits; kernels have 255 too, around 0."""


@dataclass(frozen=True)
class LayerError:
    """The error of a convolution whose input and kernel have 8 bits.

    Attributes:
        scope: Of the convolution.
        error: Root mean square of the error of its output, as a share of that of the output.
    """

    scope: str
    error: float


def measure_layer_errors(graph: Graph, feeds: Sequence[Sequence[np.ndarray]]) -> list[LayerError]:
    """Measure each convolution by itself, all others in float.

    The input of a convolution is rounded to 256 steps between its smallest and largest value over
    all images, the kernel of each output channel to 255 steps.

    Args:
        graph: The simplified network.
        feeds: Inputs of some image pairs.
    """
    found = [x for operation in graph.operations if (x := find_convolution(operation))]
    ranges = _gather(
        graph, found, feeds, lambda x, image: jnp.stack([jnp.min(image), jnp.max(image)])
    )
    low_high = [
        (float(min(r[0] for r in of_layer)), float(max(r[1] for r in of_layer)))
        for of_layer in zip(*ranges, strict=True)
    ]
    numbers = {x.operation: i for i, x in enumerate(found)}

    def compute_squares(x: Convolution, image: jax.Array) -> jax.Array:
        (expected,) = x.operation.run(image, x.kernel_hwio)
        rounded = round_activations(image, *low_high[numbers[x.operation]])
        (quantised,) = x.operation.run(rounded, round_kernel(x.kernel_hwio))
        return jnp.stack([jnp.sum((quantised - expected) ** 2), jnp.sum(expected**2)])

    squares = np.sum(_gather(graph, found, feeds, compute_squares), axis=0)
    return [
        LayerError(x.operation.scope, float(np.sqrt(error / max(total, 1e-30))))
        for x, (error, total) in zip(found, squares, strict=True)
    ]


def round_activations(x: Any, low: float, high: float) -> Any:
    """Round values to 256 steps of a range that holds 0, as QDQ models do."""
    low, high = min(low, 0.0), max(high, 0.0)
    step = max(high - low, 1e-12) / LEVELS
    zero = np.round(-low / step)
    return (jnp.clip(jnp.round(x / step) + zero, 0, LEVELS) - zero) * step


def round_kernel(kernel_hwio: np.ndarray) -> np.ndarray:
    """Round the kernel of each output channel to 127 steps on each side of 0."""
    largest = np.abs(kernel_hwio).max(axis=(0, 1, 2), keepdims=True)
    step = np.maximum(largest, 1e-30) / 127
    return (np.round(kernel_hwio / step) * step).astype(kernel_hwio.dtype)


def _gather(
    graph: Graph,
    found: Sequence[Convolution],
    feeds: Iterable[Sequence[np.ndarray]],
    compute: Callable[[Convolution, jax.Array], jax.Array],
) -> np.ndarray:
    """Compute something of each convolution and its input: [pairs, convolutions, ...]."""

    @jax.jit
    def run(*images: jax.Array) -> jax.Array:
        wanted = tuple(dict.fromkeys(x.image for x in found))
        inner = Graph(graph.inputs, graph.operations, wanted).drop_unused()
        known: dict[Value, Any] = dict(zip(wanted, inner(*images), strict=True))
        return jnp.stack([compute(x, known[x.image]) for x in found])

    return np.stack([np.asarray(run(*images)) for images in feeds])
