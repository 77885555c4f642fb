"""Guided attentive feature fusion: size, start and fusion by hand."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.models.fusion.gaff import Gaff
from tests.golden.linen import create_variables as fill_variables
from tests.models.factories import count_parameters


def create_features(value: float, channels: int = 4) -> jax.Array:
    return jnp.full((1, 2, 3, channels), float(value))


def create_noise(size: int, channels: int) -> jax.Array:
    """Features of both modalities, stacked."""
    shape = (2, 1, size, size, channels)
    return jnp.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


def fuse(variables: Any, visible: jax.Array, thermal: jax.Array) -> Any:
    return jax.jit(Gaff().apply)(variables, visible, thermal)


def create_variables(visible_bias: float, thermal_bias: float, inter_bias: list[float]) -> Any:
    """Masks that depend on their biases alone."""
    features = create_features(0)
    variables = fill_variables("gaff", Gaff().init, features, features)
    zeros = jax.tree.map(jnp.zeros_like, variables)
    params = zeros["params"]
    params["intra_visible"]["bias"] = jnp.array([visible_bias])
    params["intra_thermal"]["bias"] = jnp.array([thermal_bias])
    params["inter"]["bias"] = jnp.array(inter_bias)
    return zeros


def test_gaff_adds_the_parameters_of_its_papers_table() -> None:
    """Two 3x3 kernels on 256 channels, one on 512 with 2 outputs, 4 biases: 6·9·256 + 4."""
    features = jnp.zeros((1, 4, 4, 256))
    shapes = jax.eval_shape(Gaff().init, jax.random.key(0), features, features)
    assert count_parameters(shapes) == 13_828


def test_gaff_weighs_each_modality_and_averages() -> None:
    """m_intra^v = 3/4, m_intra^t = 1/2, m_inter^t = 1/4, m_inter^v = 3/4 (softmax of 0, ln 3).

    Visible 1·(7/4)(7/4) = 3.0625; thermal 2·(3/2)(5/4) = 3.75; fused 3.40625.
    Mask 3/4·3/4 + 1/2·1/4 = 0.6875.
    """
    variables = create_variables(math.log(3), 0.0, [0.0, math.log(3)])
    fused = fuse(variables, create_features(1.0), create_features(2.0))
    np.testing.assert_allclose(fused.features, 3.40625, rtol=1e-6)
    np.testing.assert_allclose(fused.mask, 0.6875, rtol=1e-6)


def test_first_inter_channel_is_thermal() -> None:
    """With all trust in channel 0, thermal counts 2·(3/2) and visible 1·(3/2) times."""
    variables = create_variables(0.0, 0.0, [100.0, 0.0])
    thermal_only = fuse(variables, create_features(0.0), create_features(1.0))
    visible_only = fuse(variables, create_features(1.0), create_features(0.0))
    np.testing.assert_allclose(thermal_only.features, 1.5, rtol=1e-6)
    np.testing.assert_allclose(visible_only.features, 0.75, rtol=1e-6)


def test_inter_mask_reads_thermal_channels_first() -> None:
    """A kernel that looks only at the first half of the channels sees the thermal features."""
    variables = create_variables(0.0, 0.0, [0.0, 0.0])
    kernel = variables["params"]["inter"]["kernel"]
    variables["params"]["inter"]["kernel"] = kernel.at[1, 1, 0, 0].set(1.0)
    fused = fuse(variables, create_features(5.0), create_features(7.0))
    np.testing.assert_allclose(fused.guidance.inter[..., 0], 7.0)


def test_masks_start_unsaturated_near_one_percent_and_one_half() -> None:
    """Biases −ln 99 and 0, weights of deviation 0.01; unit features in 32 channels stay close."""
    visible, thermal = create_noise(8, 32)
    variables = Gaff().init(jax.random.key(1), visible, thermal)
    guidance = fuse(variables, visible, thermal).guidance
    for logits in (guidance.intra_visible, guidance.intra_thermal):
        assert float(jax.nn.sigmoid(logits).mean()) == pytest.approx(0.01, rel=0.1)
    assert float(jax.nn.softmax(guidance.inter)[..., 0].mean()) == pytest.approx(0.5, abs=0.05)


def test_gaff_masks_are_float32_under_bfloat16() -> None:
    features = jnp.ones((1, 4, 4, 8), jnp.bfloat16)
    fused = jax.eval_shape(
        lambda: Gaff(jnp.bfloat16).init_with_output(jax.random.key(0), features, features)[0]
    )
    assert fused.features.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves((fused.mask, fused.guidance))} == {
        jnp.dtype("float32")
    }


def test_gaff_in_bfloat16_agrees_roughly_with_float32() -> None:
    """8 bits of mantissa leave a relative error of about a percent after one layer."""
    visible, thermal = create_noise(4, 16)
    variables = fill_variables("gaff", Gaff().init, visible, thermal)
    low_inputs = visible.astype(jnp.bfloat16), thermal.astype(jnp.bfloat16)
    full = fuse(variables, visible, thermal)
    low: Any = jax.jit(Gaff(jnp.bfloat16).apply)(variables, *low_inputs)
    np.testing.assert_allclose(low.features, full.features, rtol=0.03, atol=0.03)
    np.testing.assert_allclose(low.mask, full.mask, rtol=0.03)


@pytest.mark.parametrize("scale", [0.0, 1e4])
def test_gaff_gradients_are_finite_for_zero_and_huge_features(scale: float) -> None:
    visible, thermal = scale * create_noise(4, 8)
    variables = fill_variables("gaff", Gaff().init, visible, thermal)

    def compute_loss(params: Any) -> jax.Array:
        fused = fuse({"params": params}, visible, thermal)
        return fused.features.sum() + fused.mask.sum()

    gradients = jax.jit(jax.grad(compute_loss))(variables["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
