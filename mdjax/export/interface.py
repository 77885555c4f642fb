"""What each file of an export takes and answers, as its card says it."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from mdjax.export.deployment import Deployment
from mdjax.export.heads import IS_VALID, Output
from mdjax.export.onnx_model import Layout
from mdjax.ops.nms import compute_nms

Interface = Mapping[str, Any]
"""`inputs`, in their order, and `outputs` by name: axes, shape and type of each."""

_AXES: dict[Layout, str] = {"nchw": "b c h w", "nhwc": "b h w c"}
_CHANNELS = {1: "thermal", 3: "red, green, blue", 4: "red, green, blue, thermal"}


def answer_by_name(deployment: Deployment, results: Sequence[Any]) -> dict[str, Any]:
    """Name what a network answers; where its head selects boxes, select them."""
    nms = deployment.head.nms
    if nms is None:
        return dict(zip(deployment.output_names, results, strict=True))
    boxes_xyxy_px, scores = results
    return dict(vars(compute_nms(boxes_xyxy_px, scores, nms)))


def describe_stablehlo(deployment: Deployment) -> Interface:
    """Describe the StableHLO file: any number of images, channels last."""
    answered = _compute_shapes(deployment, 1)
    meaning = {**deployment.head.outputs, **({} if deployment.head.nms is None else IS_VALID)}
    outputs = {
        name: _describe_output(meaning[name], ["b", *shape.shape[1:]], shape.dtype)
        if meaning[name].axes.startswith("b ")
        else _describe_output(meaning[name], shape.shape, shape.dtype)
        for name, shape in answered.items()
    }
    return {"inputs": _describe_inputs(deployment, "b h w c", "b"), "outputs": outputs}


def describe_onnx(deployment: Deployment, layout: Layout, batch_size: int) -> Interface:
    """Describe the ONNX file: a fixed number of images, answers with their channels first."""
    inputs = _describe_inputs(deployment, _AXES[layout], batch_size)
    described: dict[str, Any] = {}
    answered = _compute_shapes(deployment, batch_size)
    for name, output in deployment.head.outputs.items():
        shape, dtype, axes = answered[name].shape, answered[name].dtype, output.axes
        if deployment.head.nms is not None:
            # One image, as many rows as there are boxes, and ONNX's own type of indices.
            axes, shape = axes.removeprefix("b "), ("n", *shape[2:])
            dtype = np.dtype(np.int64) if name == "class_ids" else dtype
        elif len(shape) == 4:
            b, h, w, c = axes.split()
            axes, shape = f"{b} {c} {h} {w}", (shape[0], shape[3], shape[1], shape[2])
        described[name] = _describe_output(Output(axes, output.says), shape, dtype)
    return {"inputs": inputs, "outputs": described}


def _compute_shapes(deployment: Deployment, batch_size: int) -> dict[str, jax.ShapeDtypeStruct]:
    def run(*images: jax.Array) -> dict[str, Any]:
        return answer_by_name(deployment, deployment.run(*images))

    return jax.eval_shape(run, *deployment.list_shapes(batch_size))


def _describe_output(output: Output, shape: Sequence[Any], dtype: Any) -> dict[str, Any]:
    return {"axes": output.axes, "shape": [*shape], "type": str(dtype), "meaning": output.says}


def _describe_inputs(deployment: Deployment, axes: str, batch_size: Any) -> list[dict[str, Any]]:
    is_uint8 = deployment.input_type == "uint8"
    described = []
    for x in deployment.inputs:
        height, width = x.size_hw
        sizes = {"b": batch_size, "h": height, "w": width, "c": x.num_channels}
        described.append(
            {
                "name": x.name,
                "axes": axes,
                "shape": [sizes[axis] for axis in axes.split()],
                "size_wh": [width, height],
                "type": "uint8" if is_uint8 else "float32",
                "range": [0, 255] if is_uint8 else [0.0, 1.0],
                "channels": _CHANNELS[x.num_channels],
                "normalisation": "none: it is part of the network",
            }
        )
    return described
