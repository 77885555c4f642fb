"""A simplified network as an ONNX model, with its names, its outputs and its facts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from mdjax.export.deployment import Deployment
from mdjax.export.graph import Graph
from mdjax.export.onnx_graph import DEFAULT_OPSET, OnnxWriter, write_onnx
from mdjax.export.onnx_operators import EMITTERS
from mdjax.ops.nms import NmsOptions

Layout = Literal["nchw", "nhwc"]
"""Order of the axes of input images: batch, channels, rows, columns; or channels last."""


def create_onnx_model(
    graph: Graph,
    deployment: Deployment,
    *,
    opset: int = DEFAULT_OPSET,
    layout: Layout = "nchw",
    metadata: Mapping[str, str] | None = None,
) -> onnx.ModelProto:
    """Write a network as an ONNX model.

    Args:
        graph: The simplified network, traced for the number of images of a batch.
        deployment: What it takes and answers.
        opset: Version of ONNX's operators.
        layout: Of the input images. Outputs of four axes are [b c h w] in both cases.
        metadata: Facts that the model carries.

    Raises:
        MdjaxError: As `write_onnx`.
    """
    nms = deployment.head.nms
    return write_onnx(
        graph,
        EMITTERS,
        input_names=[x.name for x in deployment.inputs],
        output_names=tuple(deployment.head.outputs),
        opset=opset,
        channels_last=layout == "nhwc",
        metadata=metadata,
        finish=None if nms is None else partial(_select_boxes, options=nms),
    )


def count_operators(model: onnx.ModelProto) -> dict[str, int]:
    """Count the operators that a compiler must know, the most frequent first."""
    return dict(Counter(node.op_type for node in model.graph.node).most_common())


def _select_boxes(
    writer: OnnxWriter, results: Sequence[str], names: Sequence[str], *, options: NmsOptions
) -> list[onnx.ValueInfoProto]:
    """Suppress duplicates class by class, and keep the best of all.

    Equal scores may come in another order than from `ops.nms`.
    """
    boxes, scores = results  # [1 a 4], [1 a k]
    by_class = writer.add("Transpose", [scores], perm=(0, 2, 1), scope="nms")
    # ONNX takes scores above the threshold, we take those that reach it.
    lowest = np.nextafter(np.float32(options.score_threshold), np.float32(-1))
    thresholds = (
        writer.add_constant(np.asarray([value], dtype))
        for value, dtype in (
            (options.max_detections, np.int64),
            (options.iou_threshold, np.float32),
            (lowest, np.float32),
        )
    )
    selected = writer.add("NonMaxSuppression", [boxes, by_class, *thresholds], scope="nms")
    first = writer.add_constant(np.asarray(0, np.int64))
    # Its rows are an image, a class and an anchor.
    best_scores = writer.add("GatherND", [by_class, selected], scope="nms")
    count = writer.add("Shape", [best_scores], scope="nms")
    most = writer.add_constant(np.asarray([options.max_detections], np.int64))
    num_rows = writer.add("Min", [count, most], scope="nms")
    top_scores = writer.add("TopK", [best_scores, num_rows], num_outputs=2, axis=0, scope="nms")
    order = f"{top_scores}.1"
    class_column, anchor_column = (
        writer.add_constant(np.asarray(column, np.int64)) for column in (1, 2)
    )
    class_ids, anchors = (
        writer.add(
            "Gather",
            [writer.add("Gather", [selected, column], axis=1, scope="nms"), order],
            axis=0,
            scope="nms",
        )
        for column in (class_column, anchor_column)
    )
    of_image = writer.add("Gather", [boxes, first], axis=0, scope="nms")
    top_boxes = writer.add("Gather", [of_image, anchors], axis=0, scope="nms")
    outputs = []
    kinds = ((TensorProto.FLOAT, ["n", 4]), (TensorProto.FLOAT, ["n"]), (TensorProto.INT64, ["n"]))
    for result, name, (kind, shape) in zip(
        (top_boxes, top_scores, class_ids), names, kinds, strict=True
    ):
        writer.name_output(result, name)
        outputs.append(helper.make_tensor_value_info(name, kind, shape))
    return outputs
