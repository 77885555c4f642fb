"""Networks see what they were trained to see, and people are told what was done for it."""

import cv2
import numpy as np

from mdjax.data.thermal_camera import ThermalCamera, simulate_camera, view_with_camera
from mdjax.models.config import FeatureLevelConfig
from mdjax.predict.decoded import Cut, DecodedPair
from mdjax.predict.inputs import SimulateCamera, prepare_pair
from tests.predict.image_files import make_thermal_u8, make_visible_u8, see_through_camera, to_float
from tests.predict.pixel_network import create_loaded_network


def test_images_that_are_not_cut_as_those_of_the_training_are_told() -> None:
    config = create_loaded_network().config
    view = "cut to 24x16 pixels at (8, 8)"
    pair = DecodedPair(make_visible_u8(), make_thermal_u8())
    (told,) = prepare_pair(pair, config, training_view=view).notes[1:]
    assert told.startswith(f"the visible images of the training were {view}, this one was not:")
    cut = pair._replace(cut=Cut((0, 0), (64, 96), "the visible image was cut"))
    for other in (cut, pair._replace(has_visible=False)):
        notes = prepare_pair(other, config, training_view=view).notes
        assert not [note for note in notes if "this one was not" in note]
    assert len(prepare_pair(pair, config).notes) == 1


def test_coarse_thermal_is_scaled_up_and_not_degraded_again() -> None:
    """12x8 for an image of 48x32: 16 times fewer pixels, as the camera of the training."""
    thermal_u8 = make_thermal_u8(size_hw=(8, 12))
    prepared = prepare_pair(
        DecodedPair(make_visible_u8(), thermal_u8), create_loaded_network().config
    )
    scaled_up = cv2.resize(to_float(thermal_u8), (48, 32), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(prepared.thermal, scaled_up)
    np.testing.assert_array_equal(prepared.visible, to_float(make_visible_u8()))
    assert "thermal 12x8 was used unchanged" in prepared.notes[0]


def test_camera_is_simulated_where_thermal_is_full() -> None:
    thermal_u8 = make_thermal_u8()
    pair = DecodedPair(make_visible_u8(), thermal_u8)
    config = create_loaded_network().config
    auto = prepare_pair(pair, config)
    np.testing.assert_array_equal(auto.thermal, see_through_camera(thermal_u8))
    assert "simulated camera of the training, 12x8 at 48x32" in auto.notes[0]
    never = prepare_pair(pair, config, simulate="never")
    np.testing.assert_array_equal(never.thermal, to_float(thermal_u8))
    assert "used unchanged" in never.notes[0]


def test_camera_is_simulated_on_request_where_thermal_is_coarser() -> None:
    """24x16 is coarser than the image and still finer than the camera's 12x8."""
    thermal_u8 = make_thermal_u8(size_hw=(16, 24))
    pair = DecodedPair(make_visible_u8(), thermal_u8)
    prepared = prepare_pair(pair, create_loaded_network().config, simulate="always")
    scaled_up = cv2.resize(to_float(thermal_u8), (48, 32), interpolation=cv2.INTER_LINEAR)
    expected = simulate_camera(scaled_up, ThermalCamera("16x"))
    np.testing.assert_array_equal(prepared.thermal, expected)


def test_exported_network_takes_what_its_sensor_delivers() -> None:
    """The pixels that a run scales up: its own camera's, simulated ones, or fewer than there are.

    With the simulation off, each of the 4x4 pixels behind one of the sensor counts alike.
    """
    config = create_loaded_network().config
    full_u8, small_u8 = make_thermal_u8(), make_thermal_u8(size_hw=(8, 12))
    means = to_float(full_u8).reshape(8, 4, 12, 4).mean(axis=(1, 3))
    cases: list[tuple[np.ndarray, SimulateCamera, np.ndarray, str]] = [
        (small_u8, "auto", to_float(small_u8), "12x8 was used unchanged"),
        (full_u8, "auto", view_with_camera(to_float(full_u8), ThermalCamera("16x")), "simulated"),
        (full_u8, "never", means, "48x32 was scaled to 12x8, which the exported network takes"),
    ]
    for thermal_u8, simulate, expected, note in cases:
        pair = DecodedPair(make_visible_u8(), thermal_u8)
        prepared = prepare_pair(pair, config, simulate=simulate, thermal_size_hw=(8, 12))
        np.testing.assert_allclose(prepared.thermal, expected, atol=1e-6)
        assert note in prepared.notes[0]


def test_teacher_sees_full_thermal() -> None:
    pair = DecodedPair(make_visible_u8(), make_thermal_u8())
    config = create_loaded_network(config=FeatureLevelConfig()).config
    prepared = prepare_pair(pair, config, simulate="always")
    np.testing.assert_array_equal(prepared.thermal, to_float(make_thermal_u8()))
    coarse = prepare_pair(pair._replace(thermal=make_thermal_u8(size_hw=(8, 12))), config)
    assert "trained with the full resolution" in coarse.notes[0]


def test_distorted_images_are_noted() -> None:
    pair = DecodedPair(make_visible_u8(size_hw=(32, 64)), make_thermal_u8(size_hw=(32, 64)))
    notes = prepare_pair(pair, create_loaded_network().config).notes
    assert "64x32 was distorted to 48x32" in notes[-1]


def test_sixteen_bits_keep_their_precision() -> None:
    """Two neighbouring levels of 65,535 stay apart; in 8 bits they would be one."""
    thermal = np.full((32, 48), 30_000, np.uint16)
    thermal[:, 24:] = 30_001
    pair = DecodedPair(make_visible_u8(), thermal)
    prepared = prepare_pair(pair, create_loaded_network().config, simulate="never")
    np.testing.assert_allclose(np.unique(prepared.thermal), [30_000 / 65_535, 30_001 / 65_535])


def test_thermal_image_alone_is_compared_with_the_working_size() -> None:
    """As many pixels as 48x32 come from a better camera than 12x8; fewer are used as they are."""
    config = create_loaded_network().config
    for width, is_simulated in ((48, True), (47, False)):
        thermal_u8 = make_thermal_u8(size_hw=(32, width))
        grey_u8 = thermal_u8[..., None].repeat(3, axis=-1)
        pair = DecodedPair(grey_u8, thermal_u8, has_visible=False)
        notes = prepare_pair(pair, config, missing="visible").notes
        assert ("simulated camera" in notes[0]) == is_simulated
        assert "without the visible image (the mean image instead)" in notes[1]


def test_missing_thermal_image_is_not_asked_for() -> None:
    config = create_loaded_network().config
    pair = DecodedPair(make_visible_u8(), None)
    prepared = prepare_pair(pair, config, missing="thermal")
    np.testing.assert_array_equal(prepared.thermal, 0.0)
    assert prepared.notes[0] == "no thermal image was used, it was to be missing"
