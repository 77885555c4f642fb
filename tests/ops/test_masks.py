"""The foreground share that guides the attention of the teacher."""

import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.ops.masks import compute_foreground_mask

LABELS_U8 = np.array(
    [
        [0, 0, 1, 2],
        [0, 3, 8, 5],
        [255, 0, 0, 255],
        [255, 7, 255, 255],
    ],
    np.uint8,
)


def test_foreground_is_the_share_of_labelled_pixels() -> None:
    """Cells of 2x2 pixels hold 1 of 4, 4 of 4, 1 of 4 and 0 of 4 labelled ones (255 is none)."""
    mask = compute_foreground_mask(LABELS_U8[None], (2, 2))
    assert mask.dtype == jnp.float32
    np.testing.assert_allclose(mask[0, ..., 0], [[0.25, 1.0], [0.25, 0.0]])


def test_foreground_at_image_size_is_binary() -> None:
    mask = compute_foreground_mask(LABELS_U8[None], (4, 4))
    expected = (LABELS_U8 > 0) & (LABELS_U8 < 255)
    np.testing.assert_array_equal(mask[0, ..., 0], expected)


def test_foreground_of_uneven_grid_uses_overlapping_windows() -> None:
    """4 columns in 3 windows: {0, 1}, {1, 2}, {2, 3}; the top 2 rows hold (0, 1, 2, 2) of 2.

    Shares (0 + 1)/4, (1 + 2)/4, (2 + 2)/4.
    """
    mask = compute_foreground_mask(LABELS_U8[None, :2], (1, 3))
    np.testing.assert_allclose(mask[0, 0, :, 0], [0.25, 0.75, 1.0])


@pytest.mark.parametrize(("label", "expected"), [(0, 0.0), (255, 0.0), (1, 1.0), (8, 1.0)])
def test_foreground_of_uniform_image_is_all_or_nothing(label: int, expected: float) -> None:
    labels = np.full((2, 6, 8), label, np.uint8)
    np.testing.assert_allclose(compute_foreground_mask(labels, (3, 4)), expected, rtol=1e-6)
