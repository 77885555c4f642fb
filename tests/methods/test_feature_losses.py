"""What all losses between features have in common, by property."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.losses.ratio import Ratio
from mdjax.methods.activation_attention import activation_attention_loss
from mdjax.methods.hint import hint_loss
from mdjax.methods.imitation import imitation_loss
from mdjax.methods.masked_generation import masked_generation_loss
from mdjax.methods.pearson import pearson_loss
from mdjax.types import MdjaxError

Loss = Callable[[Any, Any], Ratio]


def imitate_left_half(student: Any, teacher: Any) -> Ratio:
    """As if each image had an object in its left half."""
    mask = jnp.zeros((*student.shape[:3], 1)).at[:, :, :2].set(1.0)
    return imitation_loss(student, teacher, mask)


LOSSES: dict[str, Loss] = {
    "hint": hint_loss,
    "activation_attention": activation_attention_loss,
    "pearson": pearson_loss,
    "masked_generation": masked_generation_loss,
    "imitation": imitate_left_half,
}

for_each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def create_features(seed: int, scale: float = 1.0) -> tuple[jax.Array, jax.Array]:
    generator = np.random.default_rng(seed)
    student, teacher = scale * generator.standard_normal((2, 4, 3, 4, 5)).astype(np.float32)
    return jnp.asarray(student), jnp.asarray(teacher)


@for_each_loss
@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_loss_is_0_at_equality_and_positive_elsewhere(loss: Loss, seed: int) -> None:
    student, teacher = create_features(seed)
    assert float(loss(teacher, teacher).value) == 0
    assert float(loss(student, teacher).value) > 0


@for_each_loss
@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_parts_of_a_batch_add_up_to_the_whole(loss: Loss, seed: int) -> None:
    student, teacher = create_features(seed)
    whole = loss(student, teacher)
    halves = [loss(student[rows], teacher[rows]) for rows in (slice(0, 2), slice(2, 4))]
    summed = jax.tree.map(lambda first, second: first + second, *halves)
    np.testing.assert_allclose(summed.total, whole.total, rtol=1e-5)
    np.testing.assert_allclose(summed.normaliser, whole.normaliser)


@for_each_loss
def test_gradient_pulls_at_the_student_alone(loss: Loss) -> None:
    of_student, of_teacher = jax.grad(lambda s, t: loss(s, t).value, argnums=(0, 1))(
        *create_features(0)
    )
    assert float(jnp.abs(of_student).max()) > 0
    np.testing.assert_array_equal(of_teacher, 0.0)


@for_each_loss
@pytest.mark.parametrize("student_scale", [0.0, 1e-20, 1e4])
@pytest.mark.parametrize("teacher_scale", [0.0, 1e4])
def test_gradient_is_finite_for_features_that_are_0_tiny_or_huge(
    loss: Loss, student_scale: float, teacher_scale: float
) -> None:
    student, teacher = create_features(0)
    value, gradient = jax.value_and_grad(lambda x: loss(x, teacher_scale * teacher).value)(
        student_scale * student
    )
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@for_each_loss
def test_gradient_is_finite_for_flat_features(loss: Loss) -> None:
    _, teacher = create_features(0)
    flat = jnp.full_like(teacher, 3.0)
    for features in ((flat, teacher), (teacher, flat), (flat, flat)):
        value, gradient = jax.value_and_grad(lambda x, y: loss(x, y).value)(*features)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@for_each_loss
def test_loss_of_bfloat16_is_computed_in_float32(loss: Loss) -> None:
    student, teacher = (x.astype(jnp.bfloat16) for x in create_features(1))
    low = loss(student, teacher).value
    exact = loss(student.astype(jnp.float32), teacher.astype(jnp.float32)).value
    assert low.dtype == jnp.float32
    assert float(low) == float(exact)


@for_each_loss
def test_features_on_other_grids_are_refused(loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    # Users run without the shape checks of these tests.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(MdjaxError, match=r"\(2, 3, 4, 8\) .* \(2, 6, 8, 8\)\. Give both"):
        loss(jnp.zeros((2, 6, 8, 8)), jnp.zeros((2, 3, 4, 8)))


# -- Values by hand -------------------------------------------------------------------------------

# One image of two cells and two channels, teacher 0: squared differences (4, 0) and (1, 1).
STUDENT = jnp.array([2.0, 0.0, 1.0, -1.0]).reshape(1, 1, 2, 2)
TEACHER = jnp.zeros((1, 1, 2, 2))


def test_hint_is_half_the_mean_squared_error() -> None:
    """(4 + 0 + 1 + 1) / 4 / 2; dL/df = (f_S − f_T) / 4."""
    assert float(hint_loss(STUDENT, TEACHER).value) == 0.75
    gradient = jax.grad(lambda x: hint_loss(x, TEACHER).value)(STUDENT)
    np.testing.assert_allclose(gradient.ravel(), [0.5, 0, 0.25, -0.25])


def test_masked_generation_sums_over_an_image_and_averages_images() -> None:
    """4 + 0 + 1 + 1 = 6 in the first image, 0 in the second; dL/dG = 2 (G − f_T) / 2."""
    both, zeros = jnp.concatenate([STUDENT, TEACHER]), jnp.zeros((2, 1, 2, 2))
    assert float(masked_generation_loss(both, zeros).value) == 3.0
    gradient = jax.grad(lambda x: masked_generation_loss(x, zeros).value)(both)
    np.testing.assert_allclose(gradient.ravel(), [2, 0, 1, -1, 0, 0, 0, 0])


def test_imitation_counts_where_the_mask_is() -> None:
    """Sums over channels 4 and 2: (1·4 + 0.5·2) / (2·1.5) = 5/3; without a mask 0."""
    mask = jnp.array([1.0, 0.5]).reshape(1, 1, 2, 1)
    assert float(imitation_loss(STUDENT, TEACHER, mask).value) == pytest.approx(5 / 3)
    gradient = jax.grad(lambda x: imitation_loss(x, TEACHER, mask).value)(STUDENT)
    np.testing.assert_allclose(gradient.ravel(), [4 / 3, 0, 1 / 3, -1 / 3], rtol=1e-6)
    assert float(imitation_loss(STUDENT, TEACHER, jnp.zeros_like(mask)).value) == 0


def test_pearson_of_opposite_cells_is_2_and_of_a_flat_channel_a_half() -> None:
    """(0, 2) becomes (−1, 1), and (5, 1) becomes (1, −1): ½ · mean of (−2)², 2²."""
    student, teacher = (jnp.array(x).reshape(1, 1, 2, 1) for x in ([0.0, 2.0], [5.0, 1.0]))
    assert float(pearson_loss(student, teacher).value) == pytest.approx(2.0, rel=1e-4)
    flat = jnp.ones_like(student)
    assert float(pearson_loss(student, flat).value) == pytest.approx(0.5, rel=1e-4)
    assert float(pearson_loss(flat, flat).value) == 0


def test_pearson_is_1_minus_the_mean_correlation_of_numpy() -> None:
    student, teacher = (np.asarray(x, np.float64) for x in create_features(3))
    correlations = [
        np.corrcoef(student[i, ..., c].ravel(), teacher[i, ..., c].ravel())[0, 1]
        for i in range(4)
        for c in range(5)
    ]
    loss = float(pearson_loss(*create_features(3)).value)
    assert loss == pytest.approx(1 - np.mean(correlations), rel=1e-4)


@settings(max_examples=10)
@given(scale=st.floats(0.1, 10.0), offset=st.floats(-5.0, 5.0))
def test_pearson_is_blind_to_scale_and_offset(scale: float, offset: float) -> None:
    student, teacher = create_features(4)
    loss = float(pearson_loss(student, teacher).value)
    moved = float(pearson_loss(scale * student + offset, teacher).value)
    assert moved == pytest.approx(loss, rel=1e-2)


def test_attention_of_two_cells_by_hand() -> None:
    """Student Q = (3, 4), q = (.6, .8); teacher, of two channels, Q = (0, 1).

    ½ · mean of .6², .2² = 0.1.
    """
    student = jnp.array([np.sqrt(3.0), 2.0], jnp.float32).reshape(1, 1, 2, 1)
    teacher = jnp.array([0.0, 0.0, 1.0, 0.0]).reshape(1, 1, 2, 2)
    assert float(activation_attention_loss(student, teacher).value) == pytest.approx(0.1, rel=1e-5)


def test_attention_agrees_with_numpy() -> None:
    student, teacher = create_features(5)
    maps = []
    for features in (student, teacher):
        energies = (np.asarray(features, np.float64) ** 2).sum(-1).reshape(4, 12)
        maps.append(energies / np.linalg.norm(energies, axis=1, keepdims=True))
    expected = np.mean((maps[0] - maps[1]) ** 2) / 2
    loss = partial(activation_attention_loss, teacher_features=teacher)
    assert float(loss(student).value) == pytest.approx(expected, rel=1e-5)
    assert float(loss(-7 * student).value) == pytest.approx(expected, rel=1e-5)
