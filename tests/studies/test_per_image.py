"""Results of single images give, pooled, the scores of the whole split."""

import json
from typing import Any

import numpy as np
import pytest

from mdjax.data.objects import ImageObjects
from mdjax.metrics.confusion import SegmentationScores
from mdjax.metrics.miss_rate import REASONABLE, REASONABLE_NIGHT
from mdjax.studies.per_image import describe_images, make_ap50, make_label_score, make_miss_rate
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
    metrics = evaluation.to_metrics()
    for name in ("mean_accuracy_3", "mean_iou_2", "accuracy/car"):

        def compute(scores: SegmentationScores, name: str = name) -> float:
            return scores.to_percent(NAMES)[name]

        for subset, night in (("all", None), ("day", False), ("night", True)):
            score = make_label_score(compute, is_night=night)
            assert score.compute(images) == pytest.approx(metrics[f"{name}/{subset}"])
            if night:
                assert np.isnan(score.compute(images[:1]))


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
    for metric, score in {
        "miss_rate/all": make_miss_rate(REASONABLE),
        "miss_rate/night": make_miss_rate(REASONABLE_NIGHT),
        "ap50/all": make_ap50(),
        "ap50/day": make_ap50(is_night=False),
    }.items():
        value = evaluation.to_metrics()[metric]
        assert not np.isnan(value)
        assert score.compute(images) == pytest.approx(value, abs=1e-4)
    for image in images:
        image["true"] = []
    assert np.isnan(make_ap50().compute(images))
    assert np.isnan(make_miss_rate(REASONABLE).compute(images))
