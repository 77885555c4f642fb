"""Exact rewritings that take work out of a network: what is linear around a convolution."""

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from mdjax.export.convolution import (
    KIND,
    Convolution,
    find_channel_constant,
    find_convolution,
)
from mdjax.export.graph import Graph, Input, Operation, Value, extend


def fold_after_convolutions(graph: Graph) -> Graph:
    """Take scales and shifts behind a convolution into its kernel: batch normalisation.

    s (K ∗ x) + t = (s K) ∗ x + t: each convolution is left with one sum, its bias.
    """
    users = graph.find_users()
    added: dict[Operation, list[Operation]] = {}
    new: dict[Value, Input] = {}
    for operation in graph.operations:
        if (found := find_convolution(operation)) is None:
            continue
        end, scale, shift = operation.output, np.ones(()), np.zeros(())
        while not graph.returns(end) and len(users.get(end, ())) == 1:
            (user,) = users[end]
            affine = _read_affine(user, end)
            if affine is None:
                break
            factor, summand = affine
            scale, shift, end = scale * factor, shift * factor + summand, user.output
        if end is operation.output:
            continue
        kernel = (found.kernel_hwio * scale).astype(found.kernel_hwio.dtype)
        scaled = Value(operation.output.shape, operation.output.dtype)
        bias = np.broadcast_to(shift, (scaled.shape[-1],)).astype(kernel.dtype)
        operations, output = extend(
            lambda x, bias=bias: x + bias.reshape(1, 1, 1, -1), [scaled], scope=operation.scope
        )
        added[operation] = [found.replace(kernel_hwio=kernel, output=scaled), *operations]
        new[end] = output
    return graph.insert(added).replace_values(new)


def fold_before_convolutions(graph: Graph, *, input_max: float = 1.0) -> Graph:
    """Take what is linear in the channels of the input images into the first convolution.

    Normalisation, one thermal channel shown three times, and the concatenation of both images are
    one map of the channels, n_c = Σ_i A_ic x_i + b_c. K ∗ n = (K A) ∗ x + K ∗ b, with fewer input
    channels. Beyond the border n is 0, so K ∗ b is not the same at all positions: it is computed
    exactly as K b of one more channel, which is constant in the image and 0 beyond its border.

    Args:
        graph: Of a network.
        input_max: Largest value of the input images: that of the constant channel, so that one
            quantisation fits all channels.
    """
    makers = graph.find_makers()
    added: dict[Operation, list[Operation]] = {}
    new: dict[Value, Input] = {}
    for operation in graph.operations:
        found = find_convolution(operation)
        if found is None or found.params["feature_group_count"] != 1:
            continue
        maps = _list_maps(found.image, makers)
        is_trivial = len(maps) == 1 and maps[0].source is found.image
        if is_trivial or any(_depends_on_convolution(x.source, makers) for x in maps):
            continue
        operations, output = _apply_maps(found, maps, input_max)
        added[operation] = operations
        new[operation.output] = output
    return graph.insert(added).replace_values(new)


@dataclass(frozen=True)
class _ChannelMap:
    """Part of the channels of an image as an affine map of another image's: x @ matrix + shift."""

    source: Value
    matrix: np.ndarray
    shift: np.ndarray


def _read_affine(operation: Operation, x: Value) -> tuple[np.ndarray, np.ndarray] | None:
    """Factor and summand of each channel, if an operation is no more than that."""
    if operation.kind == "neg":
        return np.full((), -1.0), np.zeros(())
    if operation.kind not in ("add", "sub", "mul", "div") or len(x.shape) != 4:
        return None
    first, second = operation.inputs
    other = second if first is x else first
    constant = find_channel_constant(other, x.shape[-1])
    if constant is None or operation.output.shape != x.shape:
        return None
    constant = constant.astype(np.float64)
    one, zero = np.ones(()), np.zeros(())
    if operation.kind == "add":
        return one, constant
    if operation.kind == "mul":
        return constant, zero
    if first is x:
        return (one, -constant) if operation.kind == "sub" else (1 / constant, zero)
    return (-one, constant) if operation.kind == "sub" else None


def _list_maps(x: Value, makers: Mapping[Value, Operation]) -> list[_ChannelMap]:
    """Describe an image by the images that it is an affine map of, in the order of its channels."""
    num_channels = x.shape[-1]
    itself = [_ChannelMap(x, np.eye(num_channels), np.zeros(num_channels))]
    if x not in makers or len(x.shape) != 4:
        return itself
    operation = makers[x]
    values = [given for given in operation.inputs if isinstance(given, Value)]
    if operation.kind == "concatenate" and operation.params["dimension"] == 3:
        if len(values) < len(operation.inputs):
            return itself
        return [part for value in values for part in _list_maps(value, makers)]
    if len(values) != 1:
        return itself
    (value,) = values
    if operation.kind == "broadcast_in_dim" and value.shape == (*x.shape[:3], 1):
        (part,) = _list_maps(value, makers)
        repeated = np.ones((1, num_channels))
        return [_ChannelMap(part.source, part.matrix @ repeated, part.shift @ repeated)]
    affine = _read_affine(operation, value)
    if affine is None:
        return itself
    factors, summands = (np.broadcast_to(y, (num_channels,)) for y in affine)
    parts, start = [], 0
    for part in _list_maps(value, makers):
        stop = start + part.matrix.shape[1]
        factor = factors[start:stop]
        shift = part.shift * factor + summands[start:stop]
        parts.append(_ChannelMap(part.source, part.matrix * factor, shift))
        start = stop
    return parts


def _apply_maps(
    found: Convolution, maps: list[_ChannelMap], input_max: float
) -> tuple[list[Operation], Input]:
    """Convolve the sources in the place of the image that is made of them."""
    kernel = found.kernel_hwio.astype(np.float64)
    dtype = found.kernel_hwio.dtype
    pieces: dict[Value, np.ndarray] = {}
    of_constant, start = np.zeros((*kernel.shape[:2], 1, kernel.shape[3])), 0
    for part in maps:
        stop = start + part.matrix.shape[1]
        of_part = kernel[:, :, start:stop]
        mapped = np.einsum("hwco,ic->hwio", of_part, part.matrix)
        pieces[part.source] = pieces.get(part.source, 0) + mapped
        of_constant += np.einsum("hwco,c->hwo", of_part, part.shift)[:, :, None]
        start = stop
    sources, kernels = list(pieces), list(pieces.values())
    needs_constant = found.has_padding and bool(np.any(of_constant))
    if needs_constant:
        kernels.append(of_constant / input_max)

    def join(*images: jnp.ndarray) -> jnp.ndarray:
        constant = jnp.full((*images[0].shape[:3], 1), input_max, images[0].dtype)
        return jnp.concatenate([*images, *([constant] if needs_constant else [])], axis=-1)

    operations: list[Operation] = []
    (image,) = sources[:1]
    if len(kernels) > 1:
        operations, joined = extend(join, sources, scope=found.operation.scope)
        assert isinstance(joined, Value)
        image = joined
    output = Value(found.operation.output.shape, found.operation.output.dtype)
    kernel_hwio = np.concatenate(kernels, axis=2).astype(dtype)
    operations.append(found.replace(image=image, kernel_hwio=kernel_hwio, output=output))
    if needs_constant or not np.any(of_constant):
        return operations, output
    bias = of_constant.sum((0, 1, 2)).astype(dtype)
    more, result = extend(lambda x: x + bias.reshape(1, 1, 1, -1), [output])
    return [*operations, *more], result


def _depends_on_convolution(x: Value, makers: Mapping[Value, Operation]) -> bool:
    if x not in makers:
        return False
    operation = makers[x]
    return operation.kind == KIND or any(
        _depends_on_convolution(y, makers) for y in operation.inputs if isinstance(y, Value)
    )
