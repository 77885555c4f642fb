"""An image pair in memory is predicted as its files are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mdjax.models.config import VisibleOnlyConfig
from mdjax.predict.images import make_image_predictor
from mdjax.predict.pairs import find_pairs
from mdjax.tasks.detection_scores import ImageDetections
from mdjax.types import MdjaxError
from tests.predict.anchor_network import create_loaded_detector
from tests.predict.image_files import make_thermal_u8, make_visible_u8, read_image, write_folders
from tests.predict.pixel_network import create_loaded_network, predict_labels


def test_labels_are_those_of_the_files(tmp_path: Path) -> None:
    loaded = create_loaded_network()
    pairs = find_pairs(*write_folders(tmp_path, 2))
    written = predict_labels(loaded, pairs, tmp_path / "out").images
    predict = make_image_predictor(loaded)
    for number, image in enumerate(written):
        labels_u8 = predict(make_visible_u8(number), make_thermal_u8(number))
        np.testing.assert_array_equal(labels_u8, read_image(image.labels))


def test_detector_finds_boxes_in_pixels_of_the_image() -> None:
    found = make_image_predictor(create_loaded_detector())(
        make_visible_u8(0, (64, 96)), make_thermal_u8(0, (64, 96))
    )
    assert isinstance(found, ImageDetections)
    assert len(found.scores) > 0
    assert 48 < found.boxes_xyxy_px.max() <= 96


def test_counts_are_read_by_the_range_of_the_training() -> None:
    """From 1,000 to 1,510 counts, two counts are one of 255 grey levels."""
    loaded = create_loaded_network()
    visible_u8, thermal_u8 = make_visible_u8(), make_thermal_u8()
    expected = make_image_predictor(loaded)(visible_u8, thermal_u8)
    predict = make_image_predictor(replace(loaded, thermal_range_counts=(1000.0, 1510.0)))
    counts = 1000 + 2 * thermal_u8.astype(np.uint16)
    np.testing.assert_array_equal(predict(visible_u8, counts), expected)
    with pytest.raises(MdjaxError, match="8 bits, where 16 bits of counts from 1000"):
        predict(visible_u8, thermal_u8)


def test_thermal_image_is_needed_where_the_network_sees_one() -> None:
    with pytest.raises(MdjaxError, match="the network needs a thermal image"):
        make_image_predictor(create_loaded_network())(make_visible_u8())
    predict = make_image_predictor(create_loaded_network(config=VisibleOnlyConfig()))
    assert predict(make_visible_u8()).shape == (32, 48)


def test_images_of_other_fields_of_view_are_refused() -> None:
    with pytest.raises(MdjaxError, match="the visible image, the thermal image: one"):
        make_image_predictor(create_loaded_network())(
            make_visible_u8(), make_thermal_u8(0, (48, 32))
        )
