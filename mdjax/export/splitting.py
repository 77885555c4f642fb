"""Convolutions of several images in one array, taken apart: each with its share of the kernel.

K ∗ [x, y] = K_x ∗ x + K_y ∗ y, so that one of them can be computed in another way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.export.convolution import Convolution, find_channel_constant, find_convolution
from mdjax.export.graph import Graph, Input, Operation, Value, extend

Makers = Mapping[Value, Operation]
"""The operation that computes each value."""


@dataclass(frozen=True)
class Rewritten:
    """Parts of a convolution that are computed in another way.

    Attributes:
        parts: Which.
        operations: What computes their sum.
        output: The sum.
    """

    parts: Sequence[Convolution]
    operations: Sequence[Operation]
    output: Value


Rewrite = Callable[[Sequence[Convolution], Makers], Rewritten | None]
"""From the parts of a convolution, one for each image that it reads, to some of them rewritten."""


def split_convolutions(graph: Graph, rewrite: Rewrite) -> Graph:
    """Compute parts of convolutions in another way; the others stay one convolution.

    Args:
        graph: Of a network.
        rewrite: Chooses the parts; None where there is nothing to gain.
    """
    makers, users = graph.find_makers(), graph.find_users()
    added: dict[Operation, list[Operation]] = {}
    new: dict[Value, Input] = {}
    for operation in graph.operations:
        found = find_convolution(operation)
        if found is None or found.params["feature_group_count"] != 1:
            continue
        joined = _list_joined(found, makers)
        parts = {
            x: replace(found, image=x, kernel_hwio=kernel)
            for x, kernel in joined
            if isinstance(x, Value) and not _is_constant(x, makers)
        }
        if (rewritten := rewrite(list(parts.values()), makers)) is None:
            continue
        gone = {part.image for part in rewritten.parts}
        rest = [(x, y) for x, y in joined if not (isinstance(x, Value) and x in gone)]
        end, bias = _find_bias(found, graph, users)
        operations, output = _convolve_rest(found, rest, rewritten.output, bias)
        added[operation] = [*rewritten.operations, *operations]
        new[end] = output
    return graph.insert(added).replace_values(new)


def _list_joined(found: Convolution, makers: Makers) -> list[tuple[Input, np.ndarray]]:
    """The images that a convolution reads, in the order of its channels, with their kernels."""
    maker = makers.get(found.image)
    if maker is None or maker.kind != "concatenate" or maker.params["dimension"] != 3:
        return [(found.image, found.kernel_hwio)]
    stops = np.cumsum([x.shape[3] for x in maker.inputs])[:-1]
    kernels = np.split(found.kernel_hwio, stops, axis=2)
    values = [x for x in maker.inputs if isinstance(x, Value)]
    if len({*values}) < len(values):  # One image twice: nothing here needs it.
        return [(found.image, found.kernel_hwio)]
    return list(zip(maker.inputs, kernels, strict=True))


def _is_constant(x: Value, makers: Makers) -> bool:
    """With a symbolic number of images, constants are computed too: from nothing."""
    return x in makers and not any(isinstance(y, Value) for y in makers[x].inputs)


def _find_bias(
    found: Convolution, graph: Graph, users: Mapping[Value, Sequence[Operation]]
) -> tuple[Value, np.ndarray | None]:
    """The value behind a convolution and its bias, and the bias."""
    output = found.operation.output
    (user,) = users.get(output, ()) if len(users.get(output, ())) == 1 else (None,)
    if user is None or user.kind != "add" or graph.returns(output):
        return output, None
    (other,) = [x for x in user.inputs if x is not output] or [None]
    bias = None if other is None else find_channel_constant(other, output.shape[-1])
    return (output, None) if bias is None else (user.output, bias)


def _convolve_rest(
    found: Convolution,
    rest: Sequence[tuple[Input, np.ndarray]],
    rewritten: Value,
    bias: np.ndarray | None,
) -> tuple[list[Operation], Input]:
    """What is left of a convolution, with its bias, and the sum with what was rewritten."""
    scope, operations = found.operation.scope, list[Operation]()
    summands = [rewritten]
    if rest:
        values = [x for x, _ in rest if isinstance(x, Value)]

        def join(*images: jax.Array) -> jax.Array:
            given = dict(zip(values, images, strict=True))
            arrays = [given[x] if isinstance(x, Value) else x for x, _ in rest]
            return jnp.concatenate(arrays, axis=-1) if len(arrays) > 1 else jnp.asarray(arrays[0])

        operations, image = extend(join, values, scope=scope)
        assert isinstance(image, Value)
        output = Value(found.operation.output.shape, found.operation.output.dtype)
        kernel = np.concatenate([kernel for _, kernel in rest], axis=2)
        operations.append(found.replace(image=image, kernel_hwio=kernel, output=output))
        summands.insert(0, output)

    def add(first: jax.Array, *others: jax.Array) -> jax.Array:
        # The bias comes next to the convolution, which takes it in.
        first = first if bias is None else first + bias.reshape(1, 1, 1, -1)
        return first + others[0] if others else first

    more, output = extend(add, summands, scope=scope)
    return [*operations, *more], output
