"""Weights of a trained network as a safetensors file that PyTorch and mdjax read."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from flax.traverse_util import flatten_dict, unflatten_dict

from mdjax.io.torch_file import read_tensors
from mdjax.models.backbones.resnet_weights import find_resnet18_scopes, name_in_torchvision
from mdjax.types import MdjaxError, format_count

_TORCH_AXES, _OUR_AXES = (3, 2, 0, 1), (2, 3, 1, 0)
"""Kernels are [h w c o] here and [o c h w] in PyTorch."""

Leaf = tuple[str, ...]
"""Path of a leaf in a tree of variables."""


def write_weights(variables: Mapping[str, Any], path: Path) -> None:
    """Write parameters and running statistics.

    The tensors of a backbone have torchvision's names, such as `layer1.0.conv1.weight`, where these
    tell them apart; of two streams, and everywhere else, names are paths such as
    `params.head.joint_conv.kernel`. Kernels are [o c h w].

    Args:
        variables: Of a trained network.
        path: Of the file.
    """
    flat = flatten_dict(dict(variables))
    tensors = {
        name: _turn(np.asarray(flat[leaf]), _TORCH_AXES)
        for leaf, name in name_tensors(variables).items()
    }
    # `save_file` would hide the file from all others on the machine.
    path.write_bytes(safetensors.numpy.save(tensors))


def read_weights(path: Path, like: Mapping[str, Any]) -> dict[str, Any]:
    """Read what `write_weights` has written.

    Args:
        path: Of the file.
        like: Variables of the same network; only their shapes matter.

    Raises:
        MdjaxError: The file is damaged, or of another network.
    """
    tensors = read_tensors(path)
    flat: dict[Any, Any] = flatten_dict(dict(like))
    names = name_tensors(like)
    wrong = sorted(
        {*tensors}.symmetric_difference(names.values())
        | {
            name
            for leaf, name in names.items()
            if name in tensors and _turn(tensors[name], _OUR_AXES).shape != flat[leaf].shape
        }
    )
    if wrong:
        raise MdjaxError(
            f"{path}: is of another network: {format_count(len(wrong), 'tensor')} missing, left "
            f"over or of another shape, such as {wrong[0]}; give the file of the same run."
        )
    return unflatten_dict({leaf: _turn(tensors[name], _OUR_AXES) for leaf, name in names.items()})


def name_tensors(variables: Mapping[str, Any]) -> dict[Leaf, str]:
    """Name the tensor of each leaf, by its path."""
    flat = flatten_dict(dict(variables))
    scopes = [tuple(scope.split("/")) for scope in find_resnet18_scopes(variables["params"])]
    short = {leaf: _name_in_scope(leaf, scopes) for leaf in flat}
    counts = Counter(short.values())
    return {
        leaf: name if name and counts[name] == 1 else ".".join(leaf) for leaf, name in short.items()
    }


def _name_in_scope(leaf: Leaf, scopes: list[Leaf]) -> str:
    """The name that torchvision has for a leaf of a backbone; "" for others."""
    path = leaf[1:]  # Behind the collection.
    for scope in scopes:
        if path[: len(scope)] == scope:
            return name_in_torchvision(path[len(scope) :])
    return ""


def _turn(array: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(axes)) if array.ndim == 4 else array
