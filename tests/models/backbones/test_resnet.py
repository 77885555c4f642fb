"""ResNet-18: shapes, sizes, dilation and options."""

import functools
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.layers import batch_norm
from mdjax.models.networks import FeatureLevel, MdStudent
from mdjax.types import MdjaxError
from tests.models.factories import (
    compute_output_shapes,
    compute_variable_shapes,
    count_parameters,
    create_head,
    create_pair,
    create_part,
    create_variables,
    run,
)

Stem = Literal[1, 2, 4]


def compute_stage_shapes(options: ResNetConfig, image: jax.ShapeDtypeStruct) -> list[Any]:
    features = compute_output_shapes(create_part(options, 2, 4), image)
    features |= compute_output_shapes(create_part(options, 5, 5), features["c4"])
    return [features[f"c{level}"] for level in (3, 4, 5)]


@pytest.mark.parametrize("stem_stride", [1, 2, 4])
@pytest.mark.parametrize("factor", [8, 4, 2])
def test_stages_have_the_strides_of_the_options(stem_stride: Stem, factor: int) -> None:
    """Without dilation C3, C4, C5 have 2, 4, 8 times the stem's stride; dilation caps them."""
    options = ResNetConfig(1.0, stem_stride, factor * stem_stride)
    image = jax.ShapeDtypeStruct((2, 64, 128, 3), jnp.float32)
    for natural, channels, shape in zip(
        (2, 4, 8), (128, 256, 512), compute_stage_shapes(options, image), strict=True
    ):
        stride = stem_stride * min(natural, factor)
        assert shape.shape == (2, 64 // stride, 128 // stride, channels)


def test_odd_image_sizes_round_up() -> None:
    """125 -> 63 -> 32 (pool) -> 16 -> 8 -> 4, as with PyTorch's padding; 90 -> 45, 23, 12, 6, 3."""
    image = jax.ShapeDtypeStruct((1, 125, 90, 3), jnp.float32)
    shapes = compute_stage_shapes(ResNetConfig(), image)
    assert [shape.shape[1:3] for shape in shapes] == [(16, 12), (8, 6), (4, 3)]


@pytest.mark.parametrize(("width", "channels"), [(0.5, (64, 128, 256)), (2.0, (256, 512, 1024))])
def test_width_multiplies_the_channels(width: float, channels: tuple[int, ...]) -> None:
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    shapes = compute_stage_shapes(ResNetConfig(width=width), image)
    assert tuple(shape.shape[-1] for shape in shapes) == channels


def test_resnet18_has_the_parameters_of_torchvision() -> None:
    """11,689,512 of torchvision's resnet18 less 513,000 of its classifier (512·1000 + 1000)."""
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    c4 = jax.ShapeDtypeStruct((1, 4, 4, 256), jnp.float32)
    backbone = count_parameters(compute_variable_shapes(create_part(ResNetConfig(), 2, 4), image))
    trunk = count_parameters(compute_variable_shapes(create_part(ResNetConfig(), 5, 5), c4))
    assert backbone + trunk == 11_176_512


def test_one_block_a_stage_is_resnet10() -> None:
    """ResNet-18 less the second block of each stage.

    Such a block of C channels has 2 · 9 C² weights and 2 · 2 C of its norms: 73,984 at 64 channels,
    295,424 at 128, 1,180,672 at 256 and 4,720,640 at 512.
    """
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    shapes = compute_variable_shapes(create_part(ResNetConfig(blocks_per_stage=1), 2, 5), image)
    assert count_parameters(shapes) == 11_176_512 - 73_984 - 295_424 - 1_180_672 - 4_720_640
    output, _ = jax.eval_shape(
        lambda x: create_part(ResNetConfig(blocks_per_stage=1), 2, 5).init_with_output(
            jax.random.key(0), x, train=False
        ),
        image,
    )
    assert {name: features.shape for name, features in output.items()} == {
        "c2": (1, 16, 16, 64),
        "c3": (1, 8, 8, 128),
        "c4": (1, 4, 4, 256),
        "c5": (1, 2, 2, 512),
    }


def test_stages_of_parameters_are_found() -> None:
    """The stem is of stage 1, in both streams; the conv1 of the student's own block is of none."""
    pair = create_pair()
    config = ResNetConfig(0.0625, 2, 8)
    head = create_head(config)
    teacher = config.find_stages(create_variables(FeatureLevel(config, head), *pair)["params"])
    marked = {path[:2] for path, stage in flatten_dict(teacher).items() if stage == 1}
    names = ("conv1", "bn1", "layer1_block0", "layer1_block1")
    assert marked == {(f"{stream}_stream", n) for stream in ("visible", "thermal") for n in names}
    student = config.find_stages(create_variables(MdStudent(config, head), *pair)["params"])
    marked = {path[:2] for path, stage in flatten_dict(student).items() if stage == 1}
    assert marked == {("backbone", name) for name in names}
    assert config.find_stages(
        {"trunk": {"layer4_block0": {"conv1": {"kernel": 0}}}, "head": {"conv1": 0}}
    ) == {"trunk": {"layer4_block0": {"conv1": {"kernel": 4}}}, "head": {"conv1": 0}}


def test_frozen_stages_get_no_gradient_and_keep_their_statistics() -> None:
    x = jax.random.normal(jax.random.key(0), (2, 32, 32, 3))
    part: Any = create_part(ResNetConfig(0.0625, 2, 8, frozen_stages=2), 2, 4)
    variables = create_variables(part, x)

    def run(params: Any) -> Any:
        features, state = part.apply(
            {**variables, "params": params}, x, train=True, mutable=["batch_stats"]
        )
        return jnp.sum(features["c4"] ** 2) + jnp.sum(features["c2"] ** 2), state

    gradient, state = jax.grad(run, has_aux=True)(variables["params"])
    for name in gradient:
        is_frozen = not name.startswith("layer3")
        changes = [jnp.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradient[name])]
        assert any(changes) != is_frozen, name
        before, after = variables["batch_stats"].get(name), state["batch_stats"].get(name)
        if before is not None:
            same = jax.tree.map(jnp.array_equal, before, after)
            assert all(jax.tree.leaves(same)) == is_frozen, name


def test_stem_and_output_stride_leave_the_parameters_alone() -> None:
    """Pretrained weights fit every choice."""
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    standard = compute_variable_shapes(create_part(ResNetConfig(0.25), 2, 4), image)
    other = compute_variable_shapes(create_part(ResNetConfig(0.25, 1, 2), 2, 4), image)
    assert standard == other


def test_parameter_names_follow_torchvision() -> None:
    image = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    variables = compute_variable_shapes(create_part(ResNetConfig(0.25), 2, 4), image)
    names = set(flatten_dict(variables["params"], sep="/"))
    assert {"conv1/kernel", "bn1/scale", "layer2_block0/downsample_conv/kernel"} <= names
    assert {"layer3_block1/conv2/kernel", "layer2_block0/downsample_bn/bias"} <= names
    assert not any(name.startswith("layer1_block0/downsample") for name in names)


def test_dilated_stages_compute_what_strided_ones_do_at_every_offset() -> None:
    """In evaluation mode every fourth value of C5 at stride 8 is C5 at stride 32, exactly."""
    strided, dilated = (ResNetConfig(0.125, output_stride=stride) for stride in (32, 8))
    image = jax.random.normal(jax.random.key(0), (1, 64, 96, 3))
    outputs = []
    backbone_variables = create_variables(create_part(strided, 2, 4), image)
    c4_shape = (1, 4, 6, strided.get_channels(4))
    trunk_variables = create_variables(create_part(strided, 5, 5), jnp.zeros(c4_shape))
    for options in (strided, dilated):
        c4 = run(create_part(options, 2, 4), backbone_variables, image)["c4"]
        outputs.append((c4, run(create_part(options, 5, 5), trunk_variables, c4)["c5"]))
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
        ({"blocks_per_stage": 3}, r"give 2 \(ResNet-18\) or 1 \(ResNet-10\)"),
    ],
)
def test_impossible_options_are_refused(
    changes: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users run without the type checks of these tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(MdjaxError, match=message):
        ResNetConfig(**changes)


def test_batch_statistics_move_only_in_training() -> None:
    """One step moves mean and (biased) variance a tenth of the way to those of the batch."""
    options = ResNetConfig(0.0625)
    image = 3 + jax.random.normal(jax.random.key(0), (2, 16, 16, 3))
    backbone = create_part(options, 2, 4)
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


@pytest.mark.slow
def test_one_set_of_kernels_runs_with_norms_of_several_kinds() -> None:
    """Rows of two cameras through the same kernels, each half normalised by statistics of its own.

    This is what a network with one encoder for two cameras needs: an injected norm that parts the
    rows, in front of kernels that do not know of it.
    """

    class PrivateNorm(nn.Module):
        train: bool
        dtype: Any

        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            parts = jnp.split(x, 2)
            normalised = [
                batch_norm(train=self.train, dtype=self.dtype, name=name)(part)
                for name, part in zip(("first", "second"), parts, strict=True)
            ]
            return jnp.concatenate(normalised)

    options = ResNetConfig(0.0625, 2, 8)
    shared = options.create_part(2, 3, norm=PrivateNorm, name="shared")
    scale = jnp.array([1.0, 1.0, 3.0, 3.0]).reshape(4, 1, 1, 1)
    images = scale * jax.random.normal(jax.random.key(0), (4, 16, 16, 3))
    variables = create_variables(shared, images)
    plain = create_variables(create_part(options, 2, 3), images)
    kernels, plain_kernels = (
        {path for path in flatten_dict(tree["params"]) if path[-1] == "kernel"}
        for tree in (variables, plain)
    )
    assert kernels == plain_kernels

    def compute_losses(params: Any) -> Any:
        features, updates = shared.apply(
            {**variables, "params": params}, images, train=True, mutable=["batch_stats"]
        )
        halves = jnp.split(features["c3"], 2)
        return jnp.stack([jnp.sum(half**2) for half in halves]), updates["batch_stats"]

    run_backward = jax.jit(jax.jacrev(compute_losses, has_aux=True))
    gradients, statistics = run_backward(variables["params"])
    # Private statistics: the deviation of the second half is about three times that of the first.
    old, new = variables["batch_stats"]["bn1"], statistics["bn1"]
    moved = [new[name]["var"] - 0.9 * old[name]["var"] for name in ("first", "second")]
    assert np.all((moved[1] > 4 * moved[0]) & (moved[1] < 20 * moved[0]))
    leaves: dict[Any, Any] = dict(flatten_dict(gradients))
    for path, gradient in leaves.items():
        of_first, of_second = (bool(np.any(gradient[half])) for half in (0, 1))
        # One set of kernels learns from both halves, a norm from its own alone.
        assert of_first == (path[-2] != "second"), path
        assert of_second == (path[-2] != "first"), path
