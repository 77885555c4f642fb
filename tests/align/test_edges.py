"""Edges say where something ends, not which side is brighter."""

import numpy as np

from mdjax.align.edges import compute_edges, to_grey


def _make_step(columns: int = 32) -> np.ndarray:
    """Dark on the left, bright on the right."""
    return np.repeat(np.where(np.arange(columns) < columns // 2, 20.0, 200.0)[None], 24, axis=0)


def test_edge_is_the_same_for_heat_and_light() -> None:
    """From dark to bright, and from bright to dark; with another brightness and contrast."""
    step = _make_step().astype(np.float32)
    edges = compute_edges(step)
    np.testing.assert_allclose(compute_edges(255 - step), edges, atol=1e-6)
    np.testing.assert_allclose(compute_edges(7000 + 3 * step), edges, atol=1e-5)


def test_edges_of_two_directions_are_opposite() -> None:
    """Upright: the gradient is at 0 degrees, (cos 0, sin 0); level: at 90, (cos 180, sin 180)."""
    upright = compute_edges(_make_step().astype(np.float32))
    level = compute_edges(np.ascontiguousarray(_make_step(24).T.astype(np.float32)))
    strongest = np.unravel_index(np.abs(upright[0]).argmax(), upright[0].shape)
    assert upright[0][strongest] > 0.3
    assert level[0].min() < -0.3
    assert np.abs(upright[1]).max() < 1e-6
    assert np.abs(level[1]).max() < 1e-6


def test_image_without_edges_has_none() -> None:
    assert not compute_edges(np.full((8, 9), 77, np.float32)).any()


def test_colours_become_grey() -> None:
    """0.299 red + 0.587 green + 0.114 blue."""
    rgb_u8 = np.full((2, 3, 3), (100, 0, 0), np.uint8)
    np.testing.assert_allclose(to_grey(rgb_u8), 30, atol=0.5)
    assert to_grey(np.full((2, 3), 9000, np.uint16)).tolist() == [[9000.0] * 3] * 2
