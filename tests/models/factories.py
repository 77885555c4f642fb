"""Small networks, and shapes of large ones without computing them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.models.backbones.resnet import ResNetOptions
from mdjax.models.heads.pspnet import PspHead
from tests.golden.linen import create_variables as fill_variables

TINY = ResNetOptions(width=0.0625, stem_stride=2, output_stride=8)


def create_head(options: ResNetOptions, num_classes: int = 9) -> PspHead:
    return PspHead(num_classes, options)


def create_pair(batch: int = 1, height: int = 32, width: int = 48) -> tuple[jax.Array, jax.Array]:
    """A visible and a thermal image in [0, 1]."""
    generator = np.random.default_rng(0)
    visible = generator.random((batch, height, width, 3), np.float32)
    thermal = generator.random((batch, height, width, 1), np.float32)
    return jnp.asarray(visible), jnp.asarray(thermal)


def compute_variable_shapes(module: Any, *inputs: Any) -> Any:
    """Shapes and types of a module's variables."""

    def init(*arrays: Any) -> Any:
        return module.init(jax.random.key(0), *arrays, train=False)

    return jax.eval_shape(init, *inputs)


def compute_output_shapes(module: Any, *inputs: Any) -> Any:
    """Shapes and types of a module's outputs."""

    def run(*arrays: Any) -> Any:
        return module.init_with_output(jax.random.key(0), *arrays, train=False)[0]

    return jax.eval_shape(run, *inputs)


def create_variables(module: Any, *inputs: Any) -> Any:
    """Variables of a sensible size, without compiling the initialisers."""
    return fill_variables("module", module.init, *inputs, train=False)


def run(module: Any, variables: Any, *inputs: Any) -> Any:
    """Apply in evaluation mode, compiled quickly rather than well."""

    def apply(leaves: Any, *arrays: Any) -> Any:
        return module.apply(leaves, *arrays, train=False)

    options = {"xla_backend_optimization_level": 0}
    return jax.jit(apply, compiler_options=options)(variables, *inputs)


def count_parameters(variables: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
