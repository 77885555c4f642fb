"""Boxes that are drawn and written are those the network finds."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from mdjax.align.common_view import make_common_view
from mdjax.models.config import ImageLevelConfig, VisibleOnlyConfig
from mdjax.ops.anchors import AnchorOptions
from mdjax.ops.nms import NmsOptions, compute_detections
from mdjax.predict.boxes import DetectionPredictions, DetectionWriter
from mdjax.predict.pairs import PairFiles, find_pairs
from mdjax.predict.prediction import predict_pairs
from mdjax.runs.loading import LoadedNetwork
from mdjax.tasks.detection import DetectionTask
from mdjax.types import MdjaxError
from tests.models.factories import TINY, create_pair, create_variables
from tests.predict.anchor_network import create_loaded_detector, make_cells_u8
from tests.predict.image_files import (
    SIZE_HW,
    make_thermal_u8,
    make_visible_u8,
    read_image,
    see_through_camera,
    to_float,
    write_folders,
    write_thermal,
    write_visible,
)


def predict_detections(
    loaded: LoadedNetwork,
    pairs: Sequence[PairFiles],
    out_dir: Path,
    *,
    score_threshold: float = 0.3,
    **options: Any,
) -> DetectionPredictions:
    task: Any = loaded.config.task
    writer = DetectionWriter(out_dir, loaded.class_names, SIZE_HW, task, score_threshold)
    return predict_pairs(loaded, pairs, writer, **options)


def write_pair(folder: Path, name: str, visible_u8: np.ndarray, thermal_u8: np.ndarray) -> None:
    write_visible(folder / "visible" / name, np.repeat(visible_u8[..., None], 3, axis=-1))
    write_thermal(folder / "thermal" / name, thermal_u8)


def find(folder: Path) -> tuple[PairFiles, ...]:
    return find_pairs(folder / "visible", folder / "thermal")


def read_boxes(out_dir: Path) -> dict[str, Any]:
    return json.loads((out_dir / "detections.json").read_text())


def test_boxes_are_in_pixels_of_each_visible_file(tmp_path: Path) -> None:
    """Cell (1, 2) of a file as large as the working size, and of one twice as high and wide.

    Its edges are 32, 16, 48, 32, and twice that. White scores sigmoid(4) = 0.982. The third image
    has nothing bright; batches of two, so the last one is filled up.
    """
    black = make_cells_u8()
    write_pair(tmp_path, "a.png", make_cells_u8((1, 2)), black)
    large = make_cells_u8((1, 2), size_hw=(64, 96))
    write_pair(tmp_path, "b.png", large, black)
    write_pair(tmp_path, "c.png", black, black)
    predictions = predict_detections(
        create_loaded_detector(), find(tmp_path), tmp_path / "out", batch_size=2
    )
    written = read_boxes(tmp_path / "out")
    assert (written["class_names"], written["score_threshold"]) == (["person"], 0.3)
    assert [image["name"] for image in written["images"]] == ["a", "b", "c"]
    assert [image["image_size_hw"] for image in written["images"]] == [[32, 48], [64, 96], [32, 48]]
    boxes = [image["boxes_xyxy_px"] for image in written["images"]]
    assert boxes == [[[32, 16, 48, 32]], [[64, 32, 96, 64]], []]
    assert [image["scores"] for image in written["images"]] == [[0.982], [0.982], []]
    assert [image["class_names"] for image in written["images"]] == [["person"], ["person"], []]
    assert written["images"][0]["visible"] == str(tmp_path / "visible" / "a.png")
    assert predictions.num_detections == {"person": 2}
    assert predictions.milliseconds_per_image > 0


def test_boxes_of_a_part_count_in_the_whole_visible_file(tmp_path: Path) -> None:
    """The thermal camera sees 48x32 pixels from (20, 10) on: cell (1, 2) begins at (52, 26)."""
    visible_u8 = np.zeros((60, 80), np.uint8)
    visible_u8[10:42, 20:68] = make_cells_u8((1, 2))
    write_pair(tmp_path, "a.png", visible_u8, make_cells_u8())
    view = make_common_view((20, 10, 68, 42), None)
    predictions = predict_detections(
        create_loaded_detector(), find(tmp_path), tmp_path / "out", view=view
    )
    (image,) = read_boxes(tmp_path / "out")["images"]
    assert image["boxes_xyxy_px"] == [[52, 26, 68, 42]]
    assert image["image_size_hw"] == [60, 80]
    assert read_image(predictions.images[0].picture).shape == (32, 96, 3)
    assert "1 of 1 images: the visible image was cut to 48x32 pixels at (20, 10)" in (
        predictions.notes
    )


def test_counts_of_16_bits_are_read_as_in_training(tmp_path: Path) -> None:
    """A car in cell (1, 2) is 9,000 counts, all else 7,000: white on black by the range."""
    thermal_u8 = make_cells_u8((1, 2))
    counts = np.where(thermal_u8 > 0, 9000, 7000).astype(np.uint16)
    write_pair(tmp_path, "a.png", make_cells_u8(), counts)
    loaded = create_loaded_detector(class_names=("person", "car"))
    loaded = replace(loaded, thermal_range_counts=(7000, 9000))
    predict_detections(loaded, find(tmp_path), tmp_path / "out", simulate="never")
    (image,) = read_boxes(tmp_path / "out")["images"]
    assert image["class_names"] == ["car"]
    assert image["boxes_xyxy_px"] == [[32, 16, 48, 32]]


def test_full_list_of_boxes_is_told(tmp_path: Path) -> None:
    """Two bright cells where there is room for one box, and one where there is room enough."""
    write_pair(tmp_path, "a.png", make_cells_u8((0, 0), (1, 2)), make_cells_u8())
    loaded = create_loaded_detector()
    task: Any = loaded.config.task
    writer = DetectionWriter(tmp_path / "out", loaded.class_names, SIZE_HW, task)
    few = replace(task, nms=NmsOptions(max_detections=1))
    small = replace(writer, trained_task=few, out_dir=tmp_path / "small")
    note = "1 of 1 images: only the best 1 boxes kept (task.nms.max_detections)"
    assert note in predict_pairs(loaded, find(tmp_path), small).notes
    assert note not in predict_pairs(loaded, find(tmp_path), writer).notes


def test_classes_are_named(tmp_path: Path) -> None:
    """A car is bright in the thermal image, which the camera blurs: it scores less."""
    write_pair(tmp_path, "a.png", make_cells_u8((0, 0)), make_cells_u8((1, 2)))
    loaded = create_loaded_detector(class_names=("person", "car"))
    predictions = predict_detections(loaded, find(tmp_path), tmp_path / "out")
    (image,) = read_boxes(tmp_path / "out")["images"]
    assert image["class_names"] == ["person", "car"]
    assert image["boxes_xyxy_px"] == [[0, 0, 16, 16], [32, 16, 48, 32]]
    assert predictions.num_detections == {"person": 1, "car": 1}


def test_score_threshold_decides_what_is_written(tmp_path: Path) -> None:
    """Grey of 0.5 scores 0.5 in all six cells."""
    grey = np.full(SIZE_HW, 128, np.uint8)
    write_pair(tmp_path, "a.png", grey, grey)
    loaded = create_loaded_detector()
    for threshold, expected in ((0.49, 6), (0.6, 0)):
        out_dir = tmp_path / str(threshold)
        predict_detections(loaded, find(tmp_path), out_dir, score_threshold=threshold)
        assert len(read_boxes(out_dir)["images"][0]["scores"]) == expected
    with pytest.raises(MdjaxError, match="score_threshold is 30"):
        predict_detections(loaded, find(tmp_path), tmp_path / "out", score_threshold=30)


def test_picture_shows_boxes_on_both_images(tmp_path: Path) -> None:
    """Visible at the left, thermal of half the resolution at the right, the box on both."""
    write_pair(
        tmp_path,
        "a.png",
        make_cells_u8((1, 1), size_hw=(192, 288)),
        np.full((96, 144), 200, np.uint8),
    )
    (image,) = predict_detections(create_loaded_detector(), find(tmp_path), tmp_path / "out").images
    picture = read_image(image.picture)
    assert picture.shape == (192, 2 * 288, 3)
    is_drawn = picture.max(axis=-1) != picture.min(axis=-1)  # the images are grey
    left, right = is_drawn[:, :288], is_drawn[:, 288:]
    # Cell (1, 1) spans rows 96 to 192 and columns 96 to 192: its outline, with a text above.
    for panel in (left, right):
        assert panel[130:191, 96].all()
        assert panel[130:191, 191].all()
        assert panel[191, 96:192].all()
        assert not panel[:, 192:].any()
    assert (picture[10, 10 + 288] == 200).all()


def test_pair_without_thermal_is_drawn_alone(tmp_path: Path) -> None:
    path = write_visible(tmp_path / "a.png", make_visible_u8())
    loaded = create_loaded_detector(network_config=VisibleOnlyConfig())
    (image,) = predict_detections(loaded, find_pairs(path), tmp_path / "out").images
    assert read_image(image.picture).shape == (*SIZE_HW, 3)


def test_boxes_of_an_earlier_call_are_replaced_only_on_request(tmp_path: Path) -> None:
    visible, thermal = write_folders(tmp_path, 2)
    pairs, out_dir = find_pairs(visible, thermal), tmp_path / "out"
    loaded = create_loaded_detector()
    predict_detections(loaded, pairs[:1], out_dir)
    before = (out_dir / "detections.json").read_bytes()
    with pytest.raises(MdjaxError, match=r"detections\.json: has the boxes of an earlier call"):
        predict_detections(loaded, pairs[1:], out_dir)
    assert (out_dir / "detections.json").read_bytes() == before
    with pytest.raises(MdjaxError, match=r"a_detections\.png: already exists"):
        predict_detections(loaded, pairs[:1], out_dir)
    predict_detections(loaded, pairs, out_dir, overwrite=True)
    assert len(read_boxes(out_dir)["images"]) == 2


@pytest.mark.slow
def test_retinanet_is_predicted_as_it_is_evaluated(tmp_path: Path) -> None:
    """A student with random weights; its boxes, from `compute_detections`."""
    visible, thermal = write_folders(tmp_path, 1)
    task = DetectionTask(anchors=AnchorOptions(base_heights_px=(4, 8, 16)))
    network = ImageLevelConfig(TINY).create(task.create_head(1, TINY))
    variables = create_variables(network, *create_pair())
    loaded = create_loaded_detector(network, variables)
    threshold = 0.005
    (image,) = predict_detections(
        loaded, find_pairs(visible, thermal), tmp_path / "out", score_threshold=threshold
    ).images
    apply: Any = jax.jit(partial(network.apply, train=False))
    inputs = (
        to_float(make_visible_u8())[None],
        see_through_camera(make_thermal_u8())[None, ..., None],
    )
    found = compute_detections(
        apply(variables, *inputs).prediction, SIZE_HW, NmsOptions(score_threshold=threshold)
    )
    is_valid = np.asarray(found.is_valid)[0]
    assert is_valid.any()
    np.testing.assert_allclose(
        image.found.boxes_xyxy_px, np.asarray(found.boxes_xyxy_px)[0][is_valid], atol=1e-3
    )
    np.testing.assert_allclose(image.found.scores, np.asarray(found.scores)[0][is_valid], rtol=1e-4)
