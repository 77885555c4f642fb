"""The PSPNet head: size, pyramid and the branch without normalisation."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.heads.pspnet import PspHead
from tests.golden.linen import create_variables
from tests.models.factories import count_parameters, create_head


def to_features(c5: jax.Array) -> dict[str, jax.Array]:
    """The head reads C5 alone."""
    return {"c5": c5}


def compute_shapes(head: PspHead, c5: jax.Array, size_hw: tuple[int, int]) -> tuple[Any, Any]:
    return jax.eval_shape(
        lambda x: head.init_with_output(jax.random.key(0), to_features(x), size_hw, train=False),
        c5,
    )


def test_head_has_four_branches_joined_by_one_convolution() -> None:
    """On 512 channels with 9 classes.

    Branches 4·512·128 = 262,144 and three norms 3·256 = 768; joint 9·1,024·512 = 4,718,592 and
    norm 1,024; classifier 512·9 + 9 = 4,617; 4,987,145 in all.
    """
    c5 = jnp.zeros((1, 6, 6, 512))
    _, variables = compute_shapes(create_head(ResNetConfig()), c5, (48, 48))
    assert count_parameters(variables) == 4_987_145


def test_branch_of_one_bin_has_no_normalisation() -> None:
    _, variables = compute_shapes(create_head(ResNetConfig(0.125)), jnp.zeros((1, 2, 3, 8)), (8, 9))
    names = {path[0] for path in flatten_dict(variables["batch_stats"])}
    assert names == {"bin2_bn", "bin3_bn", "bin6_bn", "joint_bn"}


@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (5, 7), (15, 20)])
def test_logits_have_the_asked_size_on_any_grid(grid: tuple[int, int]) -> None:
    """Grids smaller than the bins too: windows then repeat."""
    logits, _ = compute_shapes(create_head(ResNetConfig(0.125)), jnp.zeros((2, *grid, 8)), (33, 47))
    assert logits.shape == (2, 33, 47, 9)
    assert logits.dtype == jnp.float32


@pytest.mark.parametrize("value", [0.0, 1e4])
def test_head_trains_on_one_even_image_without_infinities(value: float) -> None:
    """Batch 1 with features that have no variance at all: the hardest case for the norms."""
    head = create_head(ResNetConfig(0.0625), dropout_rate=0.0)
    c5 = jnp.full((1, 2, 3, 4), value)

    def init(key: jax.Array, x: jax.Array) -> Any:
        return head.init(key, to_features(x), (8, 12), train=False)

    variables = create_variables("head", init, c5)

    @jax.jit
    @jax.grad
    def compute_gradient(params: Any) -> jax.Array:
        logits, _ = head.apply(
            {**variables, "params": params},
            to_features(c5),
            (8, 12),
            train=True,
            mutable=["batch_stats"],
        )
        return jnp.mean(jnp.asarray(logits) ** 2)

    gradients = compute_gradient(variables["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
