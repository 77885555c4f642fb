import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from mdjax.data.geometry import Augmentation
from mdjax.data.photometry import (
    Photometry,
    apply_photometry_to_thermal,
    apply_photometry_to_visible,
    sample_photometry,
)

STRONGEST = Augmentation(
    brightness=1.0,
    contrast=1.0,
    saturation=1.0,
    gamma=3.0,
    thermal_brightness=1.0,
    thermal_contrast=1.0,
)


def test_no_change_gives_exactly_bytes_over_255():
    visible_u8 = np.arange(256 * 3, dtype=np.uint16).astype(np.uint8).reshape(16, 16, 3)
    visible = apply_photometry_to_visible(visible_u8, Photometry())
    assert visible.dtype == np.float32
    np.testing.assert_array_equal(visible, visible_u8.astype(np.float32) / np.float32(255))
    thermal = visible[..., 0]
    np.testing.assert_array_equal(
        apply_photometry_to_thermal(thermal, Photometry(), mean=0.5), thermal
    )


def test_visible_factors_equal_hand_computed_values():
    """Two grey pixels, 51 and 153 (0.2 and 0.6), mean 0.4; saturation leaves grey alone.

    Brightness 1.5: 0.3, 0.9. Contrast 1.5 about 0.4: 0.1, 0.7. Both: mean 0.6, 0.3 - 0.6 = -0.3
    times 1.5 gives 0.15 and 1.05, clipped to 1. Gamma 2: 0.04, 0.36.
    """
    visible_u8 = np.repeat(np.array([[51, 153]], np.uint8)[..., None], 3, axis=2)

    def apply(**factors: float) -> np.ndarray:
        visible = apply_photometry_to_visible(visible_u8, Photometry(**factors))
        np.testing.assert_allclose(visible[..., 0], visible[..., 2], atol=1e-6)
        return visible[0, :, 1]

    np.testing.assert_allclose(apply(brightness=1.5), [0.3, 0.9], atol=1e-6)
    np.testing.assert_allclose(apply(contrast=1.5), [0.1, 0.7], atol=1e-6)
    np.testing.assert_allclose(apply(brightness=1.5, contrast=1.5), [0.15, 1.0], atol=1e-6)
    np.testing.assert_allclose(apply(gamma=2.0), [0.04, 0.36], atol=1e-6)
    np.testing.assert_allclose(apply(saturation=0.5), [0.2, 0.6], atol=1e-6)


def test_saturation_moves_colours_towards_grey():
    """Pure red has grey 0.299. Half saturation: 0.5 + 0.5 · 0.299 = 0.6495 and 0.1495, 0.1495."""
    red_u8 = np.array([[[255, 0, 0]]], np.uint8)
    visible = apply_photometry_to_visible(red_u8, Photometry(saturation=0.5))
    np.testing.assert_allclose(visible[0, 0], [0.6495, 0.1495, 0.1495], atol=1e-6)
    grey = apply_photometry_to_visible(red_u8, Photometry(saturation=0.0))
    np.testing.assert_allclose(grey[0, 0], 0.299, atol=1e-6)


def test_thermal_change_equals_hand_computed_values():
    """Contrast 2 about 0.5: 0.4 -> 0.3, 0.7 -> 0.9; offset 0.2: 0.5 and 1.1, clipped."""
    thermal = np.array([[0.4, 0.7]], np.float32)
    changed = apply_photometry_to_thermal(
        thermal, Photometry(thermal_contrast=2.0, thermal_offset=0.2), mean=0.5
    )
    np.testing.assert_allclose(changed, [[0.5, 1.0]], atol=1e-6)
    np.testing.assert_array_equal(thermal, np.array([[0.4, 0.7]], np.float32))


@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_every_draw_stays_in_range(seed):
    rng = np.random.default_rng(seed)
    photometry = sample_photometry(STRONGEST, rng)
    visible_u8 = rng.integers(0, 256, (5, 7, 3), np.uint8)
    visible = apply_photometry_to_visible(visible_u8, photometry)
    thermal = apply_photometry_to_thermal(
        rng.random((5, 7), dtype=np.float32), photometry, mean=0.5
    )
    for image in (visible, thermal):
        assert image.dtype == np.float32
        assert image.min() >= 0.0
        assert image.max() <= 1.0


def test_strength_zero_draws_no_change():
    assert sample_photometry(Augmentation.off(), np.random.default_rng(0)) == Photometry()


def test_draws_fill_their_interval():
    rng = np.random.default_rng(0)
    augmentation = Augmentation(brightness=0.2, gamma=1.0, thermal_brightness=0.1)
    draws = [sample_photometry(augmentation, rng) for _ in range(500)]
    brightness = [draw.brightness for draw in draws]
    assert (min(brightness), max(brightness)) == pytest.approx((0.8, 1.2), abs=0.01)
    gamma = [draw.gamma for draw in draws]
    assert (min(gamma), max(gamma)) == pytest.approx((0.5, 2.0), rel=0.02)
    offset = [draw.thermal_offset for draw in draws]
    assert (min(offset), max(offset)) == pytest.approx((-0.1, 0.1), abs=0.01)
