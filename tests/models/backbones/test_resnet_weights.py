"""torchvision's ResNet-18 into our trees; its names and shapes are written out here as facts."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.backbones.resnet_weights import (
    find_resnet18_scopes,
    fit_input_channels,
    initialise_from_resnet18,
)
from mdjax.models.csknet import CskNet
from mdjax.types import MdjaxError
from tests.models.factories import compute_variable_shapes, create_head, create_pair

STAGE_CHANNELS = (64, 128, 256, 512)
Shapes = dict[str, tuple[int, ...]]


def _batch_norm_shapes(name: str, channels: int) -> Shapes:
    leaves = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{leaf}": (channels,) for leaf in leaves} | {f"{name}.num_batches_tracked": ()}


def _torchvision_shapes() -> Shapes:
    shapes = {"conv1.weight": (64, 3, 7, 7)} | _batch_norm_shapes("bn1", 64)
    inputs = 64
    for stage, channels in enumerate(STAGE_CHANNELS, start=1):
        for block in (0, 1):
            prefix = f"layer{stage}.{block}"
            shapes[f"{prefix}.conv1.weight"] = (channels, inputs, 3, 3)
            shapes |= _batch_norm_shapes(f"{prefix}.bn1", channels)
            shapes[f"{prefix}.conv2.weight"] = (channels, channels, 3, 3)
            shapes |= _batch_norm_shapes(f"{prefix}.bn2", channels)
            if inputs != channels:
                shapes[f"{prefix}.downsample.0.weight"] = (channels, inputs, 1, 1)
                shapes |= _batch_norm_shapes(f"{prefix}.downsample.1", channels)
            inputs = channels
    return shapes | {"fc.weight": (1000, 512), "fc.bias": (1000,)}


@pytest.fixture(scope="module")
def tensors() -> dict[str, np.ndarray]:
    """A state dict with another number in each element of each tensor."""
    rng = np.random.default_rng(0)
    return {
        name: np.array(3) if shape == () else rng.standard_normal(shape).astype(np.float32)
        for name, shape in _torchvision_shapes().items()
    }


def _leaf(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def _stage_params(stage: int, width: int = 64) -> dict[str, Any]:
    channels = width * 2 ** (stage - 1)
    norm = {"scale": _leaf(channels), "bias": _leaf(channels)}
    params: dict[str, Any] = {}
    for block in (0, 1):
        inputs = channels // 2 if stage > 1 and block == 0 else channels
        params[f"layer{stage}_block{block}"] = {
            "conv1": {"kernel": _leaf(3, 3, inputs, channels)},
            "bn1": norm,
            "conv2": {"kernel": _leaf(3, 3, channels, channels)},
            "bn2": norm,
        }
        if inputs != channels:
            params[f"layer{stage}_block{block}"] |= {
                "downsample_conv": {"kernel": _leaf(1, 1, inputs, channels)},
                "downsample_bn": norm,
            }
    return params


def _stream_params(inputs: int, width: int = 64) -> dict[str, Any]:
    params: dict[str, Any] = {
        "conv1": {"kernel": _leaf(7, 7, inputs, width)},
        "bn1": {"scale": _leaf(width), "bias": _leaf(width)},
    }
    return params | _stage_params(1, width) | _stage_params(2, width) | _stage_params(3, width)


def _batch_stats(params: dict[str, Any]) -> dict[str, Any]:
    """One mean and one variance for every scale and bias of batch normalisation."""
    renamed = {"scale": "mean", "bias": "var"}
    flat = flatten_dict(params)
    return unflatten_dict(
        {
            (*path[:-1], renamed[path[-1]]): leaf
            for path, leaf in flat.items()
            if path[-1] in renamed and (*path[:-1], "scale") in flat
        }
    )


HEAD = {"conv": {"kernel": np.full((1, 1, 512, 9), 5.0), "bias": np.zeros(9)}}
IMAGE_LEVEL = {"backbone": _stream_params(6), "trunk": _stage_params(4), "head": HEAD}
TEACHER = {
    "visible_stream": _stream_params(3),
    "thermal_stream": _stream_params(3),
    "trunk": _stage_params(4),
    "head": HEAD,
}


def test_every_leaf_takes_the_tensor_of_its_name(tensors: dict[str, np.ndarray]) -> None:
    params = {"backbone": _stream_params(3), "trunk": _stage_params(4), "head": HEAD}
    result = initialise_from_resnet18(
        params, _batch_stats(params), tensors, source_name="resnet18.pth"
    )
    stream, stats = result.params["backbone"], result.batch_stats["backbone"]
    conv = tensors["layer2.0.downsample.0.weight"]
    ours = stream["layer2_block0"]["downsample_conv"]["kernel"]
    assert ours.shape == (1, 1, 64, 128)
    assert ours[0, 0, 5, 7] == conv[7, 5, 0, 0]
    assert stream["conv1"]["kernel"][1, 2, 0, 3] == tensors["conv1.weight"][3, 0, 1, 2]
    pairs = [
        (stream["bn1"]["scale"], "bn1.weight"),
        (stream["bn1"]["bias"], "bn1.bias"),
        (stats["bn1"]["mean"], "bn1.running_mean"),
        (stats["bn1"]["var"], "bn1.running_var"),
        (stream["layer3_block0"]["downsample_bn"]["scale"], "layer3.0.downsample.1.weight"),
        (stats["layer1_block1"]["bn2"]["var"], "layer1.1.bn2.running_var"),
        (result.params["trunk"]["layer4_block1"]["bn2"]["bias"], "layer4.1.bn2.bias"),
    ]
    for leaf, name in pairs:
        np.testing.assert_array_equal(leaf, tensors[name], err_msg=name)
    assert result.params["head"] == HEAD
    # 122 tensors in all, of which 20 count batches and 2 classify; the head has 2 leaves.
    assert result.lines == (
        "backbone: conv1: 3 input channels, kernels copied",
        "resnet18.pth: 100 tensors into backbone, trunk: stem, stages 1, 2, 3, 4; not used: "
        "fc.weight, fc.bias, num_batches_tracked (20 times); 2 other leaves keep their initial "
        "values",
    )
    assert jax.tree.structure(result.params) == jax.tree.structure(params)


def test_conv1_of_six_channels_is_duplicated_and_halved(tensors: dict[str, np.ndarray]) -> None:
    result = initialise_from_resnet18(
        IMAGE_LEVEL, _batch_stats(IMAGE_LEVEL), tensors, source_name="resnet18.pth"
    )
    kernel = result.params["backbone"]["conv1"]["kernel"]
    assert kernel.shape == (7, 7, 6, 64)
    original = tensors["conv1.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(kernel[:, :, :3], original / 2)
    np.testing.assert_array_equal(kernel[:, :, 3:], original / 2)
    assert result.lines[0] == (
        "backbone: conv1: 3 → 6 input channels, kernels duplicated and halved"
    )


@pytest.mark.parametrize("num_inputs", [1, 3, 4, 6])
def test_fitted_kernel_answers_a_grey_image_as_before(num_inputs: int) -> None:
    """Whether it is given as one thermal channel, as RGB, as both, or as RGB twice."""
    rng = np.random.default_rng(0)
    kernel, grey = rng.standard_normal((3, 3, 3, 2)), rng.standard_normal((3, 3, 1))
    fitted, _ = fit_input_channels(kernel, num_inputs)
    np.testing.assert_allclose(
        np.einsum("hwio,hwi->o", fitted, np.repeat(grey, num_inputs, axis=2)),
        np.einsum("hwio,hwi->o", kernel, np.repeat(grey, 3, axis=2)),
    )


@pytest.mark.parametrize(
    ("num_inputs", "action"), [(1, "summed"), (4, "kernels and their sum, halved")]
)
def test_conv1_of_one_and_four_channels_is_fitted(
    tensors: dict[str, np.ndarray], num_inputs: int, action: str
) -> None:
    params = {"backbone": _stream_params(num_inputs), "trunk": _stage_params(4)}
    result = initialise_from_resnet18(
        params, _batch_stats(params), tensors, source_name="resnet18.pth"
    )
    original = tensors["conv1.weight"].transpose(2, 3, 1, 0)
    kernel = result.params["backbone"]["conv1"]["kernel"]
    total = original.sum(2) / (2 if num_inputs == 4 else 1)
    np.testing.assert_allclose(kernel[:, :, -1], total, rtol=1e-6)
    if num_inputs == 4:
        np.testing.assert_array_equal(kernel[:, :, :3], original / 2)
    assert action in result.lines[0]


def test_missing_stage_starts_at_random_and_is_named(tensors: dict[str, np.ndarray]) -> None:
    """The values that the network was initialised with stay, to the last bit."""
    partial = {name: x for name, x in tensors.items() if not name.startswith(("layer4", "fc"))}
    rng = np.random.default_rng(1)
    params, stats = jax.tree.map(
        lambda leaf: rng.standard_normal(leaf.shape).astype(np.float32),
        (IMAGE_LEVEL, _batch_stats(IMAGE_LEVEL)),
    )
    result = initialise_from_resnet18(params, stats, partial, source_name="stages123.safetensors")
    jax.tree.map(np.testing.assert_array_equal, result.params["trunk"], params["trunk"])
    jax.tree.map(np.testing.assert_array_equal, result.batch_stats["trunk"], stats["trunk"])
    np.testing.assert_array_equal(
        result.params["backbone"]["layer3_block1"]["conv2"]["kernel"],
        tensors["layer3.1.conv2.weight"].transpose(2, 3, 1, 0),
    )
    assert "backbone, trunk: stem, stages 1, 2, 3; stage 4 not in the file" in result.lines[-1]


def test_file_of_all_stages_says_so(tensors: dict[str, np.ndarray]) -> None:
    result = initialise_from_resnet18(
        IMAGE_LEVEL, _batch_stats(IMAGE_LEVEL), tensors, source_name="resnet18.pth"
    )
    assert "stem, stages 1, 2, 3, 4; not used: fc.weight" in result.lines[-1]


@pytest.mark.parametrize("kept", ["layer4.0", "layer4.1.bn2.running_var"])
def test_half_a_stage_is_refused(tensors: dict[str, np.ndarray], kept: str) -> None:
    half = {
        name: x
        for name, x in tensors.items()
        if not name.startswith("layer4") or name.startswith(kept)
    }
    with pytest.raises(MdjaxError, match=r"missing: layer4\.1\.conv1\.weight for trunk/layer4"):
        initialise_from_resnet18(
            IMAGE_LEVEL, _batch_stats(IMAGE_LEVEL), half, source_name="half.safetensors"
        )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_number_that_is_not_finite_is_refused(tensors: dict[str, np.ndarray], value: float) -> None:
    damaged = tensors["layer2.0.bn1.running_var"].copy()
    damaged[3] = value
    with pytest.raises(MdjaxError, match=r"not finite: layer2\.0\.bn1\.running_var"):
        initialise_from_resnet18(
            IMAGE_LEVEL,
            _batch_stats(IMAGE_LEVEL),
            {**tensors, "layer2.0.bn1.running_var": damaged},
            source_name="damaged.pth",
        )


def test_file_without_any_stage_is_refused() -> None:
    with pytest.raises(MdjaxError, match="holds no tensor of ResNet-18"):
        initialise_from_resnet18(
            IMAGE_LEVEL,
            _batch_stats(IMAGE_LEVEL),
            {"fc.bias": np.zeros(3, np.float32)},
            source_name="other.pth",
        )


def test_two_streams_share_the_tensors(tensors: dict[str, np.ndarray]) -> None:
    assert find_resnet18_scopes(TEACHER) == ("visible_stream", "thermal_stream", "trunk")
    result = initialise_from_resnet18(
        TEACHER, _batch_stats(TEACHER), tensors, source_name="resnet18.pth"
    )
    for stream in ("visible_stream", "thermal_stream"):
        np.testing.assert_array_equal(
            result.params[stream]["conv1"]["kernel"],
            tensors["conv1.weight"].transpose(2, 3, 1, 0),
        )
    assert [line.split(":")[0] for line in result.lines[:2]] == ["visible_stream", "thermal_stream"]


def test_private_norms_start_alike(tensors: dict[str, np.ndarray]) -> None:
    """Shared kernels take their tensor once, the scales and statistics of both branches theirs."""
    network = CskNet(ResNetConfig(), create_head(ResNetConfig()))
    shapes = compute_variable_shapes(network, *create_pair())
    result = initialise_from_resnet18(
        shapes["params"], shapes["batch_stats"], tensors, source_name="resnet18.pth"
    )
    for branch in ("visible", "thermal"):
        for part, block, norm, name in (
            ("backbone", None, "bn1", "bn1"),
            ("backbone", "layer1_block1", "bn2", "layer1.1.bn2"),
            ("trunk", "layer2_block0", "downsample_bn", "layer2.0.downsample.1"),
        ):
            params, stats = result.params[part], result.batch_stats[part]
            if block:
                params, stats = params[block], stats[block]
            np.testing.assert_array_equal(params[norm][branch]["scale"], tensors[f"{name}.weight"])
            np.testing.assert_array_equal(
                stats[norm][branch]["mean"], tensors[f"{name}.running_mean"]
            )
    assert "backbone, trunk: stem, stages 1, 2, 3, 4" in result.lines[-1]


def test_nested_networks_are_found() -> None:
    params = {
        f"{name}_network": {"backbone": _stream_params(3), "trunk": _stage_params(4)}
        for name in ("visible", "thermal")
    }
    assert find_resnet18_scopes(params) == (
        "visible_network/backbone",
        "visible_network/trunk",
        "thermal_network/backbone",
        "thermal_network/trunk",
    )


def test_half_precision_file_fills_float32_leaves(tensors: dict[str, np.ndarray]) -> None:
    half = {name: tensor.astype(np.float16) for name, tensor in tensors.items()}
    result = initialise_from_resnet18(
        IMAGE_LEVEL, _batch_stats(IMAGE_LEVEL), half, source_name="half.pth"
    )
    assert result.params["backbone"]["conv1"]["kernel"].dtype == np.float32


def test_all_differences_are_listed_in_one_message(tensors: dict[str, np.ndarray]) -> None:
    wrong = {name: tensor for name, tensor in tensors.items() if name != "layer1.0.bn1.bias"}
    wrong["layer4.1.conv2.weight"] = np.zeros((512, 512, 1, 1), np.float32)
    wrong["bn1.running_var"] = np.zeros(64, np.int64)
    wrong["layer1.0.conv3.weight"] = np.zeros((256, 64, 1, 1), np.float32)
    with pytest.raises(MdjaxError) as error:
        initialise_from_resnet18(
            IMAGE_LEVEL, _batch_stats(IMAGE_LEVEL), wrong, source_name="wrong.pth"
        )
    message = str(error.value)
    assert message.splitlines()[0].startswith("wrong.pth does not fit ResNet-18 in backbone, trunk")
    assert message.splitlines()[1:] == [
        "  missing: layer1.0.bn1.bias for backbone/layer1_block0/bn1/bias",
        "  misshaped: layer4.1.conv2.weight is float32 (512, 512, 1, 1), "
        "trunk/layer4_block1/conv2/kernel needs (512, 512, 3, 3)",
        "  misshaped: bn1.running_var is int64 (64,), backbone/bn1/var needs (64,)",
        "  unused: layer1.0.conv3.weight",
    ]


def test_stage_without_a_scope_is_unused(tensors: dict[str, np.ndarray]) -> None:
    with pytest.raises(MdjaxError, match=r"unused: layer4\.0\.conv1\.weight"):
        initialise_from_resnet18(
            TEACHER,
            _batch_stats(TEACHER),
            tensors,
            scopes=("visible_stream", "thermal_stream"),
            source_name="resnet18.pth",
        )


def test_foreign_leaf_in_a_scope_is_missing(tensors: dict[str, np.ndarray]) -> None:
    with pytest.raises(MdjaxError, match=r"missing: conv\.weight for head/conv/kernel"):
        initialise_from_resnet18(
            IMAGE_LEVEL,
            _batch_stats(IMAGE_LEVEL),
            tensors,
            scopes=("backbone", "trunk", "head"),
            source_name="resnet18.pth",
        )


def test_other_width_is_refused_with_the_remedy(tensors: dict[str, np.ndarray]) -> None:
    params = {"backbone": _stream_params(6, width=32), "trunk": _stage_params(4, width=32)}
    with pytest.raises(MdjaxError, match=r"network has width 0\.5 .* Set the width to 1"):
        initialise_from_resnet18(params, _batch_stats(params), tensors, source_name="resnet18.pth")


def test_network_of_ten_layers_is_refused_with_the_remedy(tensors: dict[str, np.ndarray]) -> None:
    params = {
        part: {name: x for name, x in modules.items() if not name.endswith("_block1")}
        for part, modules in IMAGE_LEVEL.items()
    }
    with pytest.raises(MdjaxError, match=r"is a ResNet-10.* Set blocks_per_stage to 2"):
        initialise_from_resnet18(params, _batch_stats(params), tensors, source_name="resnet18.pth")


def test_conv1_of_five_channels_is_misshaped(tensors: dict[str, np.ndarray]) -> None:
    params = {"backbone": _stream_params(5), "trunk": _stage_params(4)}
    with pytest.raises(MdjaxError, match=r"conv1\.weight is float32 \(64, 3, 7, 7\), .*\(64, 5, 7"):
        initialise_from_resnet18(params, _batch_stats(params), tensors, source_name="resnet18.pth")


def test_unknown_scope_and_network_without_stages_are_refused(
    tensors: dict[str, np.ndarray],
) -> None:
    with pytest.raises(MdjaxError, match="no part 'stream'; known: backbone, trunk"):
        initialise_from_resnet18(
            IMAGE_LEVEL, {}, tensors, scopes=("stream",), source_name="resnet18.pth"
        )
    with pytest.raises(MdjaxError, match="holds no ResNet-18"):
        initialise_from_resnet18({"head": HEAD}, {}, tensors, source_name="resnet18.pth")


def test_inputs_are_left_as_they_were(tensors: dict[str, np.ndarray]) -> None:
    params = {"backbone": _stream_params(3), "trunk": _stage_params(4)}
    before = jax.tree.map(id, params)
    initialise_from_resnet18(params, _batch_stats(params), tensors, source_name="resnet18.pth")
    assert jax.tree.map(id, params) == before
