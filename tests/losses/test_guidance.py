"""Guidance losses of GAFF, by hand and by property."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.losses import guidance
from mdjax.losses.guidance import (
    NO_PREFERENCE,
    compute_inter_labels,
)
from mdjax.types import INTER_THERMAL, INTER_VISIBLE, GuidanceLogits
from tests.losses.values import take_value

guidance_inter_loss = take_value(guidance.guidance_inter_loss)
guidance_intra_loss = take_value(guidance.guidance_intra_loss)


def create_row(*values: float) -> jax.Array:
    """One image of one row of cells."""
    return jnp.asarray(values, jnp.float32).reshape(1, 1, -1, 1)


def to_logits(*probabilities: float) -> jax.Array:
    """Logits whose sigmoid is the given probabilities."""
    return create_row(*(math.log(p / (1 - p)) for p in probabilities))


def create_guidance(
    visible: jax.Array, thermal: jax.Array, inter: jax.Array | None = None
) -> GuidanceLogits:
    """Guidance whose inter-modality softmax is 1/4 thermal, 3/4 visible unless given."""
    if inter is None:
        quarters = jnp.array([0.0, math.log(3.0)])
        inter = jnp.broadcast_to(quarters, (*visible.shape[:3], 2))
    return GuidanceLogits(visible, thermal, inter)


# Errors (visible, thermal): all-foreground cell 0.1, 0.4; empty 0.5, 0.2; half 0.2, 0.25.
FOREGROUND = create_row(1.0, 0.0, 0.5)
WORKED = create_guidance(to_logits(0.9, 0.5, 0.7), to_logits(0.6, 0.2, 0.25))


def create_random_guidance(seed: int, scale: float = 2.0) -> tuple[GuidanceLogits, np.ndarray]:
    generator = np.random.default_rng(seed)
    visible, thermal = scale * generator.standard_normal((2, 2, 3, 4, 1)).astype(np.float32)
    inter = scale * generator.standard_normal((2, 3, 4, 2)).astype(np.float32)
    foreground = generator.random((2, 3, 4, 1), np.float32)
    return GuidanceLogits(visible, thermal, inter), foreground


def test_intra_loss_adds_dice_of_both_modalities() -> None:
    """Masks 1/2 in 4 cells, one of them foreground: 1 − (2·½ + 1)/(2 + 1 + 1) = ½ each."""
    flat = create_row(0, 0, 0, 0)
    loss = guidance_intra_loss(create_guidance(flat, flat), create_row(1, 0, 0, 0))
    assert float(loss) == pytest.approx(1.0, abs=1e-6)


def test_intra_loss_of_perfect_visible_mask_leaves_the_thermal_half() -> None:
    """Visible: 1 − (2 + 1)/(1 + 1 + 1) = 0 with logits ±1e4; thermal ½ as above."""
    sure = create_row(1e4, -1e4, -1e4, -1e4)
    guidance = create_guidance(sure, create_row(0, 0, 0, 0))
    loss = guidance_intra_loss(guidance, create_row(1, 0, 0, 0))
    assert float(loss) == pytest.approx(0.5, abs=1e-6)


def test_inter_labels_prefer_the_smaller_error_beyond_the_margin() -> None:
    """Differences e_v − e_t are −0.3, 0.3 and −0.05: visible, thermal, neither at margin 0.1."""
    expected = [INTER_VISIBLE, INTER_THERMAL, NO_PREFERENCE]
    np.testing.assert_array_equal(compute_inter_labels(WORKED, FOREGROUND).ravel(), expected)
    finer = compute_inter_labels(WORKED, FOREGROUND, margin=0.02)
    np.testing.assert_array_equal(finer.ravel(), [INTER_VISIBLE, INTER_THERMAL, INTER_VISIBLE])


def test_inter_loss_averages_over_cells_with_preference() -> None:
    """−ln(3/4) = 0.287682 for the visible cell, −ln(1/4) = 1.386294 for the thermal one.

    Mean 0.836988; with margin 0.02 the third cell counts too: (2·0.287682 + 1.386294)/3.
    """
    assert float(guidance_inter_loss(WORKED, FOREGROUND)) == pytest.approx(0.836988, abs=1e-6)
    finer = guidance_inter_loss(WORKED, FOREGROUND, margin=0.02)
    assert float(finer) == pytest.approx(0.653886, abs=1e-6)


def test_inter_loss_teaches_the_inter_mask_alone() -> None:
    """(softmax − one-hot) / 2 at cells with preference; the labels carry no gradient."""
    gradient = jax.grad(guidance_inter_loss)(WORKED, FOREGROUND)
    expected = [[0.125, -0.125], [-0.375, 0.375], [0, 0]]
    np.testing.assert_allclose(gradient.inter[0, 0], expected, atol=1e-6)
    np.testing.assert_array_equal(gradient.intra_visible, 0.0)
    np.testing.assert_array_equal(gradient.intra_thermal, 0.0)


def test_inter_loss_without_preference_is_zero_with_zero_gradient() -> None:
    flat = create_row(0, 0, 0)
    loss, gradient = jax.value_and_grad(guidance_inter_loss)(
        create_guidance(flat, flat), FOREGROUND
    )
    assert float(loss) == 0.0
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(gradient))


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999))
def test_guidance_treats_the_modalities_alike(seed: int) -> None:
    """Swapping the modalities, and the channels of the inter mask, changes neither loss."""
    guidance, foreground = create_random_guidance(seed)
    swapped = GuidanceLogits(
        guidance.intra_thermal, guidance.intra_visible, guidance.inter[..., ::-1]
    )
    for loss in (guidance_intra_loss, guidance_inter_loss):
        assert float(loss(swapped, foreground)) == pytest.approx(
            float(loss(guidance, foreground)), rel=1e-5
        )


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999))
def test_guidance_losses_stay_within_their_ranges(seed: int) -> None:
    guidance, foreground = create_random_guidance(seed)
    assert 0.0 <= float(guidance_intra_loss(guidance, foreground)) < 2.0
    assert float(guidance_inter_loss(guidance, foreground)) >= 0.0


@pytest.mark.parametrize("foreground", [0.0, 1.0])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_guidance_gradients_are_finite_at_extremes(foreground: float, scale: float) -> None:
    """Empty image and all-one mask, logits of zero and of ±1e4."""
    guidance, target = create_random_guidance(3, scale)
    target = np.full_like(target, foreground)
    for loss in (guidance_intra_loss, guidance_inter_loss):
        value, gradient = jax.value_and_grad(loss)(guidance, target)
        assert np.isfinite(value)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_intra_loss_of_empty_image_pushes_masks_down() -> None:
    """The gradient on every logit is positive, although nothing is foreground."""
    guidance, target = create_random_guidance(4)
    gradient = jax.grad(guidance_intra_loss)(guidance, np.zeros_like(target))
    assert (np.asarray(gradient.intra_visible) > 0).all()
    assert (np.asarray(gradient.intra_thermal) > 0).all()


def test_guidance_of_bfloat16_is_computed_in_float32() -> None:
    guidance, target = create_random_guidance(5)
    low = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.bfloat16), guidance)
    same = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), low)
    for loss in (guidance_intra_loss, guidance_inter_loss):
        assert loss(low, target).dtype == jnp.float32
        assert float(loss(low, target)) == float(loss(same, target))
