"""How operations on images are written in ONNX: convolutions, pools and resizing."""

from typing import Any

import numpy as np

from mdjax.export.convolution import find_channel_constant, find_convolution
from mdjax.export.graph import Operation
from mdjax.export.onnx_arrays import add_slice
from mdjax.export.onnx_graph import TO_NCHW, Emit, OnnxWriter
from mdjax.ops.linear_maps import compute_border_masks
from mdjax.ops.resize import compute_window_weights
from mdjax.types import MdjaxError


def emit_convolution(writer: OnnxWriter, operation: Operation) -> None:
    """With the sum behind it as its bias, if there is one."""
    found = find_convolution(operation)
    params = operation.params
    if found is None or params["batch_group_count"] != 1 or set(params["lhs_dilation"]) != {1}:
        raise MdjaxError(
            f"{operation.scope}: only convolutions of images [b h w c] with constant kernels "
            "[h w c o] can be written as ONNX."
        )
    inputs = [
        writer.read(found.image),
        writer.add_constant(found.kernel_hwio.transpose(3, 2, 0, 1), f"{operation.scope}/kernel"),
    ]
    output = operation.output
    users = writer.users.get(output, [])
    if len(users) == 1 and users[0].kind == "add" and not writer.graph.returns(output):
        (other,) = [x for x in users[0].inputs if x is not output] or [None]
        bias = None if other is None else find_channel_constant(other, output.shape[-1])
        if bias is not None:
            inputs.append(writer.add_constant(bias, f"{operation.scope}/bias"))
            output = users[0].output
    (top, bottom), (left, right) = params["padding"]
    writer.names[output] = writer.add(
        "Conv",
        inputs,
        scope=operation.scope,
        kernel_shape=found.kernel_hwio.shape[:2],
        strides=params["window_strides"],
        pads=(top, left, bottom, right),
        dilations=params["rhs_dilation"],
        group=params["feature_group_count"],
    )
    writer.names.setdefault(operation.output, writer.names[output])


def emit_resize(writer: OnnxWriter, operation: Operation) -> None:
    """Write a bilinear resizing with half-pixel centres."""
    (x,) = operation.inputs
    shape = operation.output.shape
    sizes = writer.add_constant(np.asarray([shape[axis] for axis in TO_NCHW], np.int64), "sizes")
    writer.names[operation.output] = writer.add(
        "Resize",
        [writer.read(x), "", "", sizes],
        scope=operation.scope,
        mode="linear",
        coordinate_transformation_mode="half_pixel",
    )


def emit_upsample(writer: OnnxWriter, operation: Operation) -> None:
    """Repeat cells; where the finer grid is odd, the last row or column is cut off."""
    (x,) = operation.inputs
    coarse, fine = x.shape[1:3], operation.output.shape[1:3]
    factors = [-(-size // given) for size, given in zip(fine, coarse, strict=True)]
    scales = writer.add_constant(np.asarray([1, 1, *factors], np.float32), "scales")
    name = writer.add(
        "Resize",
        [writer.read(x), "", scales],
        scope=operation.scope,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    repeated = [size * factor for size, factor in zip(coarse, factors, strict=True)]
    if repeated != list(fine):
        name = add_slice(writer, name, (0, 0), fine, (2, 3), (1, 1), operation.scope)
    writer.names[operation.output] = name


def emit_halving_max_pool(writer: OnnxWriter, operation: Operation) -> None:
    """Write the max-pool of ResNet's stem."""
    (x,) = operation.inputs
    writer.names[operation.output] = writer.add(
        "MaxPool",
        [writer.read(x)],
        scope=operation.scope,
        kernel_shape=(3, 3),
        strides=(2, 2),
        pads=(1, 1, 1, 1),
    )


def emit_adaptive_pool(writer: OnnxWriter, operation: Operation) -> None:
    """An average pool where windows are of one size; else two products with their weights."""
    (x,) = operation.inputs
    sizes, bins = x.shape[1:3], operation.output.shape[1:3]
    name, scope = writer.read(x), operation.scope
    if bins == (1, 1):
        writer.names[operation.output] = writer.add("GlobalAveragePool", [name], scope=scope)
        return
    if all(size % count == 0 for size, count in zip(sizes, bins, strict=True)):
        window = tuple(size // count for size, count in zip(sizes, bins, strict=True))
        writer.names[operation.output] = writer.add(
            "AveragePool", [name], scope=scope, kernel_shape=window, strides=window
        )
        return
    rows, columns = (
        compute_window_weights(size, count) for size, count in zip(sizes, bins, strict=True)
    )
    name = writer.add("MatMul", [name, writer.add_constant(columns.T)], scope=scope)
    writer.names[operation.output] = writer.add(
        "MatMul", [writer.add_constant(rows), name], scope=scope
    )


def emit_map_cells(writer: OnnxWriter, operation: Operation) -> None:
    """A product with a matrix: taps and cells are next to each other in [b c h w]."""
    matrix, *grids = operation.inputs
    b, h, w, c = operation.output.shape
    rows = [writer.reshape(writer.read(x), (b, c, -1), operation.scope) for x in grids]
    name = rows[0] if len(rows) == 1 else writer.add("Concat", rows, axis=2, scope=operation.scope)
    name = writer.add("MatMul", [name, writer.read(matrix)], scope=operation.scope)
    writer.names[operation.output] = writer.reshape(name, (b, c, h, w), operation.scope)


def emit_separate_border(writer: OnnxWriter, operation: Operation) -> None:
    """The image continued by one pixel, times what is 0 and 1."""
    (x,) = operation.inputs
    sides = writer.add_constant(np.asarray([0, 0, 1, 1, 0, 0, 1, 1], np.int64), "pads")
    name = writer.add("Pad", [writer.read(x), sides], mode="edge", scope=operation.scope)
    masks = compute_border_masks(*x.shape[1:3]).astype(operation.output.dtype)
    writer.names[operation.output] = writer.add(
        "Mul", [name, writer.read(masks)], scope=operation.scope
    )


def emit_depth_to_space(writer: OnnxWriter, operation: Operation) -> None:
    """Write blocks of pixels that are made of channels."""
    (x,) = operation.inputs
    writer.names[operation.output] = writer.add(
        "DepthToSpace",
        [writer.read(x)],
        blocksize=operation.output.shape[1] // x.shape[1],
        mode="DCR",
        scope=operation.scope,
    )


def emit_window(kind: str, **more: Any) -> Emit:
    """Write a pool over windows of rows and columns."""

    def emit(writer: OnnxWriter, operation: Operation) -> None:
        params = operation.params
        dilations = {*params["base_dilation"], *params["window_dilation"]}
        window, strides, padding = (
            params[name] for name in ("window_dimensions", "window_strides", "padding")
        )
        if dilations != {1} or len(window) != 4 or window[0] != 1 or window[3] != 1:
            raise MdjaxError(
                f"{operation.scope}: only windows over rows and columns can be pooled."
            )
        name = writer.add(
            kind,
            [writer.read(operation.inputs[0])],
            scope=operation.scope,
            kernel_shape=window[1:3],
            strides=strides[1:3],
            pads=(padding[1][0], padding[2][0], padding[1][1], padding[2][1]),
            **more,
        )
        if kind == "AveragePool":  # JAX sums.
            count = np.asarray(window[1] * window[2], operation.output.dtype)
            name = writer.add("Mul", [name, writer.add_constant(count)], scope=operation.scope)
        writer.names[operation.output] = name

    return emit
