"""Operators of exports: cells spread, borders told apart, channels made blocks; by hand."""

from typing import Any

import numpy as np

from mdjax.ops.linear_maps import depth_to_space, map_cells, separate_border


def create_array(values: list[Any]) -> np.ndarray:
    return np.asarray(values, np.float32)


def test_cells_are_spread_by_the_matrix() -> None:
    """One cell with the taps 2 and 3 of channel 0, 5 and 7 of channel 1; two pixels.

    The first pixel takes tap 0 once: 2 and 5. The second takes tap 0 ten times and tap 1 once:
    20 + 3 = 23 and 50 + 7 = 57. A second grid of one cell adds its tap 0, 100 and 0, to the first.
    """
    first = create_array([2, 3, 5, 7]).reshape(1, 1, 1, 4)
    second = create_array([100, 0, 0, 0]).reshape(1, 1, 1, 4)
    matrix = create_array([[1, 10], [0, 1]])
    found = map_cells(matrix, first, size_hw=(1, 2), num_taps=2)
    np.testing.assert_allclose(np.asarray(found).reshape(2, 2), [[2, 5], [23, 57]])
    both = map_cells(
        create_array([*matrix, [1, 0], [0, 0]]), first, second, size_hw=(1, 2), num_taps=2
    )
    np.testing.assert_allclose(np.asarray(both).reshape(2, 2), [[102, 5], [23, 57]])


def test_border_is_told_apart_by_axis() -> None:
    image = create_array([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    inside, columns, rows, corners = np.moveaxis(np.asarray(separate_border(image))[0], -1, 0)
    np.testing.assert_array_equal(inside, [[0, 0, 0, 0], [0, 1, 2, 0], [0, 3, 4, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(columns, [[0, 0, 0, 0], [1, 0, 0, 2], [3, 0, 0, 4], [0, 0, 0, 0]])
    np.testing.assert_array_equal(rows, [[0, 1, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 3, 4, 0]])
    np.testing.assert_array_equal(corners, [[1, 0, 0, 2], [0, 0, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]])


def test_channels_become_blocks() -> None:
    """Two pixels of 8 channels are 2×4 pixels of 2 channels; row 1, column 0 has channels 4, 5."""
    image = np.arange(16, dtype=np.float32).reshape(1, 1, 2, 8)
    blocks = np.asarray(depth_to_space(image, block_size=2))
    assert blocks.shape == (1, 2, 4, 2)
    np.testing.assert_array_equal(blocks[0, 1, 0], [4, 5])
    np.testing.assert_array_equal(blocks[0, 0, 3], [10, 11])
