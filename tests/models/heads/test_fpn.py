"""The feature pyramid: what each level sums, its sizes and its parameters."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.heads.fpn import Fpn, upsample_nearest
from tests.golden.linen import create_variables
from tests.models.factories import count_parameters, create_fpn, create_part, name_levels


def init(fpn: Fpn, pyramid: Any) -> Any:
    return jax.eval_shape(lambda x: fpn.init(jax.random.key(0), x), pyramid)


def create_pyramid(options: ResNetConfig, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Shapes and types of what a backbone gives for one image."""

    def run(images: jax.Array) -> dict[str, Any]:
        key = jax.random.key(0)
        return create_part(options, 2, 5).init_with_output(key, images, train=False)[0]

    return jax.eval_shape(run, jnp.zeros((1, *size_hw, 3)))


def test_levels_sum_what_the_coarser_ones_know() -> None:
    """One channel; every lateral 1, every output convolution the identity.

    C5 = (5), C4 = ((10, 20), (30, 40)), C3 = 0 but 1 in its last cell, 3×3.
    P4 = C4 + 5 = ((15, 25), (35, 45)). P3 repeats it, the last row and column once only:
    ((15, 15, 25), (15, 15, 25), (35, 35, 45 + 1)).
    """
    fpn = create_fpn(ResNetConfig(width=1 / 256))
    c4 = jnp.array([[10.0, 20.0], [30.0, 40.0]]).reshape(1, 2, 2, 1)
    c3 = jnp.zeros((1, 3, 3, 1)).at[0, 2, 2, 0].set(1.0)
    pyramid = name_levels(c3, c4, jnp.full((1, 1, 1, 1), 5.0))
    params: Any = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), init(fpn, pyramid))
    for level in (3, 4, 5):
        params["params"][f"lateral{level}"]["kernel"] = jnp.ones((1, 1, 1, 1))
        centre = params["params"][f"output{level}"]["kernel"].at[1, 1].set(1.0)
        params["params"][f"output{level}"]["kernel"] = centre
    p3, p4, p5 = jax.jit(fpn.apply)(params, pyramid)
    np.testing.assert_array_equal(p5.ravel(), [5])
    np.testing.assert_array_equal(p4[0, ..., 0], [[15, 25], [35, 45]])
    np.testing.assert_array_equal(p3[0, ..., 0], [[15, 15, 25], [15, 15, 25], [35, 35, 46]])


def test_parameters_are_three_laterals_and_three_outputs() -> None:
    """1×1: (128 + 256 + 512)·256 + 3·256; 3×3: 3 (9·256² + 256); 2,000,384 in all."""
    grids = ((4, 6, 128), (2, 3, 256), (1, 2, 512))
    pyramid = name_levels(*(jnp.zeros((1, *grid)) for grid in grids))
    assert count_parameters(init(create_fpn(ResNetConfig()), pyramid)) == 2_000_384


@pytest.mark.parametrize("size_hw", [(64, 96), (75, 101), (33, 57)])
@pytest.mark.parametrize(
    ("stem_stride", "output_stride"), [(4, 32), (4, 16), (4, 8), (2, 8), (1, 2)]
)
def test_levels_keep_the_grids_of_the_backbone(
    stem_stride: Literal[1, 2, 4], output_stride: int, size_hw: tuple[int, int]
) -> None:
    """Odd sizes, and levels of equal size where stages dilate instead of striding."""
    options = ResNetConfig(0.125, stem_stride, output_stride, "bfloat16")
    pyramid = create_pyramid(options, size_hw)
    levels: Any = jax.eval_shape(
        lambda x: create_fpn(options).init_with_output(jax.random.key(0), x)[0], pyramid
    )
    assert [level.shape for level in levels] == [
        (*c.shape[:3], 32) for c in (pyramid[f"c{level}"] for level in (3, 4, 5))
    ]
    assert {level.dtype for level in levels} == {jnp.dtype("bfloat16")}
    parameters = jax.tree.leaves(init(create_fpn(options), pyramid))
    assert {leaf.dtype for leaf in parameters} == {jnp.dtype("float32")}


@pytest.mark.parametrize(("coarse", "fine"), [(4, 8), (4, 7), (1, 1), (5, 5), (2, 3), (1, 2)])
def test_upsampled_cell_is_the_coarse_cell_that_covers_it(coarse: int, fine: int) -> None:
    """Fine cell i lies in coarse cell i // 2, or in itself where the sizes are equal."""
    stride = 1 if coarse == fine else 2
    cells = np.arange(coarse, dtype=np.float32)
    rows = upsample_nearest(np.tile(cells[:, None], (1, 3)).reshape(1, coarse, 3, 1), (fine, 3))
    columns = upsample_nearest(np.tile(cells, (3, 1)).reshape(1, 3, coarse, 1), (3, fine))
    np.testing.assert_array_equal(rows[0, :, 0, 0], np.arange(fine) // stride)
    np.testing.assert_array_equal(columns[0, 0, :, 0], np.arange(fine) // stride)


def test_finest_level_teaches_all_features_and_the_coarsest_its_own() -> None:
    """P3 has a gradient for C3, C4 and C5, P5 for C5 alone."""
    fpn = create_fpn(ResNetConfig(width=1 / 64))
    grids = ((3, 5, 2), (2, 3, 4), (1, 2, 8))
    pyramid = name_levels(*(jnp.ones((1, *grid)) for grid in grids))
    variables = create_variables("fpn", fpn.init, pyramid)

    def compute_energies(features: Any) -> jax.Array:
        levels: Any = fpn.apply(variables, features)
        return jnp.stack([jnp.sum(level**2) for level in levels])

    gradients = jax.jit(jax.jacrev(compute_energies))(pyramid)
    is_taught = [[bool(jnp.any(c[level] != 0)) for c in gradients.values()] for level in (0, 2)]
    assert is_taught == [[True, True, True], [False, False, True]]
