"""Label files hold what the network says."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_builders.mfnet.layout import CLASS_NAMES
from mdjax.models.config import ImageLevelConfig
from mdjax.predict.pairs import PairFiles, find_pairs
from mdjax.tasks.segmentation_scores import resize_logits_to_labels
from mdjax.types import MdjaxError
from mdjax.viz.colours import create_palette
from mdjax.viz.labels import overlay_labels
from tests.models.factories import TINY, create_head
from tests.predict.image_files import (
    make_thermal_u8,
    make_visible_u8,
    read_image,
    see_through_camera,
    write_folders,
    write_thermal,
    write_visible,
)
from tests.predict.pixel_network import create_loaded_network, predict_labels, predict_labels_u8


def list_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_label_files_are_what_the_network_says(tmp_path: Path) -> None:
    """A ResNet; three pairs in batches of two, so that the last batch is filled up."""
    config = ImageLevelConfig(TINY)
    loaded = create_loaded_network(config.create(create_head(TINY)), config)
    visible, thermal = write_folders(tmp_path, 3)
    predictions = predict_labels(
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
    (image,) = predict_labels(loaded, [pair], tmp_path / "out").images
    assert list_files(tmp_path / "out") == ["big_labels.png", "big_overlay.png", "classes.json"]
    labels_u8 = read_image(image.labels)
    assert labels_u8.shape == (70, 105)
    overlay_rgb_u8 = read_image(image.overlay)[..., ::-1]
    np.testing.assert_array_equal(
        overlay_rgb_u8, overlay_labels(visible_u8, labels_u8, create_palette(9))
    )


def test_classes_file_explains_the_labels(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 1)
    predict_labels(create_loaded_network(), find_pairs(visible, thermal), tmp_path / "out")
    classes = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert classes["class_names"] == list(CLASS_NAMES)
    assert classes["palette_rgb"] == [list(colour) for colour in create_palette(9)]


def test_many_classes_get_colours_of_their_own(tmp_path: Path) -> None:
    names = tuple(f"class{i}" for i in range(21))
    visible, thermal = write_folders(tmp_path, 1)
    loaded = create_loaded_network(class_names=names)
    predict_labels(loaded, find_pairs(visible, thermal), tmp_path / "out")
    palette = json.loads((tmp_path / "out" / "classes.json").read_text())["palette_rgb"]
    assert len({tuple(colour) for colour in palette}) == 21
    assert palette[0] == [0, 0, 0]


def test_labels_of_other_classes_do_not_mix(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 2)
    pairs = find_pairs(visible, thermal)
    predict_labels(create_loaded_network(), pairs[:1], tmp_path / "out")
    other = create_loaded_network(class_names=("background", "person"))
    with pytest.raises(MdjaxError, match="belongs to other classes"):
        predict_labels(other, pairs[1:], tmp_path / "out")


def test_logits_are_scaled_before_classes_are_compared() -> None:
    """Two pixels with logits (1, 0) and (0, 3) become four.

    Half-pixel centres give the left one weights of 1, 3/4, 1/4, 0. Class 0: 1, 0.75, 0.25, 0;
    class 1: 0, 0.75, 2.25, 3. The tie at the second pixel goes to the lower class.
    """
    logits = np.array([[[1, 0], [0, 3]]], np.float32)
    np.testing.assert_array_equal(resize_logits_to_labels(logits, (1, 4)), [[0, 0, 1, 1]])
