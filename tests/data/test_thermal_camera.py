import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from mdjax.data.thermal_camera import (
    CAMERA_SIZES_WH,
    ThermalCamera,
    compute_camera_size_hw,
    simulate_camera,
)
from mdjax.types import MdjaxError


def _resize_bilinear_1d(values: np.ndarray, size: int) -> np.ndarray:
    """Half-pixel centres, no antialiasing, along the first axis: the definition, in float64."""
    position = (np.arange(size) + 0.5) * len(values) / size - 0.5
    position = np.clip(position, 0, len(values) - 1)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, len(values) - 1)
    weight = (position - low)[:, None]
    return values[low] * (1 - weight) + values[high] * weight


def _resize_bilinear(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    return _resize_bilinear_1d(_resize_bilinear_1d(image, size_hw[0]).T, size_hw[1]).T


def test_four_times_fewer_pixels_equals_hand_computed_values():
    """4x4 at 4x: 2x2 camera pixels, each at the corner of four pixels, so their mean.

    Blocks of constant 0, 0.4 / 0.8, 0 give exactly these means. Scaling up reads at -1/4, 1/4, 3/4,
    5/4: weights (1, 0), (3/4, 1/4), (1/4, 3/4), (0, 1) on the two camera pixels along each side.
    Row 0: 0, 0.1, 0.3, 0.4.  Row 3: 0.8, 0.6, 0.2, 0.
    Row 1 = 3/4 row 0 + 1/4 row 3: 0.2, 0.225, 0.275, 0.3.
    Row 2 = 1/4 row 0 + 3/4 row 3: 0.6, 0.475, 0.225, 0.1.
    """
    image = np.kron(np.array([[0.0, 0.4], [0.8, 0.0]]), np.ones((2, 2))).astype(np.float32)
    expected = [
        [0.0, 0.1, 0.3, 0.4],
        [0.2, 0.225, 0.275, 0.3],
        [0.6, 0.475, 0.225, 0.1],
        [0.8, 0.6, 0.2, 0.0],
    ]
    seen = simulate_camera(image, ThermalCamera("4x"))
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_sixteen_times_fewer_pixels_skips_pixels_unless_binned():
    """8x8 at 16x: camera pixel i reads at 4 i + 3/2, between pixels 4 i + 1 and 4 i + 2.

    A line in column 0 is therefore missed without antialiasing; with area binning it is a quarter
    of camera column 0.
    """
    image = np.zeros((8, 8), np.float32)
    image[:, 0] = 1.0
    assert simulate_camera(image, ThermalCamera("16x")).max() == 0.0
    binned = simulate_camera(image, ThermalCamera("16x", area_binning=True))
    np.testing.assert_allclose(binned[:, 0], 0.25, atol=1e-6)
    np.testing.assert_allclose(binned[:, 7], 0.0, atol=1e-6)


@hypothesis.given(
    height=st.integers(2, 24),
    width=st.integers(2, 24),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_size_equals_the_definition(height, width, share):
    camera_h = 1 + round(share[0] * (height - 1))
    camera_w = 1 + round(share[1] * (width - 1))
    image = np.random.default_rng(height * width).random((height, width))
    expected = _resize_bilinear(_resize_bilinear(image, (camera_h, camera_w)), (height, width))
    seen = simulate_camera(image.astype(np.float32), ThermalCamera(f"{camera_w}x{camera_h}"))
    assert seen.shape == image.shape
    assert seen.dtype == np.float32
    # OpenCV computes positions in float32.
    np.testing.assert_allclose(seen, expected, atol=2e-5)


@pytest.mark.parametrize(
    ("resolution", "expected_hw"),
    [
        ("full", (480, 640)),
        ("1x", (480, 640)),
        ("4x", (240, 320)),
        ("16x", (120, 160)),
        ("64x", (60, 80)),
        ("2x", (339, 453)),  # 480 / sqrt 2 = 339.4, 640 / sqrt 2 = 452.5
        ("160x120", (120, 160)),
        ("lepton-2.5", (60, 80)),
        ("boson-320", (256, 320)),
    ],
)
def test_camera_size_is_right(resolution, expected_hw):
    assert compute_camera_size_hw(ThermalCamera(resolution), (480, 640)) == expected_hw


def test_tiny_image_keeps_one_camera_pixel():
    assert compute_camera_size_hw(ThermalCamera("64x"), (3, 5)) == (1, 1)


def test_full_resolution_returns_the_image_and_none_returns_zeros():
    image = np.random.default_rng(0).random((6, 8), dtype=np.float32)
    np.testing.assert_array_equal(simulate_camera(image, ThermalCamera("full")), image)
    assert not simulate_camera(image, ThermalCamera("none")).any()


def test_noise_has_the_given_deviation_and_follows_the_generator():
    image = np.full((200, 200), 0.5, np.float32)
    camera = ThermalCamera("full", noise_std=0.02)
    first = simulate_camera(image, camera, np.random.default_rng(1))
    # 40,000 values estimate the deviation to 0.35 %; 2 % is six of these.
    assert np.std(first) == pytest.approx(0.02, rel=0.02)
    again = simulate_camera(image, camera, np.random.default_rng(1))
    other = simulate_camera(image, camera, np.random.default_rng(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    np.testing.assert_array_equal(image, 0.5)


def test_noise_is_as_coarse_as_the_camera():
    """Noise is born in the camera's pixels: at 2x2 camera pixels, all rows mix only two levels."""
    image = np.full((8, 8), 0.5, np.float32)
    seen = simulate_camera(image, ThermalCamera("2x2", noise_std=0.05), np.random.default_rng(0))
    np.testing.assert_allclose(seen[:2, :2], seen[0, 0], atol=1e-7)
    assert np.linalg.matrix_rank(seen, tol=1e-5) == 2


def test_fixed_pattern_is_the_same_in_every_image_and_differs_between_cameras():
    camera = ThermalCamera("full", fixed_pattern_std=0.05)
    dark, bright = np.full((100, 80), 0.4, np.float32), np.full((100, 80), 0.5, np.float32)
    pattern = simulate_camera(dark, camera) - dark
    np.testing.assert_allclose(simulate_camera(bright, camera) - bright, pattern, atol=1e-6)
    # A third of the variance lies in 80 columns and in 100 rows: known to about 10 %.
    assert np.std(pattern) == pytest.approx(0.05, rel=0.15)
    specimen = ThermalCamera("full", fixed_pattern_std=0.05, fixed_pattern_seed=1)
    assert np.abs(simulate_camera(dark, specimen) - dark - pattern).max() > 0.02


def test_noise_stays_in_range():
    image = np.zeros((16, 16), np.float32)
    seen = simulate_camera(image, ThermalCamera("4x", noise_std=0.5), np.random.default_rng(0))
    assert seen.min() >= 0.0
    assert seen.max() <= 1.0


@pytest.mark.parametrize(
    "resolution", ["", "16", "x16", "0x", "0x5", "-4x", "4.5x", "lepton", "Full"]
)
def test_unknown_resolution_names_the_choices(resolution):
    with pytest.raises(MdjaxError, match=r"unknown.*16x.*160x120.*lepton-3\.5"):
        ThermalCamera(resolution)


@pytest.mark.parametrize("resolution", ["641x480", "640x481", "boson-640"])
def test_camera_larger_than_the_image_is_refused(resolution):
    with pytest.raises(MdjaxError, match="larger than the thermal image"):
        compute_camera_size_hw(ThermalCamera(resolution), (480, 640))


@pytest.mark.parametrize("field", ["noise_std", "fixed_pattern_std"])
@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_impossible_noise_is_refused(field, value):
    with pytest.raises(MdjaxError, match=field):
        ThermalCamera(**{field: value})


def test_noise_without_a_generator_is_refused():
    with pytest.raises(ValueError, match="random generator"):
        simulate_camera(np.zeros((4, 4), np.float32), ThermalCamera(noise_std=0.1))


def test_every_camera_name_is_accepted():
    for name, size_wh in CAMERA_SIZES_WH.items():
        assert compute_camera_size_hw(ThermalCamera(name), (2000, 2000)) == size_wh[::-1]
