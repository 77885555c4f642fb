"""What a detector leaves for others says what it found."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.data.objects import ImageObjects
from mdjax.io.kaist_detections import read_detections
from mdjax.runs.detection_files import check_detection_files, write_evaluation
from mdjax.runs.loading import LoadedNetwork
from mdjax.tasks.detection_scores import DetectionEvaluation, ImageDetections, score_detections
from mdjax.types import MdjaxError
from tests.runs.anchor_network import create_loaded_detector
from tests.runs.pixel_network import create_loaded_network

PERSON = [100.0, 100, 120, 160]


def make_found(*rows: tuple[list[float], float, int]) -> ImageDetections:
    """Of one image: box, score, class id."""
    return ImageDetections(
        np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4),
        np.array([score for _, score, _ in rows], np.float32),
        np.array([class_id for _, _, class_id in rows], np.int64),
    )


def make_evaluation(
    *images: ImageDetections, class_names: tuple[str, ...] = ("person",)
) -> DetectionEvaluation:
    """One person of 60 px in each image, of which the first is by day."""
    truth = ImageObjects(
        np.array([PERSON], np.float32),
        np.zeros(1, np.int64),
        np.zeros(1, bool),
        np.zeros(1, np.uint8),
    )
    return score_detections(
        images,
        [truth] * len(images),
        class_names,
        image_sizes_hw=[(512, 640)] * len(images),
        is_night=np.arange(len(images)) > 0,
    )


def test_detection_file_counts_images_and_pixels_from_one(tmp_path: Path) -> None:
    """The second image has no detection, and the third one without width, which is left out."""
    flat = [100.0, 100, 100, 160]
    images = (
        make_found((PERSON, 0.9, 0)),
        make_found(),
        make_found((PERSON, 0.8, 0), (flat, 0.7, 0)),
    )
    evaluation = dataclasses.replace(make_evaluation(images[0]), detections=images)
    path = tmp_path / "found.txt"
    write_evaluation(evaluation, title="", detections=path)
    lines = path.read_text().splitlines()
    assert lines == ["1,101,101,20,60,0.899999976", "3,101,101,20,60,0.800000012"]
    assert [len(read.scores) for read in read_detections(path, num_images=3)] == [1, 0, 1]


def test_curve_of_several_classes_names_them(tmp_path: Path) -> None:
    """Found by day, missed at night: 0 of 1, 1 of 1, 1 of 2; nobody sits in a car."""
    evaluation = make_evaluation(
        make_found((PERSON, 0.9, 0)),
        make_found(([300.0, 1, 320, 61], 0.8, 0)),
        class_names=("person", "car"),
    )
    write_evaluation(evaluation, title="run", curve=tmp_path / "curve.png")
    assert (tmp_path / "curve.png").is_file()
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    assert "person day,0,0" in lines
    assert "person night,1,1" in lines
    assert "person all,0.5,0.5" in lines
    assert not [line for line in lines if line.startswith("car")]


@pytest.mark.parametrize(
    ("loaded", "names", "message"),
    [
        (create_loaded_network, {"detections": "a.txt"}, "run: this network labels pixels"),
        (create_loaded_network, {"curve": "a.png"}, "run: this network labels pixels"),
        (
            lambda: create_loaded_detector(class_names=("person", "car")),
            {"detections": "a.txt"},
            "no column for the class, and run finds person, car",
        ),
        (create_loaded_detector, {"curve": "a.jpg"}, "a.jpg: the curve is a PNG file"),
        (
            create_loaded_detector,
            {"curve": "a.png", "detections": "a.csv"},
            "a.csv, the file of the detections; give the curve another name",
        ),
        (create_loaded_detector, {"detections": "absent/a.txt"}, "make it first"),
    ],
)
def test_files_that_cannot_be_are_refused_before_the_work(
    loaded: Any, names: dict[str, str], message: str, tmp_path: Path
) -> None:
    network: LoadedNetwork = loaded()
    with pytest.raises(MdjaxError, match=message):
        check_detection_files(network, **{key: tmp_path / name for key, name in names.items()})
    check_detection_files(network)  # nothing is asked for
