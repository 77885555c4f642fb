"""How operations on arrays are written in ONNX: value by value, along axes, and shapes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import helper

from mdjax.export.graph import Operation, Value
from mdjax.export.onnx_graph import TO_NCHW, Emit, OnnxWriter
from mdjax.types import MdjaxError


def make_elementwise(kind: str) -> Emit:
    """Write an operation that ONNX has under another name, value by value."""

    def emit(writer: OnnxWriter, operation: Operation) -> None:
        inputs = [writer.read(x, broadcast=True) for x in operation.inputs]
        writer.names[operation.output] = writer.add(kind, inputs, scope=operation.scope)

    return emit


def pass_on(writer: OnnxWriter, operation: Operation) -> None:
    """Write nothing: the output is the input."""
    (x,) = operation.inputs
    writer.names[operation.output] = writer.read(x)


def emit_cast(writer: OnnxWriter, operation: Operation) -> None:
    """Write a change of type."""
    (x,) = operation.inputs
    target = helper.np_dtype_to_tensor_dtype(np.dtype(operation.output.dtype))
    writer.names[operation.output] = writer.add(
        "Cast", [writer.read(x)], to=target, scope=operation.scope
    )


def emit_max(writer: OnnxWriter, operation: Operation) -> None:
    """A maximum with 0 is a ReLU."""
    values = [x for x in operation.inputs if isinstance(x, Value)]
    constants = [x for x in operation.inputs if isinstance(x, np.ndarray)]
    if constants and not np.any(constants[0]):
        writer.names[operation.output] = writer.add(
            "Relu", [writer.read(values[0])], scope=operation.scope
        )
        return
    make_elementwise("Max")(writer, operation)


def emit_rsqrt(writer: OnnxWriter, operation: Operation) -> None:
    """Write 1 / √x."""
    root = writer.add("Sqrt", [writer.read(operation.inputs[0])], scope=operation.scope)
    writer.names[operation.output] = writer.add("Reciprocal", [root], scope=operation.scope)


def emit_log1p(writer: OnnxWriter, operation: Operation) -> None:
    """Write log(1 + x)."""
    one = writer.add_constant(np.ones((), operation.output.dtype))
    more = writer.add("Add", [writer.read(operation.inputs[0]), one], scope=operation.scope)
    writer.names[operation.output] = writer.add("Log", [more], scope=operation.scope)


def emit_power(writer: OnnxWriter, operation: Operation) -> None:
    """Write a power with a whole exponent."""
    (x,) = operation.inputs
    exponent = np.asarray(operation.params.get("y", 2), operation.output.dtype)
    writer.names[operation.output] = writer.add(
        "Pow", [writer.read(x), writer.add_constant(exponent)], scope=operation.scope
    )


def emit_not_equal(writer: OnnxWriter, operation: Operation) -> None:
    """Write the negation of an equality."""
    inputs = [writer.read(x, broadcast=True) for x in operation.inputs]
    equal = writer.add("Equal", inputs, scope=operation.scope)
    writer.names[operation.output] = writer.add("Not", [equal], scope=operation.scope)


def emit_select(writer: OnnxWriter, operation: Operation) -> None:
    """Write a choice between two arrays, value by value."""
    which, if_false, if_true = (writer.read(x, broadcast=True) for x in operation.inputs)
    writer.names[operation.output] = writer.add(
        "Where", [which, if_true, if_false], scope=operation.scope
    )


def emit_clamp(writer: OnnxWriter, operation: Operation) -> None:
    """Write a cut at both ends."""
    low, x, high = operation.inputs
    inputs = [writer.read(x), writer.read(low), writer.read(high)]
    writer.names[operation.output] = writer.add("Clip", inputs, scope=operation.scope)


def emit_concatenate(writer: OnnxWriter, operation: Operation) -> None:
    """Write a concatenation."""
    rank = len(operation.output.shape)
    writer.names[operation.output] = writer.add(
        "Concat",
        [writer.read(x) for x in operation.inputs],
        axis=_get_axis(operation.params["dimension"], rank),
        scope=operation.scope,
    )


def emit_split(writer: OnnxWriter, operation: Operation) -> None:
    """Write a split into parts."""
    (x,) = operation.inputs
    sizes = writer.add_constant(np.asarray(operation.params["sizes"], np.int64), "sizes")
    first = writer.add(
        "Split",
        [writer.read(x), sizes],
        num_outputs=len(operation.outputs),
        axis=_get_axis(operation.params["axis"], len(x.shape)),
        scope=operation.scope,
    )
    for i, value in enumerate(operation.outputs):
        writer.names[value] = f"{first}.{i}" if i else first


def emit_slice(writer: OnnxWriter, operation: Operation) -> None:
    """Write a slice along any axes."""
    (x,) = operation.inputs
    params = operation.params
    rank = len(x.shape)
    strides = params["strides"] or (1,) * rank
    cut = [
        axis
        for axis in range(rank)
        if (params["start_indices"][axis], params["limit_indices"][axis], strides[axis])
        != (0, x.shape[axis], 1)
    ]
    writer.names[operation.output] = add_slice(
        writer,
        writer.read(x),
        [params["start_indices"][axis] for axis in cut],
        [params["limit_indices"][axis] for axis in cut],
        [_get_axis(axis, rank) for axis in cut],
        [strides[axis] for axis in cut],
        operation.scope,
    )


def add_slice(
    writer: OnnxWriter,
    name: str,
    starts: Sequence[int],
    stops: Sequence[int],
    axes: Sequence[int],
    steps: Sequence[int],
    scope: str,
) -> str:
    """Add a Slice node."""
    limits = (writer.add_constant(np.asarray(x, np.int64)) for x in (starts, stops, axes, steps))
    return writer.add("Slice", [name, *limits], scope=scope)


def emit_reshape(writer: OnnxWriter, operation: Operation) -> None:
    """Write a change of shape; of images, in the order of axes that JAX has."""
    x = operation.inputs[0]
    name = writer.read_as_written(x, operation.scope)
    _finish_as_written(writer, operation, name)


def emit_broadcast(writer: OnnxWriter, operation: Operation) -> None:
    """Write a repetition along axes."""
    x = operation.inputs[0]
    shape = operation.output.shape
    aligned = [1] * len(shape)
    for axis, size in zip(operation.params["broadcast_dimensions"], x.shape, strict=True):
        aligned[axis] = size
    if len(shape) == 4 and len(x.shape) == 4:
        name, aligned, shape = (
            writer.read(x),
            [aligned[axis] for axis in TO_NCHW],
            [shape[axis] for axis in TO_NCHW],
        )
    else:
        name = writer.reshape(writer.read_as_written(x), aligned, operation.scope)
    if list(aligned) != list(shape):
        sizes = writer.add_constant(np.asarray(shape, np.int64), "shape")
        name = writer.add("Expand", [name, sizes], scope=operation.scope)
    if len(operation.output.shape) == 4 and len(x.shape) != 4:
        name = writer.add("Transpose", [name], perm=TO_NCHW, scope=operation.scope)
    writer.names[operation.output] = name


def _finish_as_written(writer: OnnxWriter, operation: Operation, name: str) -> None:
    """Give an array with its axes in the order of JAX the shape of an output."""
    name = writer.reshape(name, operation.output.shape, operation.scope)
    if len(operation.output.shape) == 4:
        name = writer.add("Transpose", [name], perm=TO_NCHW, scope=operation.scope)
    writer.names[operation.output] = name


def emit_transpose(writer: OnnxWriter, operation: Operation) -> None:
    """Write a permutation of axes."""
    (x,) = operation.inputs
    permutation = operation.params["permutation"]
    if len(permutation) == 4:  # Between the two orders of axes.
        permutation = [TO_NCHW.index(permutation[axis]) for axis in TO_NCHW]
    writer.names[operation.output] = writer.add(
        "Transpose", [writer.read(x)], perm=permutation, scope=operation.scope
    )


def emit_reduce(kind: str) -> Emit:
    """Write a reduction over axes."""

    def emit(writer: OnnxWriter, operation: Operation) -> None:
        (x,) = operation.inputs
        rank = len(x.shape)
        axes = [_get_axis(axis, rank) for axis in operation.params["axes"]]
        inputs = [writer.read(x)]
        attributes: dict[str, Any] = {"keepdims": 1}
        # The axes of a sum are an input since 13, those of the others since 18.
        if kind == "ReduceSum" or writer.opset >= 18:
            inputs.append(writer.add_constant(np.asarray(axes, np.int64), "axes"))
        else:
            attributes["axes"] = axes
        name = writer.add(kind, inputs, scope=operation.scope, **attributes)
        writer.names[operation.output] = writer.reshape(
            name, _to_written_shape(operation.output), operation.scope
        )

    return emit


def emit_argmax(writer: OnnxWriter, operation: Operation) -> None:
    """Write the place of the maximum along an axis."""
    (x,) = operation.inputs
    (axis,) = operation.params["axes"]
    name = writer.add(
        "ArgMax",
        [writer.read(x)],
        axis=_get_axis(axis, len(x.shape)),
        keepdims=0,
        scope=operation.scope,
    )
    target = helper.np_dtype_to_tensor_dtype(np.dtype(operation.output.dtype))
    writer.names[operation.output] = writer.add("Cast", [name], to=target, scope=operation.scope)


def emit_product(writer: OnnxWriter, operation: Operation) -> None:
    """A product of matrices: the last axis of the first factor with the first of the second."""
    first, second = operation.inputs
    (of_first, of_second), batches = operation.params["dimension_numbers"]
    is_plain = (tuple(of_first), tuple(of_second)) == ((len(first.shape) - 1,), (0,))
    if not is_plain or any(batches) or len(second.shape) != 2 or len(first.shape) == 4:
        raise MdjaxError(
            f"{operation.scope}: only products [..., n] x [n, m] can be written as ONNX."
        )
    writer.names[operation.output] = writer.add(
        "MatMul", [writer.read(first), writer.read(second)], scope=operation.scope
    )


def _to_written_shape(value: Value) -> tuple[int, ...]:
    shape = value.shape
    return tuple(shape[axis] for axis in TO_NCHW) if len(shape) == 4 else shape


def _get_axis(axis: int, rank: int) -> int:
    """Where an axis of JAX's order is in ONNX's."""
    return TO_NCHW.index(axis) if rank == 4 else axis
