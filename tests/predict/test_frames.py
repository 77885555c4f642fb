"""Frames in memory are predicted one by one, and one that does not fit stops nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mdjax.align.common_view import make_common_view
from mdjax.models.config import VisibleOnlyConfig
from mdjax.predict.files import predict_files
from mdjax.predict.frames import FramePrediction, predict_frames
from mdjax.predict.images import make_image_predictor
from mdjax.tasks.detection_scores import ImageDetections
from mdjax.types import MdjaxError
from tests.align import rigs
from tests.predict.anchor_network import create_loaded_detector
from tests.predict.image_files import make_thermal_u8, make_visible_u8, read_image, write_visible
from tests.predict.pixel_network import create_loaded_network

GOOD = (make_visible_u8(), make_thermal_u8())


def test_frames_are_predicted_as_images_are() -> None:
    loaded = create_loaded_network()
    frames = [(make_visible_u8(i), make_thermal_u8(i, (8, 12))) for i in range(3)]
    predict = make_image_predictor(loaded)
    for number, found in enumerate(predict_frames(loaded, frames)):
        assert (found.number, found.problem) == (number, "")
        np.testing.assert_array_equal(found.prediction, predict(*frames[number]))


def test_each_frame_is_answered_before_the_next_is_read() -> None:
    """As a live camera needs it; the generator would never end."""
    read: list[int] = []

    def watch() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        while True:
            read.append(len(read))
            yield GOOD

    predictions = predict_frames(create_loaded_network(), watch())
    assert read == []
    for number in range(3):
        assert next(predictions).number == number
        assert read == list(range(number + 1))


@pytest.mark.parametrize(
    ("visible_u8", "thermal", "problem"),
    [
        (
            make_visible_u8(0, (40, 60)),
            GOOD[1],
            "visible frame has 60x40 pixels, the first",
        ),
        (
            GOOD[0],
            make_thermal_u8(0, (16, 24)),
            "thermal frame has 24x16 pixels, the first",
        ),
        (GOOD[0], None, "the network needs a thermal frame; give one."),
        (None, GOOD[1], 'there is no visible frame; give one, or missing="visible".'),
        (
            GOOD[0][..., 0],
            GOOD[1],
            "needs the shape [h w 3] and 8 bits (RGB), this one has [3",
        ),
        (GOOD[0].astype(float), GOOD[1], "this one has [32, 48, 3] of float64; convert it."),
        (GOOD[0], GOOD[0], "a thermal frame needs the shape [hh ww] and 8 or 16 bits, this one ha"),
        (GOOD[0], GOOD[1].astype(np.uint16), "has 16 bits, but the network was trained on 8 bits"),
    ],
)
def test_frame_that_does_not_fit_is_skipped(visible_u8: Any, thermal: Any, problem: str) -> None:
    """As the second of three; as the first one it is an error."""
    loaded = create_loaded_network()
    first, bad, last = predict_frames(loaded, [GOOD, (visible_u8, thermal), GOOD])
    assert bad == FramePrediction(1, None, bad.problem)
    assert problem in bad.problem
    np.testing.assert_array_equal(first.prediction, last.prediction)
    if "the first" not in problem:
        with pytest.raises(MdjaxError, match=r"^frame 0: "):
            next(predict_frames(loaded, [(visible_u8, thermal)]))


def test_counts_are_read_by_the_range_of_the_training() -> None:
    """From 1,000 to 1,510 counts, two counts are one of 255 grey levels."""
    (expected,) = predict_frames(create_loaded_network(), [GOOD])
    counts = 1000 + 2 * GOOD[1].astype(np.uint16)
    loaded = create_loaded_network(thermal_range_counts=(1000.0, 1510.0))
    found, bad = predict_frames(loaded, [(GOOD[0], counts), GOOD])
    np.testing.assert_array_equal(found.prediction, expected.prediction)
    assert "8 bits, where 16 bits of counts from 1000" in bad.problem


def test_parts_of_images_in_memory_are_those_of_files(tmp_path: Path) -> None:
    """Counts of 16 bits are warped first, and then cut off at the ends of their range."""
    visible_u8, grey_u8 = rigs.make_visible_u8(0), rigs.make_thermal_u8(0)
    counts = 1000 + 2 * grey_u8.astype(np.uint16)
    write_visible(tmp_path / "v.png", visible_u8)
    assert cv2.imwrite(str(tmp_path / "t.png"), counts)
    view = make_common_view(None, rigs.write_values(tmp_path / "rig.json"))
    loaded = create_loaded_network(thermal_range_counts=(1100.0, 1400.0))
    files = (tmp_path / "v.png", tmp_path / "t.png")
    predict_files(loaded, *files, out_dir=tmp_path / "out", view=view)
    expected = read_image(tmp_path / "out/v_labels.png")
    (found,) = predict_frames(loaded, [(visible_u8, counts)], view=view)
    np.testing.assert_array_equal(found.prediction, expected)
    labels_u8 = make_image_predictor(loaded, view=view)(visible_u8, counts)
    np.testing.assert_array_equal(labels_u8, expected)


def test_boxes_of_a_part_count_in_the_whole_image() -> None:
    """White from (16, 12) on: the last of the six cells of that part."""
    visible_u8 = np.zeros((44, 64, 3), np.uint8)
    visible_u8[28:, 48:] = 255
    pair, view = (visible_u8, make_thermal_u8()), make_common_view((16, 12, 64, 44), None)
    loaded = create_loaded_detector()
    (found,) = predict_frames(loaded, [pair], view=view, score_threshold=0.9)
    np.testing.assert_array_equal(found.prediction.boxes_xyxy_px, [[48, 28, 64, 44]])
    boxes = make_image_predictor(loaded, view=view)(*pair)
    np.testing.assert_array_equal(boxes.boxes_xyxy_px[:1], [[48, 28, 64, 44]])


def test_one_camera_is_enough_where_the_network_needs_no_other() -> None:
    visible_only = create_loaded_network(config=VisibleOnlyConfig())
    (found,) = predict_frames(visible_only, [(GOOD[0], None)])
    assert found.prediction.shape == (32, 48)
    (found,) = predict_frames(create_loaded_network(), [(None, GOOD[1])], missing="visible")
    assert found.prediction.shape == (32, 48)
    with pytest.raises(MdjaxError, match="sees only the visible image"):
        predict_frames(visible_only, [], missing="visible")


def test_detector_keeps_what_scores_enough() -> None:
    """Random images score about 0.5 in each of their six cells."""
    for threshold, expected in ((None, 6), (0.9, 0)):
        (found,) = predict_frames(create_loaded_detector(), [GOOD], score_threshold=threshold)
        assert isinstance(found.prediction, ImageDetections)
        assert len(found.prediction.scores) == expected
    with pytest.raises(MdjaxError, match="score_threshold is 30"):
        predict_frames(create_loaded_detector(), [GOOD], score_threshold=30)
    with pytest.raises(MdjaxError, match="labels pixels, which have no score"):
        predict_frames(create_loaded_network(), [GOOD], score_threshold=0.5)
