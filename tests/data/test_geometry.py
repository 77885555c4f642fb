import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from mdjax.data.geometry import (
    Augmentation,
    Geometry,
    apply_geometry_to_image,
    apply_geometry_to_labels,
    resize_image,
    resize_labels,
    sample_geometry,
)
from mdjax.types import IGNORED_LABEL, MdjaxError

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@hypothesis.given(size_hw=SIZES, seed=st.integers(0, 1000))
def test_no_augmentation_changes_nothing(size_hw, seed):
    rng = np.random.default_rng(seed)
    geometry = sample_geometry(Augmentation.off(), size_hw, rng)
    assert geometry == Geometry(False, (0, 0, *size_hw))
    image = rng.random((*size_hw, 3), dtype=np.float32)
    labels = rng.integers(0, 9, size_hw, np.uint8)
    np.testing.assert_array_equal(apply_geometry_to_image(image, geometry), image)
    np.testing.assert_array_equal(apply_geometry_to_labels(labels, geometry), labels)


def test_mirror_reverses_columns():
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    labels = image.astype(np.uint8)
    geometry = Geometry(True, (0, 0, 2, 3))
    expected = [[2, 1, 0], [5, 4, 3]]
    np.testing.assert_array_equal(apply_geometry_to_image(image, geometry), expected)
    np.testing.assert_array_equal(apply_geometry_to_labels(labels, geometry), expected)


def test_crop_is_resized_back_as_computed_by_hand():
    """Row crop [1, 3) of 0 10 20 30 holds 10 20; doubled it is read at -1/4, 1/4, 3/4, 5/4.

    Bilinear: 10, 12.5, 17.5, 20. Nearest: 10, 10, 20, 20.
    """
    image = np.array([[0, 10, 20, 30]], np.float32)
    geometry = Geometry(False, (0, 1, 1, 2))
    np.testing.assert_allclose(apply_geometry_to_image(image, geometry), [[10, 12.5, 17.5, 20]])
    labels = image.astype(np.uint8)
    np.testing.assert_array_equal(apply_geometry_to_labels(labels, geometry), [[10, 10, 20, 20]])


def test_outside_is_ignored_in_labels_and_mean_in_images():
    """2x2 in a crop of 4x4 that starts at (-1, -1), shown on 2x2 pixels.

    Labels are read at crop pixels 2 i + 1 (the nearest to 2 i + 1/2, upwards): crop (1, 1) is image
    (0, 0); crop (3, .) is outside. Image pixel (0, 0) is read at crop (1/2, 1/2): the mean of three
    pixels outside, 5 each, and of image (0, 0) = 2.
    """
    image = np.array([[2, 4], [6, 8]], np.float32)
    geometry = Geometry(False, (-1, -1, 4, 4))
    out = apply_geometry_to_image(image, geometry)
    np.testing.assert_allclose(out, [[4.25, 4.75], [5.25, 5.75]])
    labels = apply_geometry_to_labels(image.astype(np.uint8), geometry)
    np.testing.assert_array_equal(labels, [[2, IGNORED_LABEL], [IGNORED_LABEL, IGNORED_LABEL]])


@hypothesis.given(
    size_hw=st.tuples(st.integers(4, 40), st.integers(4, 40)),
    scale=st.floats(0.5, 3.0),
    seed=st.integers(0, 1000),
)
def test_labels_stay_on_their_pixels(size_hw, scale, seed):
    """A ramp of the pixel's own column and row, and labels that hold the same numbers.

    Inside the image, the ramp is read at the wanted point and the label at the pixel around it, so
    they differ by at most half a pixel. The borders of the crop repeat a pixel, which adds at most
    half a step of the crop.
    """
    augmentation = Augmentation(scale_min=scale, scale_max=scale)
    geometry = sample_geometry(augmentation, size_hw, np.random.default_rng(seed))
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]]
    for ramp in (rows, columns):
        image = apply_geometry_to_image(ramp.astype(np.float32), geometry)
        labels = apply_geometry_to_labels(ramp.astype(np.uint8), geometry)
        is_inside = labels != IGNORED_LABEL
        # Pixels next to the outside mix with its fill value.
        top, left, height, width = geometry.crop_yxhw_px
        if min(top, left) < 0 or top + height > size_hw[0] or left + width > size_hw[1]:
            padded = np.pad(is_inside, 1, constant_values=False)
            neighbours = [
                padded[1 + y : padded.shape[0] - 1 + y, 1 + x : padded.shape[1] - 1 + x]
                for y in (-1, 0, 1)
                for x in (-1, 0, 1)
            ]
            is_inside = np.all(neighbours, axis=0)
        gap = np.abs(image - labels.astype(np.float32))[is_inside]
        assert gap.size == 0 or gap.max() <= 0.5 + 1e-3


@hypothesis.given(
    size_hw=SIZES,
    scales=st.tuples(st.floats(1.0, 4.0), st.floats(1.0, 4.0)),
    seed=st.integers(0, 1000),
)
def test_magnified_crop_lies_inside_the_image(size_hw, scales, seed):
    augmentation = Augmentation(scale_min=min(scales), scale_max=max(scales))
    geometry = sample_geometry(augmentation, size_hw, np.random.default_rng(seed))
    top, left, height, width = geometry.crop_yxhw_px
    assert 0 <= top <= top + height <= size_hw[0]
    assert 0 <= left <= left + width <= size_hw[1]
    assert min(height, width) >= 1


def test_draws_follow_the_settings():
    rng = np.random.default_rng(0)
    augmentation = Augmentation(mirror_probability=0.25, scale_min=0.5, scale_max=2.0)
    draws = [sample_geometry(augmentation, (400, 400), rng) for _ in range(2000)]
    # Standard error of the share: sqrt(.25 .75 / 2000) = 0.0097.
    assert np.mean([d.is_mirrored for d in draws]) == pytest.approx(0.25, abs=0.04)
    scales = np.array([400 / d.crop_yxhw_px[2] for d in draws])
    assert scales.min() < 0.52
    assert scales.max() > 1.92
    # Log-uniform between 1/2 and 2: the middle is 1.
    assert np.median(scales) == pytest.approx(1.0, abs=0.08)


def test_image_shrinks_by_area_and_labels_by_the_nearest_centre():
    """4 to 2 pixels: means of pairs; label i reads the pixel at or right of 2 i + 1/2: 1 and 3."""
    image = np.array([[0, 2, 4, 10]], np.uint8)
    np.testing.assert_array_equal(resize_image(image, (1, 2)), [[1, 7]])
    np.testing.assert_array_equal(resize_labels(image, (1, 2)), [[2, 10]])


def test_image_grows_by_bilinear():
    image = np.array([[0, 4]], np.float32)
    np.testing.assert_allclose(resize_image(image, (1, 4)), [[0, 1, 3, 4]])


@pytest.mark.parametrize(
    "values",
    [
        {"mirror_probability": 1.5},
        {"mirror_probability": -0.1},
        {"scale_min": 0.0},
        {"scale_min": 2.0, "scale_max": 1.0},
        {"scale_max": 11.0},
        {"brightness": -0.1},
        {"thermal_contrast": 1.5},
        {"saturation": float("nan")},
        {"gamma": -1.0},
    ],
)
def test_impossible_augmentation_is_refused(values):
    with pytest.raises(MdjaxError, match="augmentation"):
        Augmentation(**values)
