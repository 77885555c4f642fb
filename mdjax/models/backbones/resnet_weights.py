"""Weights of torchvision's ResNet-18 into our parameter trees, with every tensor accounted for.

A file may lack whole stages, which then start at random; it may not lack a part of one.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from mdjax.models.backbones.resnet import find_resnet_parts
from mdjax.types import MdjaxError, format_count

Path = tuple[str, ...]

RESNET18_CHANNELS = 64  # He et al. 2016, Table 1: output channels of conv1

# The classifier of ImageNet, and counters that the running statistics do not need.
_UNUSED_TENSOR = re.compile(r"fc\.(weight|bias)|.*\.num_batches_tracked")
_BLOCK = re.compile(r"layer(\d+)_block(\d+)")
_LEAF_NAMES = {
    "kernel": "weight",
    "scale": "weight",
    "bias": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
_LAYER = re.compile(r"(downsample_)?(conv|bn)\d?")
_NO_STAGE = "no stage"
_MAX_LISTED = 12
_MODULE_NAMES = {"downsample_conv": "downsample.0", "downsample_bn": "downsample.1"}


@dataclass(frozen=True)
class Resnet18Initialisation:
    """Variables with pretrained weights, and what was done to get them.

    Attributes:
        params: The given parameters with those of every scope replaced.
        batch_stats: The given running statistics, replaced likewise.
        lines: For the user: one about conv1 of each scope, one about all stages and tensors.
    """

    params: dict[str, Any]
    batch_stats: dict[str, Any]
    lines: tuple[str, ...]


def find_resnet18_scopes(params: Mapping[str, Any]) -> tuple[str, ...]:
    """List the modules that hold residual stages, as `visible_stream` or `network/trunk`.

    A scope is a module with a child called `layer<s>_block<b>`; a network has several where it is
    split into a backbone and a trunk, or sees its images in two streams.
    """
    return tuple("/".join(part) for part in find_resnet_parts(_flatten(params)))


def initialise_from_resnet18(
    params: Mapping[str, Any],
    batch_stats: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    *,
    source_name: str,
    scopes: Sequence[str] | None = None,
) -> Resnet18Initialisation:
    """Put the weights of torchvision's ResNet-18 into the scopes of a network.

    Convolutions turn from O I H W to H W I O; conv1 is fitted to its input channels, see
    `fit_input_channels`. Leaves outside the scopes (heads, fusion) keep their values, and so does a
    stage of which the file has no tensor at all. Each leaf of each other stage must have its
    tensor, and each tensor must land in at least one scope, except `fc.*` and
    `num_batches_tracked`, which have no place in a network without classifier.

    Args:
        params: Parameters of a network whose scopes follow our naming (`conv1`, `bn1`,
            `layer<s>_block<b>/...`); only shapes and number types of the scopes matter.
        batch_stats: Running statistics of the same network.
        tensors: Torchvision's state dict, as `read_tensors` gives it.
        source_name: File the tensors come from, for messages.
        scopes: Paths such as `visible_stream` or `network/trunk`; all that
            `find_resnet18_scopes` finds by default.

    Raises:
        MdjaxError: Tensors missing, misshaped, not finite or left over (all are listed), a network
            of another width or depth, a scope that does not exist, or a conv1 with another number
            of input channels than 1, 3, 4 or 6.
    """
    scopes = find_resnet18_scopes(params) if scopes is None else scopes
    _check_scopes(scopes, params, source_name)
    flat_params = _flatten(params)
    flat_stats = _flatten(batch_stats)
    _check_depth(flat_params, tensors, source_name)
    present = {_name_stage(name) for name in tensors}
    loaded: set[str] = set()
    left: set[str] = set()
    problems: list[str] = []
    lines: list[str] = []
    used: set[str] = set()
    num_filled = 0
    for flat in (flat_params, flat_stats):
        for scope, path in [(s, p) for s in scopes for p in _find_leaves(flat, s)]:
            inner = path[scope.count("/") + 1 :]
            name, leaf = name_in_torchvision(inner), flat[path]
            stage = _name_stage(name)
            if stage != _NO_STAGE and stage not in present:
                left.add(stage)
                continue
            loaded.add(stage)
            num_filled += 1
            if name not in tensors:
                problems.append(f"missing: {name} for {'/'.join(path)}")
                continue
            used.add(name)
            value = _to_our_axes(tensors[name])
            if inner == ("conv1", "kernel"):
                _check_width(leaf, value, source_name)
                value, action = fit_input_channels(value, leaf.shape[2])
                lines.append(f"{scope}: conv1: {action}")
            if value.shape != leaf.shape or not jnp.issubdtype(value.dtype, jnp.floating):
                problems.append(
                    f"misshaped: {name} is {value.dtype} {_in_torch_axes(value.shape)}, "
                    f"{'/'.join(path)} needs {_in_torch_axes(leaf.shape)}"
                )
                continue
            if not np.all(np.isfinite(value.astype(np.float32))):
                problems.append(f"not finite: {name}")
                continue
            flat[path] = np.array(value, leaf.dtype)
    unused = [name for name in tensors if name not in used]
    problems += [f"unused: {name}" for name in unused if not _UNUSED_TENSOR.fullmatch(name)]
    if not loaded - {_NO_STAGE}:
        raise MdjaxError(
            f"{source_name}: holds no tensor of ResNet-18 such as conv1.weight; give the weights "
            "of torchvision's resnet18."
        )
    if problems:
        if len(problems) > _MAX_LISTED:
            problems[_MAX_LISTED:] = [f"and {len(problems) - _MAX_LISTED} more"]
        raise MdjaxError(
            f"{source_name} does not fit ResNet-18 in {', '.join(scopes)}; give the weights of "
            "torchvision's resnet18. Differences:\n  " + "\n  ".join(problems)
        )
    num_kept = len(flat_params) + len(flat_stats) - num_filled
    lines.append(
        f"{source_name}: {format_count(len(used), 'tensor')} into {', '.join(scopes)}: "
        f"{_list_stages(loaded)}"
        + (f"; {_list_stages(left)} not in the file, at random" if left else "")
        + f"; not used: {_summarise_unused(unused)}; {num_kept} other leaves keep their initial "
        "values"
    )
    return Resnet18Initialisation(
        unflatten_dict(flat_params), unflatten_dict(flat_stats), tuple(lines)
    )


def fit_input_channels(kernel: np.ndarray, num_inputs: int) -> tuple[np.ndarray, str]:
    """Fit a kernel H W 3 O for RGB to another number of input channels.

    With K the kernel and s(K) its sum over the three inputs: 1 channel (thermal) gets s(K), 4 (RGB
    and thermal) get [K, s(K)] / 2, and 6 get [K, K] / 2 (MD, footnote 3). A grey image so has the
    response that it had, however it is given.

    Args:
        kernel: Of RGB images; any other is returned as it is.
        num_inputs: Input channels of the network.

    Returns:
        The kernel, and what was done to it.
    """
    if kernel.ndim != 4 or kernel.shape[2] != 3:
        return kernel, f"{num_inputs} input channels, kernels copied"
    total, half = kernel.sum(axis=2, keepdims=True), kernel.dtype.type(2)
    match num_inputs:
        case 1:
            return total, "3 → 1 input channel, kernels summed"
        case 4:
            fitted = np.concatenate([kernel, total], axis=2) / half
            return fitted, "3 → 4 input channels, kernels and their sum, halved"
        case 6:
            fitted = np.concatenate([kernel, kernel], axis=2) / half
            return fitted, "3 → 6 input channels, kernels duplicated and halved"
        case _:
            return kernel, f"{num_inputs} input channels, kernels copied"


def _flatten(tree: Mapping[str, Any]) -> dict[Path, Any]:
    return flatten_dict(dict(tree))


def _check_scopes(scopes: Sequence[str], params: Mapping[str, Any], source_name: str) -> None:
    if not scopes:
        raise MdjaxError(f"{source_name}: the network holds no ResNet-18 to put the weights into.")
    for scope in scopes:
        if not _find_leaves(_flatten(params), scope):
            known = ", ".join(find_resnet18_scopes(params)) or "none"
            raise MdjaxError(f"{source_name}: the network has no part {scope!r}; known: {known}.")


def _find_leaves(flat: Mapping[Path, Any], scope: str) -> list[Path]:
    prefix = tuple(scope.split("/"))
    return [path for path in flat if path[: len(prefix)] == prefix]


def name_in_torchvision(inner: Path) -> str:
    """`layer2_block0/downsample_conv/kernel` → `layer2.0.downsample.0.weight`.

    A layer that is private to some branches, `bn1/visible` and `bn1/thermal`, starts from the same
    tensors in each of them.
    """
    *modules, leaf_name = inner
    names: list[str] = []
    for name in modules:
        names.append(_MODULE_NAMES.get(name, _BLOCK.sub(r"layer\1.\2", name)))
        if _LAYER.fullmatch(name):
            break
    return ".".join([*names, _LEAF_NAMES.get(leaf_name, leaf_name)])


def _name_stage(name: str) -> str:
    """`layer2.0.conv1.weight` → `stage 2`; what precedes the stages is the stem."""
    match = re.match(r"layer(\d+)\.", name)
    if match:
        return f"stage {match[1]}"
    return "stem" if name.startswith(("conv1.", "bn1.")) else _NO_STAGE


def _list_stages(stages: Collection[str]) -> str:
    """`stem`, `stage 1`, `stage 2` → `stem, stages 1, 2`."""
    numbers = [stage.removeprefix("stage ") for stage in sorted(stages) if stage[-1].isdigit()]
    parts = ["stem"] if "stem" in stages else []
    if numbers:
        parts.append(f"{'stage' if len(numbers) == 1 else 'stages'} {', '.join(numbers)}")
    return ", ".join(parts)


def _to_our_axes(tensor: np.ndarray) -> np.ndarray:
    return tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor


def _in_torch_axes(shape: Sequence[int]) -> tuple[int, ...]:
    """Messages speak of the file, hence of O I H W."""
    return (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else tuple(shape)


def _check_width(leaf: Any, kernel: np.ndarray, source_name: str) -> None:
    channels = leaf.shape[-1]
    if channels != RESNET18_CHANNELS and kernel.shape[-1] == RESNET18_CHANNELS:
        raise MdjaxError(
            f"{source_name}: the network has width {channels / RESNET18_CHANNELS:g} ({channels} "
            f"channels after conv1), pretrained weights fit width 1 only ({RESNET18_CHANNELS} "
            "channels). Set the width to 1 (and blocks_per_stage to 2), or train without "
            "pretrained weights."
        )


def _check_depth(
    params: Mapping[Path, Any], tensors: Mapping[str, np.ndarray], source_name: str
) -> None:
    has_second_block = any(name.endswith("_block1") for path in params for name in path)
    if not has_second_block and any(name.startswith("layer1.1.") for name in tensors):
        raise MdjaxError(
            f"{source_name}: the network is a ResNet-10, pretrained weights fit ResNet-18 only. "
            "Set blocks_per_stage to 2 (and the width to 1), or train without pretrained weights."
        )


def _summarise_unused(unused: Sequence[str]) -> str:
    counters = [name for name in unused if name.endswith("num_batches_tracked")]
    names = [name for name in unused if name not in counters]
    if counters:
        names.append(f"num_batches_tracked ({len(counters)} times)")
    return ", ".join(names) or "none"
