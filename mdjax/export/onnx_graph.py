"""A graph as an ONNX model: names, constants, layout and the nodes of each operation."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mdjax.export.graph import Graph, Input, Operation, Value, compact
from mdjax.types import MdjaxError

MIN_OPSET = 13  # The first with quantisation per channel.
DEFAULT_OPSET = 17

TO_NCHW, TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)
"""Permutations of the axes of a batch of images."""

Emit = Callable[["OnnxWriter", Operation], None]
"""Adds the nodes of an operation and names its outputs."""


Finish = Callable[["OnnxWriter", Sequence[str], Sequence[str]], list[onnx.ValueInfoProto]]
"""From the names of a graph's results, and of the outputs, to the outputs; adds nodes."""


@dataclass
class OnnxWriter:
    """Collects the nodes of a model; arrays of four axes, [b h w c] here, are [b c h w] there.

    Attributes:
        graph: What is written.
        opset: Version of ONNX's operators.
        names: Of values, once something computes them.
        nodes: So far.
        constants: Initialisers by name.
        users: The operations that read each value.
    """

    graph: Graph
    opset: int
    names: dict[Value, str] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    users: Mapping[Value, Sequence[Operation]] = field(init=False)
    _taken: dict[str, int] = field(default_factory=dict)

    def __post_init__(self):
        self.users = self.graph.find_users()

    def add(
        self,
        kind: str,
        inputs: Sequence[str],
        *,
        scope: str = "",
        num_outputs: int = 1,
        **attributes: Any,
    ) -> str:
        """Add a node and return the name of its first output; the others end in .1, .2 and so on.

        Raises:
            MdjaxError: The opset has no such operator.
        """
        if not onnx.defs.has(kind, self.opset):
            raise MdjaxError(
                f"opset {self.opset} has no operator {kind}; give a newer one with --opset."
            )
        name = self._name_node(kind, scope)
        outputs = [name, *(f"{name}.{i}" for i in range(1, num_outputs))]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=name, **attributes))
        return name

    def add_constant(self, array: np.ndarray, hint: str = "constant") -> str:
        """Store an array, and return its name."""
        name = self._name_node(hint, "")
        # `ascontiguousarray` would add an axis to a scalar.
        self.constants[name] = np.array(array, order="C")
        return name

    def read(self, x: Input, *, broadcast: bool = False) -> str:
        """Return the name of what an operation reads.

        Args:
            x: A value or a constant.
            broadcast: Axes along which a constant repeats itself may be 1 long.
        """
        if isinstance(x, Value):
            return self.names[x]
        array = compact(x) if broadcast else np.asarray(x)
        return self.add_constant(array.transpose(TO_NCHW) if array.ndim == 4 else array)

    def read_as_written(self, x: Input, scope: str = "") -> str:
        """Return the name of an array with its axes in the order of JAX."""
        if isinstance(x, np.ndarray):
            return self.add_constant(x)
        name, shape = self.names[x], x.shape
        if len(shape) != 4:
            return name
        if shape[3] == 1 or shape[1] * shape[2] == 1:  # Both orders are one.
            return self.reshape(name, shape, scope)
        return self.add("Transpose", [name], perm=TO_NHWC, scope=scope)

    def reshape(self, name: str, shape: Sequence[int], scope: str = "") -> str:
        """Add a Reshape."""
        sizes = self.add_constant(np.asarray(shape, np.int64), "shape")
        return self.add("Reshape", [name, sizes], scope=scope)

    def name_output(self, result: str, name: str) -> None:
        """Return a result under the name of an output."""
        self.nodes.append(helper.make_node("Identity", [result], [name], name=name))

    def _name_node(self, kind: str, scope: str) -> str:
        base = "/".join(filter(None, (re.sub(r"[^\w/.]", "_", scope), kind)))
        count = self._taken[base] = self._taken.get(base, -1) + 1
        return f"{base}_{count}" if count else base


def write_onnx(
    graph: Graph,
    emitters: Mapping[str, Emit],
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    opset: int = DEFAULT_OPSET,
    channels_last: bool = False,
    metadata: Mapping[str, str] | None = None,
    finish: Finish | None = None,
) -> onnx.ModelProto:
    """Write a graph as an ONNX model, and check it.

    Args:
        graph: With shapes of numbers alone.
        emitters: How each kind of operation is written.
        input_names: Of the inputs.
        output_names: Of the outputs.
        opset: Version of ONNX's operators.
        channels_last: Take images as [b h w c]; else as [b c h w]. Outputs of four axes are
            [b c h w] in both cases.
        metadata: Facts that the model carries.
        finish: Adds what comes behind the graph, in the place of its outputs.

    Raises:
        MdjaxError: An operation has no emitter, or the opset lacks an operator.
    """
    newest = onnx.defs.onnx_opset_version()
    if not MIN_OPSET <= opset <= newest:
        raise MdjaxError(f"opset is {opset}; give {MIN_OPSET} to {newest}.")
    if missing := sorted({each.kind for each in graph.operations} - set(emitters)):
        raise MdjaxError(
            f"no ONNX operator is known for {', '.join(missing)}; networks made of the operations "
            "of mdjax.models can be written, and any whose operations are among "
            f"{', '.join(sorted(emitters))}."
        )
    writer = OnnxWriter(graph, opset)
    inputs = [
        _add_input(writer, value, name, channels_last=channels_last)
        for value, name in zip(graph.inputs, input_names, strict=True)
    ]
    for operation in graph.operations:
        if not all(value in writer.names for value in operation.outputs):
            emitters[operation.kind](writer, operation)
    results = [writer.read(x) for x in graph.outputs]
    outputs = (finish or _return_outputs)(writer, results, output_names)
    onnx_graph = helper.make_graph(
        writer.nodes,
        "mdjax",
        inputs,
        outputs,
        [numpy_helper.from_array(array, name) for name, array in writer.constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        onnx_graph,
        opset_imports=opsets,
        producer_name="mdjax",
        ir_version=helper.find_min_ir_version_for(opsets),
    )
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_input(
    writer: OnnxWriter, value: Value, name: str, *, channels_last: bool
) -> onnx.ValueInfoProto:
    shape = value.shape if channels_last else _get_shape(value)
    writer.names[value] = name
    if channels_last and len(value.shape) == 4:
        is_grey = value.shape[3] == 1
        writer.names[value] = (
            writer.reshape(name, _get_shape(value))
            if is_grey
            else writer.add("Transpose", [name], perm=TO_NCHW)
        )
    return helper.make_tensor_value_info(name, _get_type(value), shape)


def _return_outputs(
    writer: OnnxWriter, results: Sequence[str], output_names: Sequence[str]
) -> list[onnx.ValueInfoProto]:
    outputs = []
    for x, result, name in zip(writer.graph.outputs, results, output_names, strict=True):
        writer.name_output(result, name)
        outputs.append(helper.make_tensor_value_info(name, _get_type(x), _get_shape(x)))
    return outputs


def _get_shape(x: Input) -> tuple[int, ...]:
    return tuple(x.shape[axis] for axis in TO_NCHW) if len(x.shape) == 4 else tuple(x.shape)


def _get_type(x: Input) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(x.dtype)) or TensorProto.FLOAT
