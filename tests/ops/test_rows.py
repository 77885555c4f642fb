"""Rows of several sets in one batch."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mdjax.ops.rows import interleave_rows, separate_rows


def test_rows_of_an_image_lie_side_by_side() -> None:
    joined = interleave_rows([jnp.array([1, 2, 3]), jnp.array([10, 20, 30])])
    np.testing.assert_array_equal(joined, [1, 10, 2, 20, 3, 30])
    first, second = separate_rows(joined, 2)
    np.testing.assert_array_equal(first, [1, 2, 3])
    np.testing.assert_array_equal(second, [10, 20, 30])


@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**31))
def test_separation_undoes_interleaving(num_sets: int, num_rows: int, seed: int) -> None:
    sets = list(np.random.default_rng(seed).random((num_sets, num_rows, 2, 3), np.float32))
    joined = interleave_rows([jnp.asarray(x) for x in sets])
    assert joined.shape == (num_sets * num_rows, 2, 3)
    for i in range(num_rows):
        of_image = joined[i * num_sets : (i + 1) * num_sets]
        np.testing.assert_array_equal(of_image, [x[i] for x in sets])
    for part, expected in zip(separate_rows(joined, num_sets), sets, strict=True):
        np.testing.assert_array_equal(part, expected)
