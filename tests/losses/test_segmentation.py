"""Cross-entropy with ignored pixels, by hand and by property."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.losses import segmentation
from tests.losses.values import take_value

cross_entropy_loss = take_value(segmentation.cross_entropy_loss)


QUARTERS = jnp.array([0.0, math.log(3.0)])  # softmax: 1/4 and 3/4


def create_case(seed: int, batch: int = 2) -> tuple[jax.Array, np.ndarray]:
    generator = np.random.default_rng(seed)
    logits = 3 * generator.standard_normal((batch, 3, 4, 5)).astype(np.float32)
    return jnp.asarray(logits), generator.integers(0, 5, (batch, 3, 4)).astype(np.uint8)


def test_cross_entropy_averages_over_counted_pixels() -> None:
    """Probabilities 1/4, 3/4 everywhere, labels 1, 0 and ignored.

    −ln(3/4) = 0.287682 and −ln(1/4) = 1.386294; their mean is 0.836988.
    """
    logits = jnp.broadcast_to(QUARTERS, (1, 1, 3, 2))
    labels = np.array([[[1, 0, 255]]], np.uint8)
    loss, gradient = jax.value_and_grad(cross_entropy_loss)(logits, labels)
    assert float(loss) == pytest.approx(0.836988, abs=1e-6)
    # (softmax − one-hot) / 2, and nothing at the ignored pixel.
    expected = [[0.125, -0.125], [-0.375, 0.375], [0, 0]]
    np.testing.assert_allclose(gradient[0, 0], expected, atol=1e-6)


def test_cross_entropy_of_even_logits_is_log_of_classes() -> None:
    labels = np.arange(8, dtype=np.uint8).reshape(1, 2, 4)
    loss = cross_entropy_loss(jnp.zeros((1, 2, 4, 9)), labels)
    assert float(loss) == pytest.approx(math.log(9), abs=1e-6)


def test_cross_entropy_of_ignored_image_is_zero_with_zero_gradient() -> None:
    logits, _ = create_case(0)
    labels = np.full((2, 3, 4), 255, np.uint8)
    loss, gradient = jax.value_and_grad(cross_entropy_loss)(logits, labels)
    assert float(loss) == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


def test_cross_entropy_with_ignored_rows_equals_the_crop() -> None:
    logits, labels = create_case(1)
    masked = labels.copy()
    masked[:, 1:] = 255
    whole, crop = (
        cross_entropy_loss(logits, masked),
        cross_entropy_loss(logits[:, :1], labels[:, :1]),
    )
    assert float(whole) == pytest.approx(float(crop), rel=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_cross_entropy_of_huge_logits_is_finite(label: int) -> None:
    """Logits ±1e4: right costs 0, wrong the difference 2e4; gradients stay within 1."""
    logits = jnp.broadcast_to(jnp.array([-1e4, 1e4]), (1, 2, 2, 2))
    labels = np.full((1, 2, 2), label, np.uint8)
    loss, gradient = jax.value_and_grad(cross_entropy_loss)(logits, labels)
    assert float(loss) == pytest.approx((1 - label) * 2e4)
    assert np.abs(gradient).max() <= 1.0


def test_cross_entropy_of_bfloat16_is_computed_in_float32() -> None:
    logits, labels = create_case(2)
    low = logits.astype(jnp.bfloat16)
    loss = cross_entropy_loss(low, labels)
    assert loss.dtype == jnp.float32
    assert float(loss) == float(cross_entropy_loss(low.astype(jnp.float32), labels))


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999), shift=st.floats(-50, 50, width=32))
def test_cross_entropy_ignores_a_shift_and_averages_images(seed: int, shift: float) -> None:
    """Softmax does not see a constant; images with equally many pixels count alike."""
    logits, labels = create_case(seed)
    loss = float(cross_entropy_loss(logits, labels))
    assert loss >= 0
    assert float(cross_entropy_loss(logits + shift, labels)) == pytest.approx(loss, rel=1e-4)
    singles = [float(cross_entropy_loss(logits[i : i + 1], labels[i : i + 1])) for i in (0, 1)]
    assert np.mean(singles) == pytest.approx(loss, rel=1e-5)


def test_balanced_cross_entropy_weighs_classes_alike() -> None:
    """Probabilities 1/4, 3/4; labels 1, 1, 1, 0, ignored: a = −ln(3/4), b = −ln(1/4).

    Over pixels (3 a + b) / 4 = 0.562335, over classes (a + b) / 2 = 0.836988.
    """
    logits = jnp.broadcast_to(QUARTERS, (1, 1, 5, 2))
    labels = np.array([[[1, 1, 1, 0, 255]]], np.uint8)
    for balance, expected in ((0.0, 0.562335), (1.0, 0.836988), (0.5, 0.699662)):
        loss, gradient = jax.value_and_grad(
            lambda z, balance=balance: cross_entropy_loss(z, labels, class_balance=balance)
        )(logits)
        assert float(loss) == pytest.approx(expected, abs=1e-6)
        np.testing.assert_array_equal(gradient[0, 0, 4], 0.0)


@pytest.mark.parametrize("balance", [0.25, 1.0])
def test_balanced_cross_entropy_is_that_of_the_whole_batch_however_it_is_cut(
    balance: float,
) -> None:
    logits, labels = create_case(3, batch=4)
    labels[2:] = 0  # The parts have classes of their own.
    whole = segmentation.cross_entropy_loss(logits, labels, class_balance=balance)
    parts = [
        segmentation.cross_entropy_loss(logits[rows], labels[rows], class_balance=balance)
        for rows in (slice(0, 2), slice(2, 4))
    ]
    added = jax.tree.map(lambda a, b: a + b, *parts)
    assert float(added.value) == pytest.approx(float(whole.value), rel=1e-6)


def test_balanced_cross_entropy_of_classes_that_do_not_occur_is_finite() -> None:
    loss, gradient = jax.value_and_grad(
        lambda z: cross_entropy_loss(z, np.full((1, 2, 2), 255, np.uint8), class_balance=1.0)
    )(jnp.zeros((1, 2, 2, 9)))
    assert float(loss) == 0.0
    np.testing.assert_array_equal(gradient, 0.0)
