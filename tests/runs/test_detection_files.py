"""What a detector leaves for others says what it found."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_builders.checks.annotations import Role
from data_builders.kaist.labels import TEST_RULE
from mdjax.cli.score_detections import score_kaist_files
from mdjax.data.objects import ImageObjects
from mdjax.io.kaist_detections import read_detections
from mdjax.io.kaist_text import (
    KAIST_IMAGE_SIZE_HW,
    is_night_image,
    read_annotations,
    read_image_list,
)
from mdjax.runs.detection_files import check_detection_files, write_evaluation
from mdjax.runs.loading import LoadedNetwork
from mdjax.tasks.detection_scores import DetectionEvaluation, ImageDetections, score_detections
from mdjax.types import MdjaxError
from tests.predict.anchor_network import create_loaded_detector
from tests.predict.pixel_network import create_loaded_network

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
    """The second image has no detection, and the third one without width, which is omitted."""
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


def test_file_scores_as_the_evaluation_does(tmp_path: Path, real_data_dir: Path) -> None:
    """Every eighth test image of KAIST, with what MSDS-RCNN found there.

    Records hold boxes that count from 0 and are clipped to their image, files those that count from
    1 and may stick out; each of the ten subsets has the same number from both.
    """
    folder = real_data_dir / "kaist"
    all_names = read_image_list(folder / "test-all-20.txt")
    all_found = read_detections(
        folder / "detections" / "MSDS-RCNN_result.txt", num_images=len(all_names)
    )
    names = all_names[::8]
    rows, columns = KAIST_IMAGE_SIZE_HW
    limit = np.array([columns, rows, columns, rows])
    truths, images = [], []
    for of_image in read_annotations(folder / "annotations_liu", names):
        roles = [
            TEST_RULE.get_role(label, occlusion=0, is_marked_ignored=False)
            for label in of_image.labels
        ]
        truths.append(
            ImageObjects(
                np.clip(of_image.to_boxes_xyxy_px(), 0, limit).astype(np.float32),
                np.zeros(len(roles), np.int64),
                np.array([role is Role.IGNORED for role in roles], bool),
                of_image.occlusion.astype(np.uint8),
            )
        )
    for found in all_found[::8]:
        corners = found.boxes_xywh_px[:, :2] - 1
        boxes = np.concatenate([corners, corners + found.boxes_xywh_px[:, 2:]], axis=1)
        images.append(
            ImageDetections(
                np.clip(boxes, 0, limit).astype(np.float32),
                found.scores.astype(np.float32),
                np.zeros(len(boxes), np.int64),
            )
        )
    evaluation = score_detections(
        images,
        truths,
        ("person",),
        image_sizes_hw=[KAIST_IMAGE_SIZE_HW] * len(names),
        is_night=np.array([is_night_image(name) for name in names]),
    )
    path, image_list = tmp_path / "found.txt", tmp_path / "list.txt"
    image_list.write_text("\n".join(names))
    write_evaluation(evaluation, title="", detections=path)
    of_file = score_kaist_files(folder / "annotations_liu", image_list, path).miss_rates
    of_evaluation = evaluation.miss_rates["person"]
    assert 0 < of_file["all"].percent < 50
    assert of_file["all"].num_boxes > 100
    for subset, score in of_file.items():
        assert of_evaluation[subset].percent == pytest.approx(score.percent, abs=1e-6)
        assert of_evaluation[subset].num_boxes == score.num_boxes


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
            "a.csv is another file of this command; give the curve another name",
        ),
        (
            create_loaded_detector,
            {"curve": "a.png", "detections": "a.png"},
            "a.png is another file of this command",
        ),
        (create_loaded_detector, {"detections": "."}, "is a folder; give a file name"),
        (create_loaded_detector, {"curve": "absent/a.png"}, "create it first"),
        (create_loaded_detector, {"detections": "absent/a.txt"}, "create it first"),
    ],
)
def test_files_that_cannot_be_are_refused_before_the_work(
    loaded: Any, names: dict[str, str], message: str, tmp_path: Path
) -> None:
    network: LoadedNetwork = loaded()
    with pytest.raises(MdjaxError, match=message):
        check_detection_files(network, **{key: tmp_path / name for key, name in names.items()})
    check_detection_files(network)  # nothing is asked for
