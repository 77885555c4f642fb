"""Resizing with half-pixel centres and adaptive pooling, by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdjax.ops.resize import (
    adaptive_average_pool,
    compute_bilinear_weights,
    resize_bilinear,
)


def create_row(*values: float) -> jnp.ndarray:
    """One image of one row and one channel."""
    return jnp.asarray(values, jnp.float32).reshape(1, 1, len(values), 1)


def test_bilinear_enlarges_from_pixel_centres() -> None:
    """2 -> 4 pixels: centres fall at −¼, ¼, ¾, 1¼; the outer ones are held at the border.

    Of (0, 4) that gives 0, 0.25·4 = 1, 0.75·4 = 3, 4.
    """
    enlarged = resize_bilinear(create_row(0, 4), (1, 4))
    np.testing.assert_allclose(enlarged.ravel(), [0, 1, 3, 4], atol=1e-6)


def test_bilinear_shrinks_without_antialiasing() -> None:
    """4 -> 1 pixel: the centre falls at 1.5, so only pixels 1 and 2 count: (1 + 2)/2.

    An antialiased result would feel the 9.
    """
    np.testing.assert_allclose(resize_bilinear(create_row(0, 1, 2, 9), (1, 1)).ravel(), [1.5])


def test_bilinear_by_three_halves_interpolates_at_thirds() -> None:
    """2 -> 3 pixels: centres fall at −1/6, 1/2 and 7/6; of (0, 6): 0, 3, 6."""
    np.testing.assert_allclose(
        resize_bilinear(create_row(0, 6), (1, 3)).ravel(), [0, 3, 6], atol=1e-6
    )


def test_bilinear_keeps_dtype_and_equal_size() -> None:
    images = jnp.ones((2, 3, 4, 5), jnp.bfloat16)
    assert resize_bilinear(images, (6, 8)).dtype == jnp.bfloat16
    same = resize_bilinear(create_row(1, 2, 3), (1, 3))
    np.testing.assert_array_equal(same.ravel(), [1, 2, 3])


@pytest.mark.parametrize(("length", "num_values"), [(1, 4), (2, 4), (5, 20), (6, 7), (9, 4)])
def test_bilinear_weights_are_those_of_the_resizing(length: int, num_values: int) -> None:
    """A row of values resized is their sum with the weights, at the border too."""
    values = np.random.default_rng(0).normal(size=length)
    expected = resize_bilinear(create_row(*values), (1, num_values)).ravel()
    weights = compute_bilinear_weights(length, num_values)
    np.testing.assert_allclose(weights @ values, expected, atol=1e-5)


@settings(deadline=None, max_examples=8)
@given(
    size=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    target=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 99),
)
def test_bilinear_stays_within_the_values_of_the_image(
    size: tuple[int, int], target: tuple[int, int], seed: int
) -> None:
    image = np.random.default_rng(seed).random((1, *size, 1), np.float32)
    resized = resize_bilinear(image, target)
    assert resized.shape == (1, *target, 1)
    assert float(resized.min()) >= image.min() - 1e-6
    assert float(resized.max()) <= image.max() + 1e-6


@pytest.mark.parametrize(
    ("values", "num_windows", "expected"),
    [
        # 3 -> 2: rows ⌊0⌋…⌈1.5⌉ − 1 = {0, 1} and ⌊1.5⌋…2 = {1, 2}
        ((1, 2, 6), 2, (1.5, 4)),
        # 5 -> 3: {0, 1}, {1, 2, 3}, {3, 4}
        ((1, 3, 5, 10, 20), 3, (2, 6, 15)),
        # 2 -> 6: each value three times
        ((1, 2), 6, (1, 1, 1, 2, 2, 2)),
        # 4 -> 6: {0}, {0, 1}, {1}, {2}, {2, 3}, {3}
        ((0, 2, 4, 8), 6, (0, 1, 2, 4, 6, 8)),
        # 4 -> 2 divides: plain averages
        ((1, 3, 5, 9), 2, (2, 7)),
    ],
)
def test_adaptive_pool_averages_covering_windows(
    values: tuple[float, ...], num_windows: int, expected: tuple[float, ...]
) -> None:
    """Window i of n spans ⌊i·s/n⌋ … ⌈(i+1)·s/n⌉ − 1 along an axis of length s."""
    row = create_row(*values)
    pooled = adaptive_average_pool(row, (1, num_windows))
    np.testing.assert_allclose(pooled.ravel(), expected, rtol=1e-6)
    column = adaptive_average_pool(row.transpose(0, 2, 1, 3), (num_windows, 1))
    np.testing.assert_allclose(column.ravel(), expected, rtol=1e-6)


def test_adaptive_pool_averages_in_float32() -> None:
    """256 + 1 is not a bfloat16: summed there, 256 and 256 ones would stay near 256."""
    values = jnp.concatenate([jnp.full(256, 256.0), jnp.full(256, 1.0)]).astype(jnp.bfloat16)
    pooled = adaptive_average_pool(values.reshape(1, 1, 512, 1), (1, 1))
    assert pooled.dtype == jnp.bfloat16
    # (256·256 + 256·1) / 512 = 128.5, which bfloat16 rounds to 128.
    assert float(pooled[0, 0, 0, 0]) == 128.0
    assert (
        float(
            adaptive_average_pool(values.astype(jnp.float32).reshape(1, 1, 512, 1), (1, 1))[
                0, 0, 0, 0
            ]
        )
        == 128.5
    )


@settings(deadline=None, max_examples=8)
@given(
    windows=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    factor=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    seed=st.integers(0, 99),
)
def test_adaptive_pool_keeps_the_mean_where_windows_divide(
    windows: tuple[int, int], factor: tuple[int, int], seed: int
) -> None:
    size = (windows[0] * factor[0], windows[1] * factor[1])
    images = np.random.default_rng(seed).random((2, *size, 3), np.float32)
    pooled = adaptive_average_pool(images, windows)
    np.testing.assert_allclose(pooled.mean((1, 2)), images.mean((1, 2)), rtol=1e-5)
