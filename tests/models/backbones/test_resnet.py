"""ResNet-18: shapes, sizes, dilation and options."""

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from mdjax.models.backbones.resnet import Backbone, ResNetOptions, Trunk
from mdjax.types import MdjaxError
from tests.models.factories import (
    compute_output_shapes,
    compute_variable_shapes,
    count_parameters,
    create_variables,
    run,
)

Stem = Literal[1, 2, 4]


def compute_stage_shapes(options: ResNetOptions, image: jax.ShapeDtypeStruct) -> list[Any]:
    c3, c4 = compute_output_shapes(Backbone(options), image)
    return [c3, c4, compute_output_shapes(Trunk(options), c4)]


@pytest.mark.parametrize("stem_stride", [1, 2, 4])
@pytest.mark.parametrize("factor", [8, 4, 2])
def test_stages_have_the_strides_of_the_options(stem_stride: Stem, factor: int) -> None:
    """Without dilation C3, C4, C5 have 2, 4, 8 times the stem's stride; dilation caps them."""
    options = ResNetOptions(1.0, stem_stride, factor * stem_stride)
    image = jax.ShapeDtypeStruct((2, 64, 128, 3), jnp.float32)
    for natural, channels, shape in zip(
        (2, 4, 8), (128, 256, 512), compute_stage_shapes(options, image), strict=True
    ):
        stride = stem_stride * min(natural, factor)
        assert shape.shape == (2, 64 // stride, 128 // stride, channels)


def test_odd_image_sizes_round_up() -> None:
    """125 -> 63 -> 32 (pool) -> 16 -> 8 -> 4, as with PyTorch's padding; 90 -> 45, 23, 12, 6, 3."""
    image = jax.ShapeDtypeStruct((1, 125, 90, 3), jnp.float32)
    shapes = compute_stage_shapes(ResNetOptions(), image)
    assert [shape.shape[1:3] for shape in shapes] == [(16, 12), (8, 6), (4, 3)]


@pytest.mark.parametrize(("width", "channels"), [(0.5, (64, 128, 256)), (2.0, (256, 512, 1024))])
def test_width_multiplies_the_channels(width: float, channels: tuple[int, ...]) -> None:
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    shapes = compute_stage_shapes(ResNetOptions(width=width), image)
    assert tuple(shape.shape[-1] for shape in shapes) == channels


def test_resnet18_has_the_parameters_of_torchvision() -> None:
    """11,689,512 of torchvision's resnet18 less 513,000 of its classifier (512·1000 + 1000)."""
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    c4 = jax.ShapeDtypeStruct((1, 4, 4, 256), jnp.float32)
    backbone = count_parameters(compute_variable_shapes(Backbone(ResNetOptions()), image))
    trunk = count_parameters(compute_variable_shapes(Trunk(ResNetOptions()), c4))
    assert backbone + trunk == 11_176_512


def test_stem_and_output_stride_leave_the_parameters_alone() -> None:
    """Pretrained weights fit every choice."""
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    standard = compute_variable_shapes(Backbone(ResNetOptions(0.25)), image)
    other = compute_variable_shapes(Backbone(ResNetOptions(0.25, 1, 2)), image)
    assert standard == other


def test_parameter_names_follow_torchvision() -> None:
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    variables = compute_variable_shapes(Backbone(ResNetOptions(0.25)), image)
    names = set(flatten_dict(variables["params"], sep="/"))
    assert {"conv1/kernel", "bn1/scale", "layer2_block0/downsample_conv/kernel"} <= names
    assert {"layer3_block1/conv2/kernel", "layer2_block0/downsample_bn/bias"} <= names
    assert not any(name.startswith("layer1_block0/downsample") for name in names)


def test_dilated_stages_compute_what_strided_ones_do_at_every_offset() -> None:
    """In evaluation mode every fourth value of C5 at stride 8 is C5 at stride 32, exactly."""
    strided, dilated = (ResNetOptions(0.125, output_stride=stride) for stride in (32, 8))
    image = jax.random.normal(jax.random.key(0), (1, 64, 96, 3))
    outputs = []
    backbone_variables = create_variables(Backbone(strided), image)
    c4_shape = (1, 4, 6, strided.stage_channels(3))
    trunk_variables = create_variables(Trunk(strided), jnp.zeros(c4_shape))
    for options in (strided, dilated):
        _, c4 = run(Backbone(options), backbone_variables, image)
        outputs.append((c4, run(Trunk(options), trunk_variables, c4)))
    (coarse_c4, coarse_c5), (fine_c4, fine_c5) = outputs
    assert fine_c5.shape == (1, 8, 12, 64)
    np.testing.assert_allclose(fine_c4[:, ::2, ::2], coarse_c4, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(fine_c5[:, ::4, ::4], coarse_c5, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0.0}, r"width is 0\.0; give a number above 0"),
        ({"width": -1.0}, r"width is -1\.0"),
        ({"stem_stride": 3}, r"stem_stride is 3; give 1, 2 or 4"),
        ({"output_stride": 4}, r"output_stride is 4; with stem_stride 4 it can be 32, 16 or 8"),
        ({"stem_stride": 1, "output_stride": 32}, r"it can be 8, 4 or 2"),
    ],
)
def test_impossible_options_are_refused(
    changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users run without the type checks of these tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(MdjaxError, match=message):
        ResNetOptions(**changes)


def test_batch_statistics_move_only_in_training() -> None:
    """One step moves mean and (biased) variance a tenth of the way to those of the batch."""
    options = ResNetOptions(0.0625)
    image = 3 + jax.random.normal(jax.random.key(0), (2, 16, 16, 3))
    backbone = Backbone(options)
    variables = create_variables(backbone, image)
    old = variables["batch_stats"]["bn1"]

    @functools.partial(jax.jit, static_argnames="train")
    def update(*, train: bool) -> Any:
        collections = ["batch_stats", "intermediates"]
        return backbone.apply(
            variables,
            image,
            train=train,
            mutable=collections,
            capture_intermediates=lambda module, _: module.path == ("conv1",),
        )[1]

    jax.tree.map(
        np.testing.assert_array_equal,
        dict(update(train=False)["batch_stats"]),
        variables["batch_stats"],
    )
    moved = update(train=True)
    convolved = moved["intermediates"]["conv1"]["__call__"][0]
    new = moved["batch_stats"]["bn1"]
    mean, variance = convolved.mean((0, 1, 2)), convolved.var((0, 1, 2))
    np.testing.assert_allclose(new["mean"], 0.9 * old["mean"] + 0.1 * mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(new["var"], 0.9 * old["var"] + 0.1 * variance, rtol=1e-4)
