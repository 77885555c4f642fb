"""Logit distillation per pixel and per anchor: by hand, against SciPy, by property."""

from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, rel_entr, softmax

from mdjax.losses.detection import focal_loss
from mdjax.methods.logits import LogitDistillation, anchor_logit_loss, pixel_logit_loss
from mdjax.ops.assignment import IGNORED, NEGATIVE
from mdjax.types import IGNORED_LABEL, MdjaxError
from tests.losses.values import take_value

compute_pixel_loss = take_value(pixel_logit_loss)
compute_anchor_loss = take_value(anchor_logit_loss)

LN_3 = float(np.log(3.0))
# 4 (3/4 ln(3/2) + 1/4 ln(1/2)): at T = 2, from (3/4, 1/4) to (1/2, 1/2).
DIVERGENCE = 0.5232481


def create_labels(*ids: int) -> Any:
    return np.array(ids, np.uint8).reshape(1, 1, -1)


def test_loss_of_two_pixels_by_hand() -> None:
    """The first has shares (3/4, 1/4) and (1/2, 1/2), the second is equal: half the divergence."""
    teacher = jnp.array([2 * LN_3, 0.0, 5.0, 1.0]).reshape(1, 1, 2, 2)
    student = jnp.array([0.0, 0.0, 5.0, 1.0]).reshape(1, 1, 2, 2)
    loss = compute_pixel_loss(student, teacher, create_labels(0, 1), 2.0)
    assert float(loss) == pytest.approx(DIVERGENCE / 2, abs=1e-6)


def test_ignored_pixels_do_not_count() -> None:
    teacher = jnp.array([2 * LN_3, 0.0, 9.0, -9.0]).reshape(1, 1, 2, 2)
    student = jnp.zeros((1, 1, 2, 2))
    loss = compute_pixel_loss(student, teacher, create_labels(0, IGNORED_LABEL), 2.0)
    assert float(loss) == pytest.approx(DIVERGENCE, abs=1e-6)
    nothing = create_labels(IGNORED_LABEL, IGNORED_LABEL)
    value, gradient = jax.value_and_grad(compute_pixel_loss)(student, teacher, nothing, 2.0)
    assert float(value) == 0
    np.testing.assert_array_equal(gradient, 0.0)


def test_loss_of_anchors_by_hand() -> None:
    """σ(ln 3) = 3/4 and σ(0) = 1/2 for the positive anchor; the negative is equal, one ignored."""
    teacher = jnp.array([2 * LN_3, -4.0, 9.0]).reshape(1, 3, 1)
    student = jnp.array([0.0, -4.0, -9.0]).reshape(1, 3, 1)
    targets = np.array([[0, NEGATIVE, IGNORED]])
    for gamma, weight in ((0.0, 1.0), (1.0, 1 / 4), (2.0, 1 / 16)):
        loss = compute_anchor_loss(student, teacher, targets, 2.0, gamma)
        assert float(loss) == pytest.approx(weight * DIVERGENCE, abs=1e-6)


def test_loss_of_anchors_is_divided_by_the_positives() -> None:
    """Four anchors of the divergence above: by 2 positives, and by 1 where there is none."""
    teacher, student = jnp.full((1, 4, 1), 2 * LN_3), jnp.zeros((1, 4, 1))
    for targets, expected in (([0, 0, NEGATIVE, NEGATIVE], 2), ([NEGATIVE] * 4, 4)):
        loss = compute_anchor_loss(student, teacher, np.array([targets]), 2.0)
        assert float(loss) == pytest.approx(expected * DIVERGENCE / 4, abs=1e-5)


def test_background_that_both_find_easy_pulls_less_than_a_missed_object() -> None:
    """10,000 anchors that student and teacher give 0.01 and 0.001, one that they give 0.01 and 0.9.

    The gradient by hand is w (p_S − p_T) + w' D, with w = |p_S − p_T| and w' = ±p_S (1 − p_S).
    Without the weight, the background would pull a hundred times as hard as the object.
    """
    shares = np.array([0.01] * 10_001), np.array([0.001] * 10_000 + [0.9])
    logits = [np.log(p / (1 - p)) for p in shares]
    student, teacher = (jnp.array(z, jnp.float32).reshape(1, -1, 1) for z in logits)
    targets = np.array([[NEGATIVE] * 10_000 + [0]])
    gradient = np.ravel(jax.grad(compute_anchor_loss)(student, teacher, targets, 1.0))
    for p_student, p_teacher, found in ((0.01, 0.001, gradient[0]), (0.01, 0.9, gradient[-1])):
        gap = p_student - p_teacher
        divergence = rel_entr(p_teacher, p_student) + rel_entr(1 - p_teacher, 1 - p_student)
        slope = np.sign(gap) * p_student * (1 - p_student)
        assert found == pytest.approx(abs(gap) * gap + slope * divergence, rel=1e-3)
    assert gradient[:-1].sum() < 2 * -gradient[-1]
    plain = np.ravel(jax.grad(compute_anchor_loss)(student, teacher, targets, 1.0, 0.0))
    assert plain[:-1].sum() > 100 * -plain[-1]


def test_soft_targets_of_0_and_1_are_the_focal_loss() -> None:
    """Where the teacher is certain, the divergence is the cross-entropy and the weight 1 − p_t."""
    student = jnp.array([0.3, -2.0, 1.5, -0.1]).reshape(1, 4, 1)
    teacher = jnp.array([40.0, -40.0, -40.0, 40.0]).reshape(1, 4, 1)
    targets = np.array([[0, NEGATIVE, NEGATIVE, 0]])
    soft = compute_anchor_loss(student, teacher, targets, 1.0)
    hard = focal_loss(student, targets, alpha=0.5).value
    assert float(soft) == pytest.approx(2 * float(hard), rel=1e-5)


@settings(max_examples=12)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.5, 8.0))
def test_losses_agree_with_scipy(seed: int, temperature: float) -> None:
    generator = np.random.default_rng(seed)
    student, teacher = 3 * generator.standard_normal((2, 2, 3, 4, 5)).astype(np.float32)
    labels = generator.choice(np.array([0, 3, IGNORED_LABEL], np.uint8), (2, 3, 4))
    shares = [softmax(x.astype(np.float64) / temperature, axis=-1) for x in (student, teacher)]
    of_pixels = rel_entr(shares[1], shares[0]).sum(-1)[labels != IGNORED_LABEL]
    expected = temperature**2 * of_pixels.sum() / max(1, len(of_pixels))
    loss = float(compute_pixel_loss(student, teacher, labels, temperature))
    assert loss == pytest.approx(expected, rel=1e-4, abs=1e-6)

    student, teacher = (x.reshape(2, 12, 5) for x in (student, teacher))
    targets = generator.choice([0, 4, NEGATIVE, IGNORED], (2, 12))
    p_student, p_teacher = (expit(x.astype(np.float64) / temperature) for x in (student, teacher))
    of_anchors = rel_entr(p_teacher, p_student) + rel_entr(1 - p_teacher, 1 - p_student)
    of_anchors *= np.abs(p_teacher - p_student)
    total = of_anchors[targets != IGNORED].sum()
    expected = temperature**2 * total / max(1, (targets >= 0).sum())
    loss = float(compute_anchor_loss(student, teacher, targets, temperature))
    assert loss == pytest.approx(expected, rel=1e-4, abs=1e-6)


PIXELS = (compute_pixel_loss, (2, 3, 4, 5), np.zeros((2, 3, 4), np.uint8))
ANCHORS = (compute_anchor_loss, (2, 12, 1), np.zeros((2, 12), np.int32))


@pytest.mark.parametrize(("loss", "shape", "targets"), [PIXELS, ANCHORS], ids=["pixels", "anchors"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_gradient_is_finite_and_pulls_at_the_student_alone(
    loss: Any, shape: tuple[int, ...], targets: Any, scale: float
) -> None:
    student, teacher = scale * np.random.default_rng(0).standard_normal((2, *shape), np.float32)
    value, gradients = jax.value_and_grad(loss, argnums=(0, 1))(student, teacher, targets, 2.0)
    assert np.isfinite(value)
    assert np.isfinite(gradients[0]).all()
    assert bool(np.abs(gradients[0]).max() > 0) == bool(scale)
    np.testing.assert_array_equal(gradients[1], 0.0)
    assert float(loss(teacher, teacher, targets, 2.0)) == 0


def test_gradient_hardly_depends_on_a_high_temperature() -> None:
    """T² keeps its size: T (p_S − p_T), which tends to (z_S − z_T) / k."""
    student = jnp.array([1.0, -1.0]).reshape(1, 1, 1, 2)
    gradients = [
        jax.grad(compute_pixel_loss)(student, jnp.zeros_like(student), create_labels(0), t)
        for t in (20.0, 40.0)
    ]
    np.testing.assert_allclose(gradients[0].ravel(), [0.5, -0.5], rtol=1e-2)
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-2)


def test_other_classes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Users run without the shape checks of these tests.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(MdjaxError, match=r"\(1, 1, 1, 9\) and .* \(1, 1, 1, 8\)\. Give both"):
        pixel_logit_loss(jnp.zeros((1, 1, 1, 8)), jnp.zeros((1, 1, 1, 9)), create_labels(0))
    with pytest.raises(MdjaxError, match=r"\(1, 6, 1\) and .* \(1, 3, 1\)\. Give both the same"):
        anchor_logit_loss(jnp.zeros((1, 3, 1)), jnp.zeros((1, 6, 1)), np.zeros((1, 3), int))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"weight": -1.0}, "weight is -1.0"), ({"temperature": 0.0}, "temperature is 0.0")],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        LogitDistillation(**options)
