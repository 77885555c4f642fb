"""Label files hold what the network says about what it was trained to see."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import jax
import numpy as np
import pytest

from mdjax.data.mfnet import CLASS_NAMES, PALETTE_RGB
from mdjax.data.pairs import DecodedPair, PairFiles, find_pairs
from mdjax.data.thermal_camera import ThermalCamera, simulate_camera
from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig, VisibleOnlyConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.network_inputs import needs_thermal, prepare_pair
from mdjax.runs.prediction import predict_pairs, resize_logits_to_labels
from mdjax.types import MdjaxError
from mdjax.viz import overlay_labels
from tests.models.factories import TINY, create_head
from tests.runs.image_files import (
    make_thermal_u8,
    make_visible_u8,
    read_image,
    write_folders,
    write_four_channels,
    write_thermal,
    write_visible,
)
from tests.runs.pixel_network import SIZE_HW, create_loaded_network


def predict_labels_u8(
    loaded: LoadedNetwork, visible_u8: np.ndarray, thermal: np.ndarray
) -> np.ndarray:
    """What the network says about pairs at its working size; thermal in [0, 1]."""
    apply: Any = jax.jit(partial(loaded.network.apply, train=False))
    output = apply(dict(loaded.variables), to_float(visible_u8), thermal[..., None])
    return np.argmax(output.prediction, axis=-1)


def to_float(image_u8: np.ndarray) -> np.ndarray:
    return image_u8.astype(np.float32) / 255


def see_through_camera(thermal_u8: np.ndarray) -> np.ndarray:
    return simulate_camera(to_float(thermal_u8), ThermalCamera("16x"))


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_label_files_are_what_the_network_says(tmp_path: Path) -> None:
    """A ResNet; three pairs in batches of two, so that the last batch is filled up."""
    config = ImageLevelConfig(TINY)
    loaded = create_loaded_network(config.create(create_head(TINY)), config)
    visible, thermal = write_folders(tmp_path, 3)
    predictions = predict_pairs(
        loaded, find_pairs(visible, thermal), tmp_path / "out", batch_size=2
    )
    assert len(predictions.images) == 3
    assert predictions.milliseconds_per_image > 0
    expected_labels = predict_labels_u8(
        loaded,
        np.stack([make_visible_u8(number) for number in range(3)]),
        np.stack([see_through_camera(make_thermal_u8(number)) for number in range(3)]),
    )
    for image, expected in zip(predictions.images, expected_labels, strict=True):
        labels_u8 = read_image(image.labels)
        assert labels_u8.dtype == np.uint8
        assert len(np.unique(labels_u8)) > 1
        # Another batch size may round a tie the other way.
        assert np.mean(labels_u8 != expected) < 0.005
        assert image.class_pixels == tuple(np.bincount(labels_u8.ravel(), minlength=9))


def test_labels_and_overlay_have_the_size_of_the_visible_image(tmp_path: Path) -> None:
    visible_u8 = make_visible_u8(size_hw=(70, 105))
    pair = PairFiles(
        "big",
        write_visible(tmp_path / "v.png", visible_u8),
        write_thermal(tmp_path / "t.png", make_thermal_u8(size_hw=(20, 30))),
    )
    loaded = create_loaded_network()
    (image,) = predict_pairs(loaded, [pair], tmp_path / "out").images
    assert list_files(tmp_path / "out") == ["big_labels.png", "big_overlay.png", "classes.json"]
    labels_u8 = read_image(image.labels)
    assert labels_u8.shape == (70, 105)
    overlay_rgb_u8 = read_image(image.overlay)[..., ::-1]
    np.testing.assert_array_equal(
        overlay_rgb_u8, overlay_labels(visible_u8, labels_u8, PALETTE_RGB)
    )


def test_classes_file_explains_the_labels(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    predict_pairs(create_loaded_network(), find_pairs(visible, thermal), tmp_path / "out")
    classes = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert classes["class_names"] == list(CLASS_NAMES)
    assert classes["palette_rgb"] == [list(colour) for colour in PALETTE_RGB]


def test_many_classes_get_colours_of_their_own(tmp_path: Path) -> None:
    names = tuple(f"class{i}" for i in range(21))
    visible, thermal = write_folders(tmp_path, 1)
    loaded = create_loaded_network(class_names=names)
    predict_pairs(loaded, find_pairs(visible, thermal), tmp_path / "out")
    palette = json.loads((tmp_path / "out" / "classes.json").read_text())["palette_rgb"]
    assert len({tuple(colour) for colour in palette}) == 21
    assert palette[0] == [0, 0, 0]


def test_four_channels_predict_as_the_pair_does(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    whole = write_four_channels(tmp_path / "w" / "a.png", make_visible_u8(), make_thermal_u8())
    loaded = create_loaded_network()
    (from_pair,) = predict_pairs(loaded, find_pairs(visible, thermal), tmp_path / "1").images
    (from_whole,) = predict_pairs(loaded, find_pairs(whole), tmp_path / "2").images
    np.testing.assert_array_equal(read_image(from_pair.labels), read_image(from_whole.labels))
    assert from_pair.notes == from_whole.notes


def test_coarse_thermal_is_scaled_up_and_not_degraded_again() -> None:
    """12x8 for an image of 48x32: 16 times fewer pixels, as the camera of the training."""
    thermal_u8 = make_thermal_u8(size_hw=(8, 12))
    prepared = prepare_pair(
        DecodedPair(make_visible_u8(), thermal_u8), create_loaded_network().config
    )
    scaled_up_u8 = cv2.resize(thermal_u8, (48, 32), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(prepared.thermal, to_float(scaled_up_u8))
    np.testing.assert_array_equal(prepared.visible, to_float(make_visible_u8()))
    assert "thermal 12x8 was taken as it is" in prepared.notes[0]


def test_camera_is_simulated_where_thermal_is_full() -> None:
    thermal_u8 = make_thermal_u8()
    pair = DecodedPair(make_visible_u8(), thermal_u8)
    config = create_loaded_network().config
    auto = prepare_pair(pair, config)
    np.testing.assert_array_equal(auto.thermal, see_through_camera(thermal_u8))
    assert "simulated camera of the training, 12x8 at 48x32" in auto.notes[0]
    never = prepare_pair(pair, config, simulate="never")
    np.testing.assert_array_equal(never.thermal, to_float(thermal_u8))
    assert "taken as it is" in never.notes[0]


def test_camera_is_simulated_on_request_where_thermal_is_coarser() -> None:
    """24x16 is coarser than the image and still finer than the camera's 12x8."""
    thermal_u8 = make_thermal_u8(size_hw=(16, 24))
    pair = DecodedPair(make_visible_u8(), thermal_u8)
    prepared = prepare_pair(pair, create_loaded_network().config, simulate="always")
    scaled_up_u8 = cv2.resize(thermal_u8, (48, 32), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(prepared.thermal, see_through_camera(scaled_up_u8))


def test_teacher_sees_full_thermal() -> None:
    pair = DecodedPair(make_visible_u8(), make_thermal_u8())
    config = create_loaded_network(config=FeatureLevelConfig()).config
    prepared = prepare_pair(pair, config, simulate="always")
    np.testing.assert_array_equal(prepared.thermal, to_float(make_thermal_u8()))
    coarse = prepare_pair(pair._replace(thermal_u8=make_thermal_u8(size_hw=(8, 12))), config)
    assert "trained with the full resolution" in coarse.notes[0]


def test_distorted_images_are_noted() -> None:
    pair = DecodedPair(make_visible_u8(size_hw=(32, 64)), make_thermal_u8(size_hw=(32, 64)))
    notes = prepare_pair(pair, create_loaded_network().config).notes
    assert "64x32 was distorted to 48x32" in notes[-1]


def test_networks_without_thermal_need_none(tmp_path: Path) -> None:
    path = write_visible(tmp_path / "a.png", make_visible_u8())
    loaded = create_loaded_network(config=VisibleOnlyConfig())
    (image,) = predict_pairs(loaded, find_pairs(path), tmp_path / "out").images
    no_thermal = np.zeros((1, *SIZE_HW), np.float32)
    (expected,) = predict_labels_u8(loaded, make_visible_u8()[None], no_thermal)
    np.testing.assert_array_equal(read_image(image.labels), expected)
    assert not needs_thermal(create_loaded_network(resolution="none").config)


def test_missing_thermal_is_refused_where_it_is_needed(tmp_path: Path) -> None:
    path = write_visible(tmp_path / "a.png", make_visible_u8())
    with pytest.raises(MdjaxError, match=r"a\.png: the network needs a thermal image"):
        predict_pairs(create_loaded_network(), find_pairs(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_bad_pair_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    """File b is cut short, c has another aspect, both files of d are no images; a is good."""
    visible, thermal = write_folders(tmp_path, 4)
    (visible / "b.png").write_bytes((visible / "b.png").read_bytes()[:100])
    write_thermal(thermal / "c.png", make_thermal_u8(size_hw=(8, 8)))
    for folder in (visible, thermal):
        (folder / "d.png").write_text("no image")
    with pytest.raises(MdjaxError) as caught:
        predict_pairs(create_loaded_network(), find_pairs(visible, thermal), tmp_path / "out")
    message = str(caught.value)
    assert "4 problems, nothing was written" in message
    for path in (visible / "b.png", thermal / "c.png", visible / "d.png", thermal / "d.png"):
        assert str(path) in message
    assert "a.png" not in message
    assert not (tmp_path / "out").exists()


def test_existing_files_are_replaced_only_on_request(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 2)
    pairs, out_dir = find_pairs(visible, thermal), tmp_path / "out"
    loaded = create_loaded_network()
    predict_pairs(loaded, pairs[:1], out_dir)
    (out_dir / "a_labels.png").write_text("precious")
    with pytest.raises(MdjaxError, match=r"a_labels\.png: is there already"):
        predict_pairs(loaded, pairs, out_dir)
    assert (out_dir / "a_labels.png").read_text() == "precious"
    assert not (out_dir / "b_labels.png").exists()
    predict_pairs(loaded, pairs[1:], out_dir)  # other images may join
    predict_pairs(loaded, pairs, out_dir, overwrite=True)
    assert read_image(out_dir / "a_labels.png").shape == SIZE_HW


def test_labels_of_other_classes_do_not_mix(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 2)
    pairs = find_pairs(visible, thermal)
    predict_pairs(create_loaded_network(), pairs[:1], tmp_path / "out")
    other = create_loaded_network(class_names=("background", "person"))
    with pytest.raises(MdjaxError, match="belongs to other classes"):
        predict_pairs(other, pairs[1:], tmp_path / "out")


def test_folder_of_the_images_is_refused(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    with pytest.raises(MdjaxError, match="the images come from this folder"):
        predict_pairs(create_loaded_network(), find_pairs(visible, thermal), thermal)


def test_impossible_requests_are_refused(tmp_path: Path) -> None:
    pair = PairFiles("a", write_visible(tmp_path / "a.png", make_visible_u8()))
    loaded = create_loaded_network(config=VisibleOnlyConfig())
    with pytest.raises(MdjaxError, match="no images"):
        predict_pairs(loaded, [], tmp_path / "out")
    with pytest.raises(MdjaxError, match="a: 2 images have this name"):
        predict_pairs(loaded, [pair, pair], tmp_path / "out")
    with pytest.raises(MdjaxError, match="batch_size is 0"):
        predict_pairs(loaded, [pair], tmp_path / "out", batch_size=0)


def test_logits_are_scaled_before_classes_are_compared() -> None:
    """Two pixels with logits (1, 0) and (0, 3) become four.

    Half-pixel centres give the left one weights of 1, 3/4, 1/4, 0. Class 0: 1, 0.75, 0.25, 0;
    class 1: 0, 0.75, 2.25, 3. The tie at the second pixel goes to the lower class.
    """
    logits = np.array([[[1, 0], [0, 3]]], np.float32)
    np.testing.assert_array_equal(resize_logits_to_labels(logits, (1, 4)), [[0, 0, 1, 1]])
