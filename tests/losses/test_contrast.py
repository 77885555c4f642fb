"""Contrast of pixels against loops in NumPy: ties, absent classes, pixels that do not count."""

import math
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.losses.contrast import mean_cosines, pixel_contrast_loss
from mdjax.types import IGNORED_LABEL

SHAPE = (2, 27, 3)
"""Images, pixels and channels; one shape for most tests, which is compiled once."""


def count_hard(share: float, number: int) -> int:
    """The share of a number as it is written, rounded up: 0.6 of 25 is 15."""
    return math.ceil(Fraction(str(share)) * number)


def compute_by_loops(vectors: Any, labels: Any, temperature: float, share: float) -> float:
    """The definition, pixel by pixel."""
    total, num_anchors = 0.0, 0
    for image, image_labels in zip(vectors, labels, strict=True):
        unit = image / np.maximum(np.linalg.norm(image, axis=-1, keepdims=True), 1e-6)
        counted = [i for i in range(len(unit)) if image_labels[i] != IGNORED_LABEL]
        for i in counted:
            same = [
                float(unit[i] @ unit[j]) / temperature
                for j in counted
                if j != i and image_labels[j] == image_labels[i]
            ]
            other = [
                float(unit[i] @ unit[j]) / temperature
                for j in counted
                if image_labels[j] != image_labels[i]
            ]
            if not same or not other:
                continue
            far = sorted(same)[: count_hard(share, len(same))]
            near = sorted(other, reverse=True)[: count_hard(share, len(other))]
            negatives = sum(math.exp(s) for s in near)
            losses = [-math.log(math.exp(s) / (math.exp(s) + negatives)) for s in far]
            total += sum(losses) / len(losses)
            num_anchors += 1
    return total / max(1, num_anchors)


def test_by_hand() -> None:
    """Two pixels of a class at a right angle, one of another class that equals the first."""
    vectors = jnp.array([[[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]])
    labels = jnp.array([[4, 4, 7]], jnp.uint8)
    # The first: its positive has s = 0, its negative s = 1; the second: both have s = 0.
    expected = (math.log(1 + math.e) + math.log(2)) / 2
    found = pixel_contrast_loss(vectors, labels, temperature=1.0, hard_share=1.0)
    assert float(found.value) == pytest.approx(expected, rel=1e-6)
    assert float(found.normaliser) == 2.0


@given(
    st.integers(0, 2**31),
    st.sampled_from([0.1, 0.3, 1.0]),
    st.sampled_from([0.1, 1.0]),
    st.booleans(),
)
def test_equals_loops(seed: int, share: float, temperature: float, has_ties: bool) -> None:
    """Each image has shares of its own: classes are absent, alone in an image or of one pixel."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=SHAPE).astype(np.float32)
    if has_ties:
        vectors = np.sign(vectors)
    labels = np.stack(
        [
            generator.choice([0, 1, 2, IGNORED_LABEL], SHAPE[1], p=generator.dirichlet([0.4] * 4))
            for _ in vectors
        ]
    ).astype(np.uint8)
    found = float(pixel_contrast_loss(vectors, labels, temperature, share).value)
    assert found == pytest.approx(compute_by_loops(vectors, labels, temperature, share), rel=1e-4)


def test_share_of_a_number_is_not_rounded_up_by_floating_point() -> None:
    """0.6 of 25 pixels of a class is 15, in float32 a little more; its mean takes no sixteenth."""
    vectors = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    labels = np.array([[0] * 26 + [1], [0] * 26 + [1]], np.uint8)
    found = float(pixel_contrast_loss(vectors, labels, 1.0, 0.6).value)
    assert found == pytest.approx(compute_by_loops(vectors, labels, 1.0, 0.6), rel=1e-5)


def test_all_pixels_keep_classes_apart_where_the_hardest_make_all_one() -> None:
    """A projection is learnt from random weights, of classes that a common mean hides."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(3, dtype=np.uint8), 32)[None]
    centres = generator.normal(size=32) + 0.3 * generator.normal(size=(3, 32))
    features = jnp.array(centres[labels] + generator.normal(size=(1, 96, 32)), jnp.float32)
    initial = jnp.array(generator.normal(size=(32, 16)) / 6, jnp.float32)

    def learn(share: float) -> tuple[float, float]:
        optimiser = optax.adam(3e-3)
        slope = jax.grad(lambda w: pixel_contrast_loss(features @ w, labels, 0.1, share).value)

        def step(_: Any, state: Any) -> Any:
            weights, moments = state
            updates, moments = optimiser.update(slope(weights), moments)
            return optax.apply_updates(weights, updates), moments

        weights, _ = jax.lax.fori_loop(0, 300, step, (initial, optimiser.init(initial)))
        within, between = mean_cosines(features @ weights, labels)
        return float(within.value), float(between.value)

    assert min(learn(0.1)) > 0.9
    within, between = learn(1.0)
    assert between < 0.3 < within - 0.1


def test_mean_cosines_by_hand() -> None:
    """Two pixels of a class at a right angle, one of another class that equals the first."""
    vectors = jnp.array([[[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [-1.0, 0.0]]])
    within, between = mean_cosines(vectors, jnp.array([[4, 4, 7, IGNORED_LABEL]], jnp.uint8))
    assert float(within.value) == pytest.approx(0.0, abs=1e-6)
    assert float(between.value) == pytest.approx(0.5, rel=1e-6)
    nothing = mean_cosines(vectors, jnp.full((1, 4), IGNORED_LABEL, jnp.uint8))
    assert [float(x.value) for x in nothing] == [0.0, 0.0]


def create_uneven_images() -> tuple[Any, Any]:
    """One image with ignored pixels, a class of a single pixel and equal pixels; one of a class."""
    vectors = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    vectors[0, 5:9] = vectors[0, 0]
    labels = np.array([[0, 1, IGNORED_LABEL] * 8 + [0, 1, 7], [3] * 27], np.uint8)
    return vectors, labels


def test_gradient_equals_differences_of_the_loops() -> None:
    """Equal pixels, of the same class and of others, and an image that does not count.

    All pixels are hard: where only some are, equal ones stand for each other.
    """
    vectors, labels = create_uneven_images()

    def compute(vectors: Any) -> Any:
        return pixel_contrast_loss(vectors, labels, 0.5, 1.0).value

    gradient = np.asarray(jax.grad(compute)(jnp.asarray(vectors)))
    step, checked = 1e-4, [(0, 0), (0, 5), (0, 6), (0, 7), (0, 10), (0, 26), (1, 3)]
    for image, pixel in checked:
        for channel in range(SHAPE[2]):
            moved = [vectors.astype(np.float64) for _ in range(2)]
            moved[0][image, pixel, channel] += step
            moved[1][image, pixel, channel] -= step
            above, below = (compute_by_loops(of, labels, 0.5, 1.0) for of in moved)
            expected = (above - below) / (2 * step)
            assert gradient[image, pixel, channel] == pytest.approx(expected, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_order_of_pixels_does_not_matter(share: float) -> None:
    """Neither to the value, ties or not, nor to the gradient, which moves with its pixel."""
    vectors, labels = create_uneven_images()
    order = np.random.default_rng(2).permutation(SHAPE[1])

    def compute(vectors: Any, labels: Any) -> Any:
        return pixel_contrast_loss(vectors, labels, 0.5, share).value

    value = float(compute(vectors, labels))
    assert float(compute(vectors[:, order], labels[:, order])) == pytest.approx(value, rel=1e-5)
    vectors[0, 5:9] = np.random.default_rng(3).normal(size=(4, SHAPE[2]))
    gradient = jax.grad(compute)(jnp.asarray(vectors), labels)
    shuffled = jax.grad(compute)(jnp.asarray(vectors[:, order]), labels[:, order])
    np.testing.assert_allclose(shuffled, gradient[:, order], rtol=1e-4, atol=1e-6)


def test_gradient_of_equal_pixels_is_zero() -> None:
    """Whichever are taken as hard: all cosines are 1, and none can grow."""
    labels = jnp.arange(54).reshape(SHAPE[:2]).astype(jnp.uint8) % 2

    def compute(vectors: Any) -> Any:
        return pixel_contrast_loss(vectors, labels, 0.1, 0.3).value

    gradient = jax.grad(compute)(jnp.ones(SHAPE))
    np.testing.assert_allclose(gradient, 0.0, atol=1e-4)


@pytest.mark.parametrize("labels", [[3, 3, 3, 3], [IGNORED_LABEL] * 4, [0, 1, 2, 3]])
def test_images_without_pairs_count_nothing_and_have_finite_gradients(labels: list[int]) -> None:
    vectors = jax.random.normal(jax.random.key(0), (1, 4, 3)).at[0, 0].set(0.0)

    def compute(vectors: Any) -> Any:
        return pixel_contrast_loss(vectors, jnp.array([labels], jnp.uint8)).value

    value, gradient = jax.value_and_grad(compute)(vectors)
    assert float(value) == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


def test_gradient_pulls_equal_classes_together() -> None:
    vectors = jax.random.normal(jax.random.key(1), (2, 30, 4))
    labels = (jnp.arange(60).reshape(2, 30) % 3).astype(jnp.uint8)

    def compute(vectors: Any) -> Any:
        return pixel_contrast_loss(vectors, labels).value

    gradient = jax.grad(compute)(vectors)
    assert bool(jnp.all(jnp.isfinite(gradient)))
    assert float(compute(vectors - 0.1 * gradient)) < float(compute(vectors))


def test_parts_of_a_batch_add_up() -> None:
    vectors = jax.random.normal(jax.random.key(2), (4, 12, 3))
    labels = (jnp.arange(48).reshape(4, 12) % 2).astype(jnp.uint8)
    whole = pixel_contrast_loss(vectors, labels)
    parts = [pixel_contrast_loss(vectors[i : i + 1], labels[i : i + 1]) for i in range(4)]
    assert float(sum(part.total for part in parts)) == pytest.approx(float(whole.total), rel=1e-5)
    assert float(sum(part.normaliser for part in parts)) == float(whole.normaliser)
