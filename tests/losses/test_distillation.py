"""Attention transfer, semantic transfer and its MSE baseline, by hand and by property."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.losses import distillation
from mdjax.losses.distillation import (
    MaskReduction,
    compute_focal_mask,
)
from mdjax.types import MdjaxError
from tests.losses.values import take_value

attention_transfer_loss = take_value(distillation.attention_transfer_loss)
compute_perplexity_share = take_value(distillation.compute_perplexity_share)
focal_mse_loss = take_value(distillation.focal_mse_loss)
mse_loss = take_value(distillation.mse_loss)


REDUCTIONS: tuple[MaskReduction, ...] = ("mean", "sum", "relative", "bounded")

# One image of two cells and two channels, teacher 0: squared differences (4, 0) and (1, 1), so
# channel means 2 and 1, sums 4 and 2.
STUDENT = jnp.array([2.0, 0.0, 1.0, -1.0]).reshape(1, 1, 2, 2)
TEACHER = jnp.zeros((1, 1, 2, 2))


def create_features(
    seed: int, shape: tuple[int, ...] = (2, 3, 4, 8)
) -> tuple[jax.Array, jax.Array]:
    generator = np.random.default_rng(seed)
    student, teacher = generator.standard_normal((2, *shape)).astype(np.float32)
    return jnp.asarray(student), jnp.asarray(teacher)


def create_cells(*values: float) -> jax.Array:
    """One 2x2 mask."""
    return jnp.asarray(values, jnp.float32).reshape(1, 2, 2, 1)


def test_attention_transfer_is_dice_of_the_masks() -> None:
    """Overlap 2 (0.5·1 + 0.5·0.5) + 1 = 2.5; sizes 1 + 2 + 1 = 4; 1 − 2.5/4 = 0.375."""
    student, teacher = create_cells(0.5, 0.5, 0, 0), create_cells(1, 0.5, 0.5, 0)
    assert float(attention_transfer_loss(student, teacher)) == pytest.approx(0.375, abs=1e-6)


def test_attention_transfer_teaches_the_student_alone() -> None:
    """dL/dm_i = −(2 t_i S − N)/S² with N = 2.5, S = 4: −(8 − 2.5)/16 where t = 1."""
    student, teacher = create_cells(0.5, 0.5, 0, 0), create_cells(1, 0.5, 0.5, 0)
    gradients = jax.grad(attention_transfer_loss, argnums=(0, 1))(student, teacher)
    expected = [-5.5 / 16, -1.5 / 16, -1.5 / 16, 2.5 / 16]
    np.testing.assert_allclose(gradients[0].ravel(), expected, rtol=1e-5)
    np.testing.assert_array_equal(gradients[1], 0.0)


@pytest.mark.parametrize("student", [0.0, 1.0])
@pytest.mark.parametrize("teacher", [0.0, 1.0])
def test_attention_transfer_gradient_is_finite_for_empty_and_full_masks(
    student: float, teacher: float
) -> None:
    masks = jnp.full((2, 3, 4, 1), student), jnp.full((2, 3, 4, 1), teacher)
    loss, gradient = jax.value_and_grad(attention_transfer_loss)(*masks)
    assert 0.0 <= float(loss) < 1.0
    assert np.isfinite(gradient).all()


def test_focal_mask_of_channel_means_is_softmax_over_cells() -> None:
    """softmax(2, 1) = (e, 1)/(e + 1) = 0.731059, 0.268941."""
    mask = compute_focal_mask(STUDENT, TEACHER)
    assert mask.shape == (1, 1, 2, 1)
    np.testing.assert_allclose(mask.ravel(), [0.731059, 0.268941], atol=1e-6)


def test_focal_mask_of_channel_sums_is_sharper() -> None:
    """softmax(4, 2) = (e², 1)/(e² + 1) = 0.880797, 0.119203."""
    mask = compute_focal_mask(STUDENT, TEACHER, "sum")
    np.testing.assert_allclose(mask.ravel(), [0.880797, 0.119203], atol=1e-6)


def test_focal_mse_weighs_channel_means_by_the_mask() -> None:
    """0.731059·2 + 0.268941·1 = 1.731059; with sums in the softmax 0.880797·2 + 0.119203."""
    assert float(focal_mse_loss(STUDENT, TEACHER)) == pytest.approx(1.731059, abs=1e-6)
    literal = focal_mse_loss(STUDENT, TEACHER, mask_reduction="sum")
    assert float(literal) == pytest.approx(1.880797, abs=1e-6)


def test_mse_averages_over_everything() -> None:
    """(4 + 0 + 1 + 1)/4."""
    assert float(mse_loss(STUDENT, TEACHER)) == pytest.approx(1.5)


def test_focal_mse_gradient_takes_the_mask_as_constant() -> None:
    """δ · 2 (f_S − f_T)/n: 0.731059·2 for the difference 2, 0.268941·(±1) in the other cell."""
    gradient = jax.grad(focal_mse_loss)(STUDENT, TEACHER)
    expected = [1.462117, 0, 0.268941, -0.268941]
    np.testing.assert_allclose(gradient.ravel(), expected, atol=1e-6)


def test_focal_mse_gradient_through_the_mask_adds_its_share() -> None:
    """dL/dd_i = δ_i (1 + d_i − L), L = 1.731059: 0.731059·1.268941 and 0.268941·0.268941.

    Times dd/df = 2 (f_S − f_T)/n: 2, 0 and 1, −1.
    """
    gradient = jax.grad(lambda f: focal_mse_loss(f, TEACHER, mask_gradient=True))(STUDENT)
    expected = [1.855343, 0, 0.072329, -0.072329]
    np.testing.assert_allclose(gradient.ravel(), expected, atol=1e-5)


def test_bounded_mask_has_the_wanted_perplexity() -> None:
    """One of 16 cells stands out by 100: it gets the weight p with exp(H) = 16/8 = 2.

    With q = (1 - p)/15 of each other cell, H = -p log p - (1 - p) log q = log 2 at p = 0.879733,
    and the temperature is 100 / log(p / q) = 100 / log(109.722) = 21.2859.
    """
    student = jnp.zeros((1, 4, 4, 1)).at[0, 0, 0, 0].set(10.0)
    mask = compute_focal_mask(student, jnp.zeros_like(student), "bounded").ravel()
    assert float(mask[0]) == pytest.approx(0.879733, abs=1e-5)
    np.testing.assert_allclose(mask[1:], (1 - 0.879733) / 15, rtol=1e-4)


def test_bounded_mask_is_literal_where_that_attends_to_many() -> None:
    """Two cells with the weights 0.881 and 0.119: 1.44 of them, more than an eighth."""
    np.testing.assert_array_equal(
        compute_focal_mask(STUDENT, TEACHER, "bounded"), compute_focal_mask(STUDENT, TEACHER, "sum")
    )


@pytest.mark.parametrize("scale", [10.0, 1e3, 1e6])
def test_bounded_mask_attends_to_an_eighth_of_the_positions_at_every_scale(scale: float) -> None:
    """Also where a few positions are far from all others, as those of real features are."""
    rng = np.random.default_rng(0)
    student = jnp.asarray(scale * rng.lognormal(sigma=2.0, size=(3, 12, 16, 1)), jnp.float32)
    mask = compute_focal_mask(student, jnp.zeros_like(student), "bounded")
    assert float(compute_perplexity_share(mask)) == pytest.approx(1 / 8, rel=1e-3)
    literal = compute_focal_mask(student, jnp.zeros_like(student), "sum")
    assert float(compute_perplexity_share(literal)) < 0.01


def test_temperature_is_a_constant_to_the_gradient() -> None:
    gradient = jax.grad(
        lambda f: focal_mse_loss(f, TEACHER, mask_reduction="bounded", mask_gradient=True)
    )
    np.testing.assert_array_equal(gradient(TEACHER), 0.0)
    assert np.all(np.isfinite(gradient(100 * STUDENT)))


def test_perplexity_is_the_share_of_attended_cells() -> None:
    """Half on two of four: 2/4; all on one: 1/4; (0.731059, 0.268941): exp(0.582203)/2."""
    assert float(compute_perplexity_share(create_cells(0.5, 0.5, 0, 0))) == pytest.approx(0.5)
    assert float(compute_perplexity_share(create_cells(0, 1, 0, 0))) == pytest.approx(0.25)
    worked = compute_perplexity_share(compute_focal_mask(STUDENT, TEACHER))
    assert float(worked) == pytest.approx(0.894988, abs=1e-5)


def test_perplexity_averages_over_images() -> None:
    """1 and 4 of 4 cells: 2.5/4."""
    masks = jnp.concatenate([create_cells(0, 1, 0, 0), create_cells(0.25, 0.25, 0.25, 0.25)])
    assert float(compute_perplexity_share(masks)) == pytest.approx(0.625)


def test_semantic_losses_teach_the_student_alone() -> None:
    student, teacher = create_features(0)
    for loss in (mse_loss, focal_mse_loss):
        gradient = jax.grad(loss, argnums=1)(student, teacher)
        np.testing.assert_array_equal(gradient, 0.0)
    through_mask = jax.grad(lambda t: focal_mse_loss(student, t, mask_gradient=True))(teacher)
    np.testing.assert_array_equal(through_mask, 0.0)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999))
def test_focal_mask_sums_to_one_and_perplexity_is_a_share(seed: int) -> None:
    student, teacher = create_features(seed)
    perplexities = []
    for reduction in REDUCTIONS:
        mask = compute_focal_mask(student, teacher, reduction)
        np.testing.assert_allclose(mask.sum((1, 2, 3)), 1.0, rtol=1e-5)
        perplexities.append(float(compute_perplexity_share(mask)))
    # The sum is n times the mean: a sharper softmax attends to fewer cells.
    assert 1 / 12 <= perplexities[1] <= perplexities[0] + 1e-5 <= 1.0 + 1e-4


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999))
def test_focal_mse_lies_between_mse_and_the_worst_cell(seed: int) -> None:
    """The weights grow with the distance, so they can only raise the mean (Chebyshev's sum)."""
    student, teacher = create_features(seed)
    worst = np.square(np.asarray(student - teacher)).mean(-1).max((1, 2)).mean()
    mean, literal = (
        float(focal_mse_loss(student, teacher, mask_reduction=reduction))
        for reduction in ("mean", "sum")
    )
    assert float(mse_loss(student, teacher)) <= mean + 1e-5
    assert mean <= literal + 1e-5
    assert literal <= worst + 1e-5


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 999), shift=st.floats(-3, 3, width=32))
def test_focal_mse_is_invariant_and_averages_images(seed: int, shift: float) -> None:
    """To a common shift, to a common order of cells and of channels; images count alike."""
    student, teacher = create_features(seed)
    loss = float(focal_mse_loss(student, teacher))
    shifted = focal_mse_loss(student + shift, teacher + shift)
    turned = focal_mse_loss(student[:, ::-1, ::-1, ::-1], teacher[:, ::-1, ::-1, ::-1])
    singles = [
        float(focal_mse_loss(student[i : i + 1], teacher[i : i + 1])) for i in range(len(student))
    ]
    assert float(shifted) == pytest.approx(loss, rel=1e-4)
    assert float(turned) == pytest.approx(loss, rel=1e-5)
    assert np.mean(singles) == pytest.approx(loss, rel=1e-5)


def test_focal_mse_of_even_errors_equals_mse() -> None:
    """Everywhere 3 away: weights 1/12, loss 9."""
    _, teacher = create_features(1)
    assert float(focal_mse_loss(teacher + 3, teacher)) == pytest.approx(9.0, rel=1e-5)
    assert float(mse_loss(teacher + 3, teacher)) == pytest.approx(9.0, rel=1e-5)


@pytest.mark.parametrize("mask_gradient", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_focal_mse_is_finite_at_extremes(
    scale: float, reduction: MaskReduction, mask_gradient: bool
) -> None:
    """Zero features on both sides, ordinary ones, and errors of 1e4 (1e8 in the softmax)."""
    student, teacher = (scale * features for features in create_features(2))
    loss, gradient = jax.value_and_grad(
        lambda f: focal_mse_loss(f, teacher, mask_reduction=reduction, mask_gradient=mask_gradient)
    )(student)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    assert (float(loss) == 0.0) == (scale == 0.0)
    perplexity = compute_perplexity_share(compute_focal_mask(student, teacher, reduction))
    assert 1 / 12 - 1e-6 <= float(perplexity) <= 1.0 + 1e-4


@pytest.mark.parametrize("loss", [mse_loss, focal_mse_loss])
def test_semantic_losses_of_bfloat16_are_computed_in_float32(loss) -> None:
    student, teacher = (f.astype(jnp.bfloat16) for f in create_features(3))
    low = loss(student, teacher)
    assert low.dtype == jnp.float32
    assert float(low) == float(loss(student.astype(jnp.float32), teacher.astype(jnp.float32)))
    # A bfloat16 student beside a float32 teacher, as under mixed precision, is no different.
    assert float(loss(student, teacher.astype(jnp.float32))) == float(low)


@pytest.mark.parametrize(
    ("loss", "channels"), [(attention_transfer_loss, 1), (mse_loss, 8), (focal_mse_loss, 8)]
)
def test_transfer_between_grids_that_differ_is_refused(
    loss, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user without the shape checks of these tests reads what to change."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    student, teacher = jnp.zeros((2, 3, 4, channels)), jnp.zeros((2, 6, 8, channels))
    with pytest.raises(MdjaxError, match=r"\(2, 6, 8, .*same width, stem stride"):
        loss(student, teacher)
