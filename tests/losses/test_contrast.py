"""Contrast of pixels against loops in NumPy: ties, absent classes, pixels that do not count."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdjax.losses.contrast import pixel_contrast_loss
from mdjax.types import IGNORED_LABEL


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
            far = sorted(same)[: math.ceil(share * len(same) - 1e-4)]
            near = sorted(other, reverse=True)[: math.ceil(share * len(other) - 1e-4)]
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
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(2, 23, 3)).astype(np.float32)
    if has_ties:
        vectors = np.sign(vectors)
    labels = generator.choice([0, 1, 2, IGNORED_LABEL], (2, 23)).astype(np.uint8)
    found = float(pixel_contrast_loss(vectors, labels, temperature, share).value)
    assert found == pytest.approx(compute_by_loops(vectors, labels, temperature, share), rel=1e-4)


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
