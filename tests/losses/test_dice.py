"""The Dice loss, by hand and by property."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.losses import dice
from tests.losses.values import take_value

dice_loss = take_value(dice.dice_loss)


def create_mask(*values: float) -> jax.Array:
    """One 2x2 mask an image, from four values each."""
    return jnp.asarray(values, jnp.float32).reshape(-1, 2, 2, 1)


def create_random_mask(seed: int, batch: int = 2) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).random((batch, 2, 2, 1), np.float32))


def test_dice_weighs_overlap_against_both_masks() -> None:
    """Overlap 2 (1 + 0.5) + 1 = 4; sizes 1.5 + 2 + 1 = 4.5; 1 − 4/4.5 = 1/9."""
    loss = dice_loss(create_mask(1, 0.5, 0, 0), create_mask(1, 1, 0, 0))
    assert float(loss) == pytest.approx(1 / 9, abs=1e-6)


def test_dice_sums_over_the_batch_together() -> None:
    """(1, 0, 0, 0) on (1, 0, 0, 0) alone: 1 − 3/3 = 0. (1, 1, 1, 0) on nothing alone: 1 − 1/4.

    Together 2·1 + 1 = 3 over 1 + 3 + 1 + 0 + 1 = 6: 1 − 1/2, not the mean 3/8.
    """
    mask, target = create_mask(1, 0, 0, 0, 1, 1, 1, 0), create_mask(1, 0, 0, 0, 0, 0, 0, 0)
    assert float(dice_loss(mask[:1], target[:1])) == pytest.approx(0.0, abs=1e-6)
    assert float(dice_loss(mask[1:], target[1:])) == pytest.approx(0.75, abs=1e-6)
    assert float(dice_loss(mask, target)) == pytest.approx(0.5, abs=1e-6)


def test_dice_of_empty_target_still_pushes_the_mask_down() -> None:
    """L = 1 − 1/(Σm + 1), so dL/dm = 1/(Σm + 1)² = 1/16 with Σm = 3."""
    loss, gradient = jax.value_and_grad(dice_loss)(
        create_mask(1, 1, 0.5, 0.5), create_mask(0, 0, 0, 0)
    )
    assert float(loss) == pytest.approx(0.75, abs=1e-6)
    np.testing.assert_allclose(gradient, 1 / 16, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_dice_of_equal_binary_masks_is_zero_with_finite_gradient(value: float) -> None:
    """Empty: 1 − 1/1 = 0. Full: 1 − (2·4 + 1)/(4 + 4 + 1) = 0."""
    mask = jnp.full((1, 2, 2, 1), value)
    loss, gradient = jax.value_and_grad(dice_loss)(mask, mask)
    assert float(loss) == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(gradient).all()


def test_dice_of_large_bfloat16_masks_is_summed_in_float32() -> None:
    """Sums of 40·64 ones are no bfloat16 sums: 1 − (5120 + 1)/(5120 + 1) = 0 exactly."""
    mask = jnp.ones((1, 40, 64, 1), jnp.bfloat16)
    loss = dice_loss(mask, mask)
    assert loss.dtype == jnp.float32
    assert float(loss) == pytest.approx(0.0, abs=1e-6)
    half = dice_loss(mask, mask.at[:, 20:].set(0))
    # 1 − (2·1280 + 1)/(2560 + 1280 + 1) = 1280/3841
    assert float(half) == pytest.approx(1280 / 3841, rel=1e-5)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999))
def test_dice_is_symmetric_and_between_zero_and_one(seed: int) -> None:
    mask, target = create_random_mask(seed), create_random_mask(seed + 1)
    loss = float(dice_loss(mask, target))
    assert 0.0 <= loss < 1.0
    assert float(dice_loss(target, mask)) == pytest.approx(loss, abs=1e-6)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 999))
def test_dice_does_not_see_where_cells_lie(seed: int) -> None:
    """Any common permutation of the cells of the batch gives the same loss."""
    mask, target = create_random_mask(seed), create_random_mask(seed + 1)
    order = np.random.default_rng(seed).permutation(8)
    shuffled = [m.reshape(8)[order].reshape(2, 2, 2, 1) for m in (mask, target)]
    assert float(dice_loss(*shuffled)) == pytest.approx(float(dice_loss(mask, target)), abs=1e-6)
