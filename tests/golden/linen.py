"""The JAX side of the golden files: the same numbers as linen variables, and the comparison."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from tests.golden.numbers import compute_relative_error, create_leaf

Path = tuple[str, ...]


def to_torch_name(path: Path) -> str:
    """Name a linen leaf as PyTorch does: `layer1_block0/downsample_bn/scale` and so on."""
    name = re.sub(r"layer(\d)_block(\d)", r"layer\1.\2", ".".join(path))
    name = name.replace("downsample_conv", "downsample.0").replace("downsample_bn", "downsample.1")
    name = re.sub(r"(bin\d|joint)_(conv|bn)", r"\1.\2", name)
    name = re.sub(r"\.(kernel|scale)$", ".weight", name)
    return re.sub(r"\.(mean|var)$", r".running_\1", name)


def to_torch_layout(leaf: np.ndarray) -> np.ndarray:
    """HWIO kernels to OIHW; vectors as they are."""
    return leaf.transpose(3, 2, 0, 1) if leaf.ndim == 4 else leaf


def to_nchw(images: Any) -> np.ndarray:
    """NHWC to NCHW."""
    return np.asarray(images).transpose(0, 3, 1, 2)


def to_nhwc(images: np.ndarray) -> jax.Array:
    """NCHW to NHWC; in float64 where JAX is told to."""
    return jnp.asarray(images.transpose(0, 2, 3, 1), jax.dtypes.canonicalize_dtype("float64"))


def create_variables(prefix: str, init: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """Fill a module's variables with the numbers that belong to their names.

    Args:
        prefix: Name of the module in `make_torch_twin.py`.
        init: The module's `init`; only shapes are computed.
        inputs: What `init` takes after the random key.
        options: Static keyword arguments of `init`.
    """
    shapes: Any = jax.eval_shape(functools.partial(init, **options), jax.random.key(0), *inputs)
    leaves = {}
    flat: dict[Path, Any] = dict(flatten_dict(shapes))
    for path, leaf in flat.items():
        name = f"{prefix}/{to_torch_name(path[1:])}"
        if leaf.ndim == 4:
            h, w, i, o = leaf.shape
            leaves[path] = create_leaf(name, (o, i, h, w)).transpose(2, 3, 1, 0)
        else:
            leaves[path] = create_leaf(name, leaf.shape)
    # In float64 where JAX is told to, see the fixture.
    return unflatten_dict(
        {
            path: leaf.astype(jax.dtypes.canonicalize_dtype("float64"))
            for path, leaf in leaves.items()
        }
    )


def to_results(kind: str, tree: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Name the leaves of a linen collection as the golden file does: `grad/...` or `stats/...`."""
    leaves = flatten_dict(tree)
    return {
        f"{kind}/{to_torch_name(path)}": to_torch_layout(np.asarray(leaf))
        for path, leaf in leaves.items()
    }


def find_mismatches(
    golden: Mapping[str, np.ndarray],
    results: Mapping[str, Any],
    tolerance: Callable[[str], float],
) -> dict[str, float | str]:
    """Compare all results with a golden file; empty where everything agrees.

    Args:
        golden: From `load_golden`.
        results: By the same names, in PyTorch's layout.
        tolerance: Greatest relative error (norm of the difference / norm) by name.

    Returns:
        What differs: relative errors, and names that only one side has.
    """
    mismatches: dict[str, float | str] = {
        name: "only in golden" if name in golden else "only in JAX"
        for name in golden.keys() ^ results.keys()
    }
    for name in golden.keys() & results.keys():
        error = compute_relative_error(name, np.asarray(results[name]), golden[name])
        if not error <= tolerance(name):
            mismatches[name] = error
    return mismatches
