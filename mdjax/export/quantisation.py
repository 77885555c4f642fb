"""An ONNX model with 8-bit arithmetic (QDQ), calibrated on image pairs."""

import contextlib
import io
import logging
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from mdjax.export.feeds import Feed
from mdjax.export.onnx_model import Layout
from mdjax.export.onnx_session import arrange
from mdjax.export.sensitivity import LayerError
from mdjax.types import MdjaxError

KEEP_ABOVE = 0.05
"""A convolution whose output int8 alone changes by a larger share stays in float."""


def quantise(
    model: onnx.ModelProto,
    feeds: Sequence[Feed],
    errors: Sequence[LayerError],
    *,
    layout: Layout = "nchw",
    keep_above: float = KEEP_ABOVE,
    symmetric: bool = False,
) -> tuple[bytes, list[str]]:
    """Quantise convolutions to 8 bits: kernels per output channel, activations per tensor.

    The last convolutions and what follows them stay in float: with 256 steps for coordinates, boxes
    would move by a pixel.

    Args:
        model: With 32-bit floats.
        feeds: Image pairs that show what the values are like.
        errors: Of each convolution, see `measure_layer_errors`.
        layout: Order of the axes of the model's input images.
        keep_above: Convolutions of a larger error stay in float, besides the last ones.
        symmetric: Centre the steps of all values on 0, and leave biases in float, as TensorRT wants
            it. Else activations are unsigned with a zero point.

    Returns:
        The quantised model, and the names of the convolutions that stay in float.

    Raises:
        MdjaxError: ONNX Runtime is not installed.
    """
    try:
        from onnxruntime import quantization
    except ImportError as error:
        raise MdjaxError("int8 needs ONNX Runtime: pip install onnxruntime.") from error
    types = quantization.QuantType
    sensitive = {x.scope for x in errors if x.error > keep_above}
    end_nodes = find_end_nodes(model)
    kept = [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv"
        and (node.name in end_nodes or node.name.rpartition("/")[0] in sensitive)
    ]

    class Reader(quantization.CalibrationDataReader):
        """Gives the pairs one by one."""

        def __init__(self) -> None:
            self._feeds: Iterator[Feed] = iter(feeds)

        def get_next(self) -> Any:
            feed = next(self._feeds, None)
            if feed is None:
                return None
            return {name: arrange(np.asarray(image), layout) for name, image in feed.items()}

    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "int8.onnx"
        copy = onnx.ModelProto()
        copy.CopyFrom(model)  # What is quantised is changed on the way.
        quantization.quantize_static(
            copy,
            path,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MaxPool", "Concat", "Resize", "Add", "Relu"],
            per_channel=True,
            activation_type=types.QInt8 if symmetric else types.QUInt8,
            weight_type=types.QInt8,
            nodes_to_exclude=[*kept, *_find_nodes_behind(model, end_nodes)],
            # Without outliers, steps would be finer, but scores of detectors differ twice as much.
            calibrate_method=quantization.CalibrationMethod.MinMax,
            extra_options={
                "ActivationSymmetric": symmetric,
                "QuantizeBias": not symmetric,
            },
        )
        return path.read_bytes(), kept


def find_end_nodes(model: onnx.ModelProto) -> list[str]:
    """Name the convolutions that no other convolution depends on: the last ones of the network."""
    convolutions = {node.name for node in model.graph.node if node.op_type == "Conv"}
    behind: dict[str, set[str]] = {}
    for node in model.graph.node:
        of_inputs = set().union(*(behind.get(name, set()) for name in node.input))
        convolutions -= of_inputs if node.op_type == "Conv" else set()
        reached = {node.name} if node.op_type == "Conv" else of_inputs
        behind.update(dict.fromkeys(node.output, reached))
    return sorted(convolutions)


def _find_nodes_behind(model: onnx.ModelProto, names: Sequence[str]) -> list[str]:
    """Names of the nodes that depend on others, in the order of the model."""
    reached, found = set[str](), list[str]()
    for node in model.graph.node:
        if node.name in names:
            reached.update(node.output)
        elif reached.intersection(node.input):
            reached.update(node.output)
            found.append(node.name)
    return found


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drop what ONNX Runtime prints of its progress, and its advice to optimise the model first."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.root.setLevel(level)
