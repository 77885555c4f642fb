"""Results of single images give, pooled, the scores of the whole split."""

import json
from typing import Any

import numpy as np
import pytest

from mdjax.data.objects import ImageObjects
from mdjax.metrics.confusion import SegmentationScores
from mdjax.studies.per_image import describe_images, make_box_score, make_label_score
from mdjax.tasks.detection_scores import ImageDetections, score_detections
from mdjax.tasks.segmentation_scores import SegmentationEvaluation

NAMES = ("unlabelled", "car", "person")


def test_pooled_label_maps_score_as_the_whole_split() -> None:
    rng = np.random.default_rng(0)
    confusions = rng.integers(1, 50, (4, 3, 3))
    is_night = np.array([False, True, True, False])
    members = {"all": np.ones(4, bool), "day": ~is_night, "night": is_night}
    evaluation = SegmentationEvaluation(
        {name: SegmentationScores(confusions[rows].sum(0)) for name, rows in members.items()},
        NAMES,
        ((4, 4),),
        confusions,
        is_night,
    )
    images = json.loads(json.dumps(describe_images(evaluation)))
    for metric, value in evaluation.to_metrics().items():
        if not metric.startswith("num_classes"):
            assert make_label_score(metric, NAMES)(images) == pytest.approx(value)
    assert np.isnan(make_label_score("mean_iou_3/night", NAMES)(images[:1]))


def test_pooled_boxes_score_as_the_whole_split() -> None:
    rng = np.random.default_rng(0)
    detections, truths = [], []
    for image in range(6):
        corners = rng.uniform(10, 200, (4, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(60, 90, (4, 2))], 1)
        true = boxes[:2].astype(np.float32)
        found = (boxes + rng.normal(0, 1, boxes.shape)).astype(np.float32).round(1)
        scores = rng.uniform(0.1, 1, 4).round(4).astype(np.float32)
        truths.append(
            ImageObjects(
                true, np.zeros(2, np.int32), np.array([False, True]), np.zeros(2, np.uint8)
            )
        )
        # In every third image the person is missed.
        kept = slice(1 if image % 3 == 0 else 0, 4)
        detections.append(ImageDetections(found[kept], scores[kept], np.zeros(4, int)[kept]))
    is_night = np.arange(6) % 2 == 1
    evaluation = score_detections(
        detections, truths, ("person",), image_sizes_hw=[(300, 300)] * 6, is_night=is_night
    )
    images: Any = json.loads(json.dumps(describe_images(evaluation)))
    for metric in ("miss_rate/all", "miss_rate/night", "ap50/all", "ap50/day"):
        value = evaluation.to_metrics()[metric]
        assert not np.isnan(value)
        assert make_box_score(metric, ("person",))(images) == pytest.approx(value, abs=1e-4)
    for image in images:
        image["true"] = []
    assert np.isnan(make_box_score("ap50/all", ("person",))(images))
