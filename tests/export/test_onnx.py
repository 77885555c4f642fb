"""ONNX models answer what JAX answers: each operator, and whole networks."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest

from mdjax.export.deployment import Deployment, deploy
from mdjax.export.graph import trace
from mdjax.export.measuring import compare_outputs, make_random_images
from mdjax.export.onnx_graph import write_onnx
from mdjax.export.onnx_model import create_onnx_model
from mdjax.export.onnx_operators import EMITTERS
from mdjax.export.simplification import simplify
from mdjax.models.captured import CapturedNetwork
from mdjax.models.config import (
    CskNetConfig,
    DecisionLevelConfig,
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    ThermalOnlyConfig,
    VisibleOnlyConfig,
)
from mdjax.models.heads.fpn import upsample_nearest
from mdjax.models.layers import max_pool_halving
from mdjax.ops.linear_maps import depth_to_space, map_cells, separate_border
from mdjax.ops.nms import compute_detections
from mdjax.ops.resize import adaptive_average_pool, resize_bilinear
from mdjax.types import AnchorPrediction, MdjaxError
from tests.export.networks import CLASS_NAMES, create_loaded

IMAGE = jax.ShapeDtypeStruct((1, 6, 9, 2), jnp.float32)
CELLS = np.random.default_rng(0).random((2 * 2 * 6 * 9, 10), np.float32)
ROWS = jax.ShapeDtypeStruct((3, 4), jnp.float32)


def to_channels_first(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 else x


def to_channels_last(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


def run_model(model: onnx.ModelProto, *images: np.ndarray) -> list[np.ndarray]:
    """Run a model on inputs as they are, in its order."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [x.name for x in session.get_inputs()]
    return list(session.run(None, dict(zip(names, images, strict=True))))  # pyright: ignore


OPERATORS: dict[str, tuple[Callable[..., Any], jax.ShapeDtypeStruct]] = {
    "arithmetic": (lambda x: -(x * 3.0 - 1.0) / 2.0 + x / (1.0 + x), IMAGE),
    "per channel": (lambda x: x * jnp.float32([2, 3]) + jnp.float32([4, 5]), IMAGE),
    "functions": (lambda x: jnp.tanh(jnp.exp(x)) + jnp.sqrt(x) + jnp.log1p(x), ROWS),
    "more functions": (lambda x: jax.lax.rsqrt(x) + jax.nn.sigmoid(x) + x**3 + jnp.abs(x), ROWS),
    "comparisons": (lambda x: jnp.where((x > 0.5) & (x != 0.7), x, jnp.minimum(2 * x, 1)), ROWS),
    "clip": (lambda x: jax.lax.clamp(0.2, x, 0.7), IMAGE),
    "maximum": (lambda x: jnp.maximum(x - 0.5, 0) + jnp.maximum(x, 0.3), IMAGE),
    "concatenation": (lambda x: jnp.concatenate([x, 2 * x], axis=-1), IMAGE),
    "split": (lambda x: jnp.split(x, 2, axis=-1)[0] - jnp.split(x, 2, axis=-1)[1], IMAGE),
    "slice": (lambda x: x[:, 1:5:2, 2:, :1], IMAGE),
    "flattening": (lambda x: x.reshape(1, -1, 2), IMAGE),
    "images from rows": (lambda x: x.reshape(1, 3, 2, 2) + 1, ROWS),
    "transpose": (lambda x: jnp.transpose(x, (0, 2, 1, 3)), IMAGE),
    "broadcast": (lambda x: jnp.broadcast_to(x[..., :1], x.shape) * x, IMAGE),
    "mean": (lambda x: x - x.mean(axis=(1, 2), keepdims=True), IMAGE),
    "sums": (lambda x: jnp.sum(x, axis=-1) + jnp.max(x, axis=-1) - jnp.min(x, axis=-1), IMAGE),
    "softmax": (lambda x: jax.nn.softmax(x, axis=-1), IMAGE),
    "argmax": (lambda x: jnp.argmax(x, axis=-1).astype(jnp.uint8), IMAGE),
    "product": (lambda x: x @ jnp.arange(8.0).reshape(4, 2), ROWS),
    "bilinear": (lambda x: resize_bilinear(x, size_hw=(9, 5)), IMAGE),
    "nearest": (lambda x: upsample_nearest(x, size_hw=(12, 17)), IMAGE),
    "halving": (max_pool_halving, IMAGE),
    "mean of all": (lambda x: adaptive_average_pool(x, size_hw=(1, 1)), IMAGE),
    "even windows": (lambda x: adaptive_average_pool(x, size_hw=(2, 3)), IMAGE),
    "uneven windows": (lambda x: adaptive_average_pool(x, size_hw=(4, 2)), IMAGE),
    "cells": (lambda x: map_cells(CELLS, x, 2 * x, size_hw=(2, 5), num_taps=2), IMAGE),
    "border": (lambda x: separate_border(x[..., :1]), IMAGE),
    "blocks": (lambda x: depth_to_space(x.reshape(1, 3, 2, 18)[..., :8] + 1, block_size=2), IMAGE),
    "flax max pool": (lambda x: nn_pool("max_pool", x), IMAGE),
    "flax average pool": (lambda x: nn_pool("avg_pool", x), IMAGE),
}


def nn_pool(name: str, x: jax.Array) -> jax.Array:
    import flax.linen as nn

    return getattr(nn, name)(x, (2, 3), strides=(2, 2), padding=((0, 0), (1, 1)))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("opset", [13, 18])
def test_operator_answers_as_in_jax(name: str, opset: int) -> None:
    function, shape = OPERATORS[name]
    graph = trace(function, shape)
    model = write_onnx(graph, EMITTERS, input_names=["x"], output_names=["y"], opset=opset)
    x = np.random.default_rng(0).uniform(0.1, 0.9, shape.shape).astype(np.float32)
    (found,) = run_model(model, to_channels_first(x))
    np.testing.assert_allclose(
        to_channels_last(found), function(jnp.asarray(x)), rtol=1e-5, atol=1e-6
    )


def answer(deployment: Deployment, images: list[Any]) -> list[np.ndarray]:
    """What the network says as trained."""
    run: Any = jax.jit(deployment.run)
    return [np.asarray(x) for x in run(*images)]


@pytest.mark.parametrize(
    "network",
    [
        *(VisibleOnlyConfig, ThermalOnlyConfig, ImageLevelConfig, MdStudentConfig),
        *(FeatureLevelConfig, DecisionLevelConfig, CskNetConfig),
    ],
)
@pytest.mark.parametrize("detects", [False, True])
def test_network_answers_as_in_jax(network: Any, detects: bool) -> None:
    """Images whose sides are no multiples of the strides: nothing fits by chance."""
    deployment = deploy(create_loaded(network, detects=detects, size_hw=(36, 52)))
    images = make_random_images(deployment)
    expected = answer(deployment, images)
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment)
    found = run_model(model, *map(to_channels_first, images))
    assert compare_outputs(expected, [to_channels_last(x) for x in found]) < 1e-4


def test_student_needs_no_transposes_and_takes_few_channels() -> None:
    """Boards want convolutions [o c h w] in one order of axes, and one thermal channel."""
    deployment = deploy(create_loaded())
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment)
    kinds = Counter(node.op_type for node in model.graph.node)
    assert set(kinds) <= {
        *("Cast", "Resize", "Concat", "Conv", "Relu", "Add", "Mul", "Sigmoid", "MatMul"),
        *("GlobalAveragePool", "AveragePool", "Identity", "Reshape"),
    }
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    kernel = next(x for x in model.graph.initializer if x.name == first.input[1])
    assert kernel.dims[1] == 3 + 1 + 1  # With the constant that makes the border exact.
    assert first.name.startswith("MdStudent/backbone/conv1")


@pytest.mark.parametrize(
    ("in_one_array", "input_type", "layout"),
    [(False, "float", "nhwc"), (True, "uint8", "nchw"), (True, "float", "nhwc")],
)
def test_images_are_taken_as_asked(in_one_array: bool, input_type: Any, layout: Any) -> None:
    deployment = deploy(create_loaded(), in_one_array=in_one_array, input_type=input_type)
    images = make_random_images(deployment)
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment, layout=layout)
    given = images if layout == "nhwc" else [to_channels_first(x) for x in images]
    assert len(given) == (1 if in_one_array else 2)
    found = run_model(model, *given)
    expected = answer(deployment, images)
    assert compare_outputs(expected, [to_channels_last(x) for x in found]) < 1e-4


@pytest.mark.parametrize("detects", [False, True], ids=["labels", "boxes"])
@pytest.mark.parametrize(("missing", "left"), [("visible", "thermal"), ("thermal", "visible")])
def test_missing_image_is_no_input(missing: Any, left: str, detects: bool) -> None:
    """What is left answers as that branch does; the other image is not looked at."""
    loaded = create_loaded(CskNetConfig, detects=detects)
    deployment = deploy(loaded, missing=missing)
    assert [x.name for x in deployment.inputs] == [left]
    images = make_random_images(deployment)
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment)
    found = [to_channels_last(x) for x in run_model(model, *map(to_channels_first, images))]
    assert compare_outputs(answer(deployment, images), found) < 1e-4
    both = deploy(loaded)
    pair = make_random_images(both)
    pair[[x.name for x in both.inputs].index(left)] = images[0]
    assert compare_outputs(answer(both, pair), found) > 1e-2


def test_selected_boxes_are_those_of_the_evaluation() -> None:
    loaded = create_loaded(detects=True, size_hw=(64, 64))
    deployment = deploy(loaded, head="nms")
    images = make_random_images(deployment)
    raw = answer(deploy(loaded, head="raw"), images)
    expected: Any = jax.device_get(
        compute_detections(AnchorPrediction(*raw), (64, 64), deployment.head.nms)
    )
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment)
    boxes, scores, class_ids = run_model(model, *map(to_channels_first, images))
    count = int(expected.is_valid.sum())
    assert 0 < count == len(scores) == len(class_ids)
    np.testing.assert_allclose(scores, expected.scores[0, :count], rtol=1e-4)
    np.testing.assert_allclose(boxes, expected.boxes_xyxy_px[0, :count], atol=1e-2)


def test_any_captured_network_is_written() -> None:
    import flax.linen as nn

    module = nn.Sequential([nn.Conv(4, (3, 3), strides=2), nn.gelu, nn.Conv(2, (1, 1))])
    network = CapturedNetwork(module, {}, train_arguments=lambda train: {})
    variables = network.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))

    def function(x: jax.Array) -> Any:
        output: Any = network.apply(variables, x, train=False)
        return output.prediction

    graph = trace(function, jax.ShapeDtypeStruct((1, 8, 8, 3), jnp.float32))
    model = write_onnx(graph, EMITTERS, input_names=["x"], output_names=["y"])
    x = np.random.default_rng(0).random((1, 8, 8, 3), np.float32)
    (found,) = run_model(model, to_channels_first(x))
    np.testing.assert_allclose(to_channels_last(found), function(jnp.asarray(x)), atol=1e-5)


def test_operation_that_cannot_be_written_is_named() -> None:
    graph = trace(lambda x: jnp.sort(x, axis=-1), ROWS)
    with pytest.raises(MdjaxError, match="no ONNX operator is known for sort"):
        write_onnx(graph, EMITTERS, input_names=["x"], output_names=["y"])


@pytest.mark.parametrize("opset", [12, 99])
def test_opset_that_does_not_do_is_refused(opset: int) -> None:
    graph = trace(lambda x: x + 1, ROWS)
    with pytest.raises(MdjaxError, match=f"opset is {opset}; give 13 to"):
        write_onnx(graph, EMITTERS, input_names=["x"], output_names=["y"], opset=opset)


def test_model_carries_its_facts() -> None:
    deployment = deploy(create_loaded())
    facts = {"class_names": json.dumps(CLASS_NAMES)}
    model = create_onnx_model(simplify(deployment)[-1].graph, deployment, metadata=facts)
    assert {x.key: x.value for x in model.metadata_props} == facts
