"""The thermal part of the first convolution at the resolution of the sensor, borders included."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.export.convolution import find_convolution
from mdjax.export.deployment import deploy
from mdjax.export.folding import fold_after_convolutions
from mdjax.export.graph import Graph, trace
from mdjax.export.low_resolution_stem import convolve_at_low_resolution
from mdjax.export.measuring import compare_outputs, make_random_images
from mdjax.export.onnx_model import create_onnx_model
from mdjax.export.onnx_session import open_session
from mdjax.export.simplification import simplify
from mdjax.ops.operator import PREFIX
from mdjax.ops.resize import resize_bilinear
from mdjax.runs.loading import LoadedNetwork
from mdjax.types import MdjaxError
from tests.export.networks import create_loaded


def convolve(x: Any, kernel: Any, stride: int, padding: int) -> jax.Array:
    return jax.lax.conv_general_dilated(
        x,
        jnp.asarray(kernel),
        (stride, stride),
        ((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def trace_stem(
    thermal_hw: tuple[int, int],
    size_hw: tuple[int, int],
    *,
    stride: int = 2,
    size: int = 7,
    bias: float = 0.0,
) -> tuple[Graph, list[jax.ShapeDtypeStruct]]:
    """The stem of a student: visible image and enlarged thermal one in one convolution."""
    kernel = np.random.default_rng(0).normal(size=(size, size, 4, 3))

    def function(visible: jax.Array, thermal: jax.Array) -> jax.Array:
        pair = [visible, resize_bilinear(thermal, size_hw=size_hw)]
        return convolve(jnp.concatenate(pair, axis=-1), kernel, stride, size // 2) + bias

    shapes = [
        jax.ShapeDtypeStruct((2, *size_hw, 3), jnp.float64),
        jax.ShapeDtypeStruct((2, *thermal_hw, 1), jnp.float64),
    ]
    return fold_after_convolutions(trace(function, *shapes)), shapes


def list_kernels(graph: Graph) -> list[tuple[int, ...]]:
    found = filter(None, map(find_convolution, graph.operations))
    return [x.kernel_hwio.shape for x in found]


def compare(graph: Graph, rewritten: Graph, shapes: list[jax.ShapeDtypeStruct]) -> np.ndarray:
    """Largest difference of each output position [h w], relative to the largest value."""
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=shape.shape) for shape in shapes]
    expected, found = (np.asarray(run(*arrays)[0]) for run in (graph, rewritten))
    assert found.shape == expected.shape
    return np.abs(found - expected).max(axis=(0, 3)) / np.abs(expected).max()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("thermal_hw", "scale", "stride", "size"),
    [
        *(((5, 7), scale, 2, 7) for scale in (2, 4, 8)),
        *(((2, 3), 2, 2, 7), ((3, 5), 6, 2, 5), ((4, 3), 3, 1, 7), ((3, 4), 4, 1, 3)),
    ],
)
def test_stem_answers_the_same_at_each_border(
    thermal_hw: tuple[int, int], scale: int, stride: int, size: int
) -> None:
    """Sides that are no powers of two; the corners and the outermost rows and columns too."""
    size_hw = (thermal_hw[0] * scale, thermal_hw[1] * scale)
    graph, shapes = trace_stem(thermal_hw, size_hw, stride=stride, size=size, bias=0.5)
    rewritten = convolve_at_low_resolution(graph)
    visible, thermal = sorted(list_kernels(rewritten), key=lambda shape: shape[2])
    assert visible == (size, size, 3, 3)
    assert thermal[2:] == (4, 3 * (scale // stride) ** 2)
    difference = compare(graph, rewritten, shapes)
    for border in (difference[:2], difference[-2:], difference[:, :2], difference[:, -2:]):
        np.testing.assert_array_less(border, 1e-6)
    np.testing.assert_array_less(difference, 1e-6)


@pytest.mark.usefixtures("float64")
def test_border_has_channels_of_its_own() -> None:
    """Without them a small image of ones would be continued by zeros a pixel too far, or too near.

    Enlarged by 2, a 3×3 kernel of ones with stride 2 sums 9 ones inside, 6 at the first row (row -1
    is 0) and 9 at the last one, which reads the rows 4, 5 and 6 of 8.
    """
    thermal = jax.ShapeDtypeStruct((1, 4, 4, 1), jnp.float64)
    visible = jax.ShapeDtypeStruct((1, 8, 8, 1), jnp.float64)
    kernel = np.stack([np.zeros((3, 3, 1)), np.ones((3, 3, 1))], axis=2)

    def function(visible: jax.Array, thermal: jax.Array) -> jax.Array:
        enlarged = resize_bilinear(thermal, size_hw=(8, 8))
        return convolve(jnp.concatenate([visible, enlarged], axis=-1), kernel, 2, 1)

    rewritten = convolve_at_low_resolution(trace(function, visible, thermal))
    assert len(list_kernels(rewritten)) == 2
    (found,) = rewritten(np.ones(visible.shape), np.ones(thermal.shape))
    expected = np.full((4, 4), 9.0)
    expected[0] = expected[:, 0] = 6
    expected[0, 0] = 4
    np.testing.assert_allclose(np.asarray(found)[0, :, :, 0], expected, atol=1e-6)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("thermal_hw", "size_hw"),
    [
        ((5, 7), (15, 21)),  # An odd scale.
        ((5, 7), (12, 16)),  # No whole scale.
        ((4, 4), (8, 16)),  # Another scale for rows than for columns.
        ((12, 16), (12, 16)),  # The sensor has the working size.
        ((1, 4), (4, 16)),  # A single row has no inner pixels.
    ],
)
def test_other_scales_stay_as_they_are(
    thermal_hw: tuple[int, int], size_hw: tuple[int, int]
) -> None:
    graph, shapes = trace_stem(thermal_hw, size_hw)
    rewritten = convolve_at_low_resolution(graph)
    assert list_kernels(rewritten) == list_kernels(graph) == [(7, 7, 4, 3)]
    assert compare(graph, rewritten, shapes).max() == 0


def test_thermal_image_alone_stays() -> None:
    """At full resolution the constant channel would be left, which costs as much by itself."""
    kernel = np.ones((7, 7, 1, 2), np.float32)
    graph = trace(
        lambda x: convolve(resize_bilinear(x, size_hw=(16, 24)), kernel, 2, 3),
        jax.ShapeDtypeStruct((1, 4, 6, 1), jnp.float32),
    )
    assert list_kernels(convolve_at_low_resolution(graph)) == [(7, 7, 1, 2)]


@pytest.mark.parametrize("detects", [False, True])
@pytest.mark.parametrize("resolution", ["4x", "16x", "64x"])
def test_student_answers_the_same_in_each_format(detects: bool, resolution: str) -> None:
    """A working size of 40×56 is no multiple of the strides; the sensor has 2, 4, 8 times less."""
    deployment = deploy(see_with(create_loaded(detects=detects, size_hw=(40, 56)), resolution))
    *_, before, last = simplify(deployment, low_resolution_stem=True)
    kinds = [operation.kind for operation in last.graph.operations]
    assert f"{PREFIX}depth_to_space" in kinds or resolution == "4x"
    assert f"{PREFIX}separate_border" in kinds
    images = make_random_images(deployment)
    expected = [np.asarray(x) for x in before.graph(*images)]
    assert compare_outputs(expected, [np.asarray(x) for x in last.graph(*images)]) < 1e-5
    model, model_before = (create_onnx_model(x.graph, deployment) for x in (last, before))
    new = {node.op_type for node in model.graph.node}
    new -= {node.op_type for node in model_before.graph.node}
    assert new <= {"Pad", "Mul", "DepthToSpace"}
    feed = {x.name: image for x, image in zip(deployment.inputs, images, strict=True)}
    assert compare_outputs(expected, open_session(model.SerializeToString())(feed)) < 1e-4


def test_network_without_a_low_resolution_is_refused() -> None:
    loaded = create_loaded(size_hw=(36, 52))
    deployment = deploy(see_with(loaded, "full"))
    with pytest.raises(MdjaxError, match="omit --low-resolution-stem"):
        simplify(deployment, low_resolution_stem=True)
    with pytest.raises(MdjaxError, match="omit --low-resolution-stem"):
        simplify(deploy(loaded, in_one_array=True), low_resolution_stem=True)


def see_with(loaded: LoadedNetwork, resolution: str) -> LoadedNetwork:
    """The same network with another thermal camera."""
    pipeline = loaded.config.pipeline
    camera = replace(pipeline.camera, resolution=resolution)
    return replace(loaded, config=replace(loaded.config, pipeline=replace(pipeline, camera=camera)))
