"""Focal and Balanced L1 loss: by hand, at the extremes, against float64 in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.losses import detection
from mdjax.ops.assignment import IGNORED, NEGATIVE
from tests.losses.values import take_value

balanced_l1_loss = take_value(detection.balanced_l1_loss)
focal_loss = take_value(detection.focal_loss)


def create_targets(*values: int) -> jax.Array:
    return jnp.asarray([values], jnp.int32)


def test_focal_weighs_positives_and_negatives() -> None:
    """With p = ½, a positive costs .25·½·ln 2, a negative .75·½·ln 2, an ignored one nothing.

    Over one positive: ½ ln 2 = .346574; with two of them (2·.25 + .75)/2·½ ln 2 = .216608.
    """
    logits = jnp.zeros((1, 3, 1))
    one = focal_loss(logits, create_targets(0, NEGATIVE, IGNORED))
    assert float(one) == pytest.approx(0.346574, abs=1e-6)
    two = focal_loss(logits, create_targets(0, NEGATIVE, 0))
    assert float(two) == pytest.approx(0.216608, abs=1e-6)


def test_focal_takes_the_other_classes_of_a_positive_as_negatives() -> None:
    """Logits ±ln 3: p = ¾ for class 1, which is right, and ¼ for class 0, which is not.

    −.25·¼·ln ¾ − .75·¼·ln ¾ = .25·.287682 = .071921. With class 0 the right one, both are wrong:
    −.25·¾·ln ¼ − .75·¾·ln ¼ = .75·1.386294 = 1.039721.
    """
    logits = jnp.asarray([[[-np.log(3), np.log(3)]]], jnp.float32)
    assert float(focal_loss(logits, create_targets(1))) == pytest.approx(0.071921, abs=1e-6)
    assert float(focal_loss(logits, create_targets(0))) == pytest.approx(1.039721, abs=1e-6)


def test_focal_gamma_lowers_the_weight_of_easy_anchors() -> None:
    """With p = ¾ and right: −.25·(¼)²·ln ¾ = .004495; γ = 0: −.25·ln ¾ = .071921."""
    logits, targets = jnp.full((1, 1, 1), np.log(3)), create_targets(0)
    assert float(focal_loss(logits, targets, gamma=2)) == pytest.approx(0.004495, abs=1e-6)
    assert float(focal_loss(logits, targets, gamma=0)) == pytest.approx(0.071921, abs=1e-6)


def test_focal_counts_positives_of_the_whole_batch() -> None:
    """Two images, one without objects: (.25 + .75 + .75)·½·ln 2 over one positive."""
    targets = jnp.asarray([[0], [NEGATIVE], [NEGATIVE]], jnp.int32)
    loss = focal_loss(jnp.zeros((3, 1, 1)), targets)
    assert float(loss) == pytest.approx(1.75 * 0.346574, abs=1e-6)


def test_focal_without_positives_still_pushes_scores_down() -> None:
    """.75·½·ln 2 an anchor, over 1."""
    targets = create_targets(NEGATIVE, NEGATIVE, IGNORED)
    loss, gradient = jax.value_and_grad(focal_loss)(jnp.zeros((1, 3, 1)), targets)
    assert float(loss) == pytest.approx(1.5 * 0.346574, abs=1e-6)
    assert (np.asarray(gradient)[0, :2] > 0).all()
    assert float(gradient[0, 2, 0]) == 0


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("logit", [-1e4, -100.0, 0.0, 100.0, 1e4])
def test_focal_is_finite_at_extremes(logit: float, gamma: float) -> None:
    targets = create_targets(1, NEGATIVE, IGNORED)
    loss, gradient = jax.value_and_grad(lambda z: focal_loss(z, targets, gamma=gamma))(
        jnp.full((1, 3, 2), logit)
    )
    assert np.isfinite(loss)
    assert float(loss) >= 0
    assert np.isfinite(gradient).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 9999))
def test_focal_agrees_with_its_equation_in_float64(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 4, (2, 9, 3)).astype(np.float32)
    targets = generator.integers(-2, 3, (2, 9)).astype(np.int32)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    total = 0.0
    for index in np.ndindex(2, 9, 3):
        if targets[index[:2]] != IGNORED:
            is_class = targets[index[:2]] == index[2]
            p_t, alpha_t = (p[index], 0.3) if is_class else (1 - p[index], 0.7)
            total -= alpha_t * (1 - p_t) ** 1.5 * np.log(p_t)
    expected = total / max(1, (targets >= 0).sum())
    loss = focal_loss(logits, targets, alpha=0.3, gamma=1.5)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def create_offsets(*values: float) -> jax.Array:
    """One anchor a value, which its first offset has; the other three are 0."""
    return jnp.zeros((1, len(values), 4)).at[0, :, 0].set(jnp.asarray(values, jnp.float32))


def test_balanced_l1_of_small_errors_is_logarithmic() -> None:
    """With b = e³ − 1 = 19.0855; x = .05: .5/b·(.05 b + 1)·ln(.05 b/.11 + 1) − .5·.05.

    .026198·1.954277·2.269570 − .025 = .091197; over 4 offsets .022799.
    """
    errors = create_offsets(-0.05)
    loss = balanced_l1_loss(errors, jnp.zeros_like(errors), jnp.ones((1, 1), bool))
    assert float(loss) == pytest.approx(0.091197 / 4, abs=1e-6)


def test_balanced_l1_of_large_errors_is_linear() -> None:
    """With x = 1: 1.5 + 1.5/19.0855 − .5·.11 = 1.523594; over 4 offsets .380898."""
    errors = create_offsets(1.0)
    loss = balanced_l1_loss(jnp.zeros_like(errors), errors, jnp.ones((1, 1), bool))
    assert float(loss) == pytest.approx(1.523594 / 4, abs=1e-6)


def test_balanced_l1_branches_meet_at_beta() -> None:
    """1.5·.11 + .078594 − .055 = .188594 from both sides."""
    for error in (0.109999, 0.11, 0.110001):
        errors = create_offsets(error)
        loss = balanced_l1_loss(errors, jnp.zeros_like(errors), jnp.ones((1, 1), bool))
        assert 4 * float(loss) == pytest.approx(0.188594, abs=1e-5)


def test_balanced_l1_averages_over_positives_alone() -> None:
    """(.091197 + 1.523594)/8; what the third anchor says does not matter, be it infinite."""
    offsets, targets = create_offsets(0.05, 1.0, 7.0), create_offsets(0.0, 0.0, np.inf)
    is_positive = jnp.asarray([[True, True, False]])
    loss, gradient = jax.value_and_grad(balanced_l1_loss)(offsets, targets, is_positive)
    assert float(loss) == pytest.approx(1.614791 / 8, abs=1e-6)
    # 1.5 of the linear branch, over 8.
    assert float(gradient[0, 1, 0]) == pytest.approx(0.1875)
    np.testing.assert_array_equal(gradient[0, 2], 0)


def test_balanced_l1_without_positives_is_zero_with_zero_gradient() -> None:
    offsets = create_offsets(1.0, 2.0)
    nobody = jnp.zeros((1, 2), bool)
    loss, gradient = jax.value_and_grad(balanced_l1_loss)(offsets, 0 * offsets, nobody)
    assert float(loss) == 0
    np.testing.assert_array_equal(gradient, 0)


def test_balanced_l1_takes_its_targets_as_constants() -> None:
    offsets, targets = create_offsets(1.0), create_offsets(0.5)
    gradient = jax.grad(balanced_l1_loss, argnums=1)(offsets, targets, jnp.ones((1, 1), bool))
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("error", [0.0, 1e-30, 0.11, 1e4, 1e30])
def test_balanced_l1_is_finite_at_extremes(error: float) -> None:
    errors = create_offsets(error, -error)
    loss, gradient = jax.value_and_grad(balanced_l1_loss)(
        errors, jnp.zeros_like(errors), jnp.ones((1, 2), bool)
    )
    assert np.isfinite(loss)
    assert float(loss) >= 0
    assert np.isfinite(gradient).all()


@settings(max_examples=20)
@given(seed=st.integers(0, 9999))
def test_balanced_l1_agrees_with_its_equation_in_float64(seed: int) -> None:
    generator = np.random.default_rng(seed)
    offsets, targets = generator.normal(0, 0.5, (2, 2, 7, 4)).astype(np.float32)
    is_positive = generator.random((2, 7)) < 0.5
    alpha, gamma, beta = 0.4, 1.2, 0.5
    b = np.exp(gamma / alpha) - 1
    x = np.abs(offsets.astype(np.float64) - targets)[is_positive]
    small = alpha / b * (b * x + 1) * np.log(b * x / beta + 1) - alpha * x
    expected = np.where(x < beta, small, gamma * x + gamma / b - alpha * beta).sum()
    loss = balanced_l1_loss(offsets, targets, is_positive, alpha=alpha, gamma=gamma, beta=beta)
    assert float(loss) == pytest.approx(expected / (4 * max(1, is_positive.sum())), rel=1e-4)


def test_losses_of_bfloat16_are_computed_in_float32() -> None:
    generator = np.random.default_rng(0)
    low = jnp.asarray(generator.standard_normal((1, 5, 4)), jnp.bfloat16)
    full = low.astype(jnp.float32)
    targets = create_targets(0, 3, NEGATIVE, IGNORED, 2)
    assert focal_loss(low, targets).dtype == jnp.float32
    assert float(focal_loss(low, targets)) == float(focal_loss(full, targets))
    is_positive, zeros = targets >= 0, jnp.zeros_like(full)
    loss = balanced_l1_loss(low, zeros, is_positive)
    assert loss.dtype == jnp.float32
    assert float(loss) == float(balanced_l1_loss(full, zeros, is_positive))
