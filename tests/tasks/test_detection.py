"""Terms, targets and scores of detection, with networks whose answers are known."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.data.objects import ImageObjects
from mdjax.data.source import SplitSource
from mdjax.losses.detection import balanced_l1_loss, focal_loss
from mdjax.ops.boxes import encode_boxes
from mdjax.tasks.detection import DetectionTask, compute_box_loss, compute_classification_loss
from mdjax.tasks.detection_scores import ImageDetections, collect_detections, score_detections
from mdjax.train.terms import TermInputs
from mdjax.types import (
    AnchorPrediction,
    Batch,
    Detections,
    GuidanceLogits,
    MdjaxError,
    NetworkOutput,
    Objects,
)
from tests.tasks.scoring import make_split as make_split_of_records
from tests.tasks.scoring import score

IMAGE_HW = (120, 160)
ANCHORS = np.array([[20, 20, 44, 80], [60, 20, 84, 80], [100, 20, 124, 80]], np.float32)


def make_objects(num_rows: int, *boxes: tuple[float, ...]) -> Objects:
    """Objects of one image."""
    n = len(boxes)
    array = np.zeros((1, num_rows, 4), np.float32)
    array[0, :n] = np.reshape(boxes, (n, 4))
    is_valid = np.arange(num_rows)[None] < n
    return Objects(
        array, np.zeros((1, num_rows), np.int32), np.zeros((1, num_rows), bool), is_valid
    )


def make_batch(objects: Objects, image_size_hw: tuple[int, int] = IMAGE_HW) -> Batch:
    return Batch(
        visible=np.zeros((1, *IMAGE_HW, 3), np.float32),
        thermal_full=np.zeros((1, *IMAGE_HW, 1), np.float32),
        thermal_camera=np.zeros((1, *IMAGE_HW, 1), np.float32),
        truth=objects,
        image_size_hw=np.array([image_size_hw], np.int32),
        is_night=np.array([False]),
        is_valid=np.array([True]),
    )


def make_output(logits: tuple[float, ...], guidance: GuidanceLogits | None = None) -> NetworkOutput:
    prediction = AnchorPrediction(
        np.array(logits, np.float32)[None, :, None], np.zeros((1, 3, 4), np.float32), ANCHORS
    )
    return NetworkOutput(prediction, guidance=guidance)


class Oracle(nn.Module):
    """Finds the object under the anchors whose logits it is given."""

    logits: tuple[float, ...]

    def __call__(self, visible: Any, thermal: Any, *, train: bool) -> NetworkOutput:
        return make_output(self.logits)


def make_split(*records: dict, **metadata: Any) -> SplitSource:
    known = {"object_class_names": ["car", "person"], "max_objects": 2}
    return make_split_of_records(list(records), ("objects",), **{**known, **metadata})


def make_inputs(task: DetectionTask, output: NetworkOutput, objects: Objects) -> TermInputs:
    batch = make_batch(objects)
    return TermInputs(output, task.compute_targets(output, batch), batch)


def make_record(*boxes: tuple[float, ...], label: int = 1) -> dict:
    n = len(boxes)
    return {
        "name": b"0",
        "is_night": False,
        "objects": {
            "bbox_xyxy_px": np.reshape(np.array(boxes, np.float32), (n, 4)),
            "label": np.full(n, label),
            "is_ignored": np.zeros(n, bool),
            "occlusion": np.zeros(n, np.uint8),
        },
    }


@pytest.mark.slow
@pytest.mark.parametrize("assignment", ["mutual_guidance", "iou"])
def test_terms_read_the_assignment(assignment: Any) -> None:
    """The object is the first anchor, which is its only positive by either rule."""
    task = DetectionTask(assignment=assignment)
    output = make_output((0.0, -1.0, 2.0))
    inputs = make_inputs(task, output, make_objects(2, (20, 20, 44, 80)))
    targets = inputs.targets
    np.testing.assert_array_equal(targets.assignment.class_targets, [[0, -1, -1]])
    np.testing.assert_array_equal(targets.assignment.box_objects, [[0, -1, -1]])
    expected = focal_loss(output.prediction.class_logits, jnp.array([[0, -1, -1]])).value
    assert compute_classification_loss(inputs).value == pytest.approx(float(expected))
    assert compute_box_loss(inputs).value == pytest.approx(0, abs=1e-6)


def test_box_loss_is_that_of_the_object_of_each_anchor() -> None:
    """The second row is the second anchor's object, moved by 3 px; the third row is not read."""
    task = DetectionTask(assignment="iou")
    output = make_output((0.0, 0.0, 0.0))
    objects = make_objects(3, (20, 20, 44, 80), (63, 20, 87, 80))
    inputs = make_inputs(task, output, objects)
    boxes = np.array([[ANCHORS[0], [63, 20, 87, 80], ANCHORS[2]]], np.float32)
    expected = balanced_l1_loss(
        jnp.zeros((1, 3, 4)), encode_boxes(boxes, ANCHORS), jnp.array([[True, True, False]])
    ).value
    assert compute_box_loss(inputs).value == pytest.approx(float(expected))
    assert float(expected) > 0.1


@pytest.mark.slow
def test_image_without_objects_teaches_the_background_alone() -> None:
    task = DetectionTask()
    output = make_output((0.0, 0.0, 0.0))
    inputs = make_inputs(task, output, make_objects(1))
    assert compute_box_loss(inputs).value == 0
    assert compute_classification_loss(inputs).value > 0


def test_guidance_is_supervised_by_the_objects_that_are_to_be_found() -> None:
    """An object over the whole grid, then the same one ignored: other targets, another loss."""
    zeros = np.zeros((1, 6, 8, 1), np.float32)
    guidance = GuidanceLogits(zeros, zeros, np.zeros((1, 6, 8, 2), np.float32))
    output = make_output((0.0, 0.0, 0.0), guidance)
    task = DetectionTask(guidance_weight=0.5)
    terms = {term.name: term for term in task.make_terms(has_guidance=True)}
    assert list(terms) == ["classification", "box", "guidance_intra", "guidance_inter"]
    assert terms["guidance_intra"].weight == 0.5
    objects = make_objects(1, (0, 0, 160, 120))
    losses = [
        float(terms["guidance_intra"].compute(make_inputs(task, output, x)).value)
        for x in (objects, dataclasses.replace(objects, is_ignored=np.array([[True]])))
    ]
    assert losses[0] < losses[1]


def test_networks_without_gaff_have_no_guidance_terms() -> None:
    assert len(DetectionTask().make_terms(has_guidance=False)) == 2
    assert len(DetectionTask(guidance_weight=0).make_terms(has_guidance=True)) == 2


def test_perfect_detector_misses_nobody() -> None:
    """Two persons of 60 px under two anchors, found at 0.99; the third anchor says 0.001."""
    boxes = ((20, 20, 44, 80), (60, 20, 84, 80))
    split = make_split(make_record(*boxes))
    batches = [make_batch(make_objects(2, *boxes))]
    network = Oracle((5.0, 5.0, -7.0))
    evaluation = score(DetectionTask(), network, ("person",), batches, split)
    assert evaluation.describe() == "1 image, boxes scored in pixels of the image files"
    metrics = evaluation.to_metrics()
    assert metrics["miss_rate/all"] == pytest.approx(0, abs=1e-6)
    assert metrics["ap50/all"] == pytest.approx(100)
    assert np.isnan(metrics["miss_rate/night"])
    assert DetectionTask().get_main_metric(("person",)) in metrics


def test_detections_come_back_at_the_size_of_the_image_file() -> None:
    """Images of twice the width and three times the height of the working size."""
    batch = make_batch(make_objects(1), image_size_hw=(360, 320))
    found = Detections(
        np.array([[[10, 20, 30, 40], [0, 0, 0, 0]]], np.float32),
        np.array([[0.5, 0]], np.float32),
        np.array([[0, 0]]),
        np.array([[True, False]]),
    )
    (image,) = collect_detections(found, batch)
    np.testing.assert_array_equal(image.boxes_xyxy_px, [[20, 60, 60, 120]])
    np.testing.assert_array_equal(image.scores, [0.5])


def test_heights_count_in_pixels_of_the_image_file() -> None:
    """A person of 54 px is too small to be missed, one of 55 px is not."""
    for height, num_boxes in ((54, 0), (55, 1)):
        truth = ImageObjects(
            np.array([[50, 50, 70, 50 + height]], np.float32),
            np.zeros(1, np.int32),
            np.zeros(1, bool),
            np.zeros(1, np.uint8),
        )
        evaluation = score_detections(
            [ImageDetections(np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0, np.int64))],
            [truth],
            ("person",),
            image_sizes_hw=[(480, 640)],
            is_night=np.array([False]),
        )
        assert evaluation.miss_rates["person"]["all"].num_boxes == num_boxes
        assert evaluation.average_precisions["person"]["all"].num_boxes == 1


def test_several_classes_are_averaged_and_told_apart() -> None:
    """The car is found, the person is not: AP50 100 and 0."""
    box = np.array([[20, 20, 44, 80]], np.float32)
    truth = ImageObjects(
        np.concatenate([box, box + 40]), np.array([0, 1]), np.zeros(2, bool), np.zeros(2, np.uint8)
    )
    evaluation = score_detections(
        [ImageDetections(box, np.array([0.9]), np.array([0]))],
        [truth],
        ("car", "person"),
        image_sizes_hw=[IMAGE_HW],
        is_night=np.array([False]),
    )
    metrics = evaluation.to_metrics()
    assert metrics["ap50_car/all"] == pytest.approx(100)
    assert metrics["ap50_person/all"] == 0
    assert metrics["ap50/all"] == pytest.approx(50)
    table = evaluation.format_table()
    assert "person" in table
    assert "near" in table
    assert table.splitlines()[-1].endswith("55 px and higher. AP: all objects count.")


def test_split_without_objects_has_no_score_and_says_so() -> None:
    batches, split = [make_batch(make_objects(1))], make_split(make_record())
    evaluation = score(DetectionTask(), Oracle((0.0, 0.0, 0.0)), ("person",), batches, split)
    assert set(evaluation.to_metrics()) >= {"miss_rate/all", "miss_rate_python/all", "ap50/all"}
    assert np.isnan(list(evaluation.to_metrics().values())).all()
    assert evaluation.describe().endswith("no person to be found")
    assert "no person to be found" in evaluation.explain_missing_value()
    all_row = next(line for line in evaluation.format_table().splitlines() if line[:4] == "all ")
    assert all_row.split() == ["all", *"-----", "1", "0"]


def test_small_persons_have_an_average_precision_and_no_miss_rate() -> None:
    """20 px high, while 55 px count: found, AP50 is 100 %, and the message names AP50."""
    box = (20, 20, 44, 40)
    split = make_split(make_record(box))
    network = Oracle((-7.0, -7.0, -7.0))
    evaluation = score(
        DetectionTask(), network, ("person",), [make_batch(make_objects(1, box))], split
    )
    metrics = evaluation.to_metrics()
    assert np.isnan(metrics["miss_rate/all"])
    assert metrics["ap50/all"] == 0
    assert "task.main_metric ap50" in evaluation.explain_missing_value()


def test_both_rules_and_all_precisions_stand_side_by_side() -> None:
    """Two images with a person each, one found, the other without a detection.

    Matlab: one of two is missed at every rate, 50 %. Python does not count the person of an image
    without a detection: 0 missed. Two cuts of recall 0.5, precision 1: COCO's 51 of 101 recalls.
    """
    box = np.array([[20, 20, 44, 80]], np.float32)
    nothing = ImageDetections(np.zeros((0, 4), np.float32), np.zeros(0), np.zeros(0, np.int64))
    evaluation = score_detections(
        [ImageDetections(box, np.array([0.9]), np.array([0])), nothing],
        [ImageObjects(box, np.zeros(1, int), np.zeros(1, bool), np.zeros(1, np.uint8))] * 2,
        ("person",),
        image_sizes_hw=[IMAGE_HW] * 2,
        is_night=np.zeros(2, bool),
    )
    metrics = evaluation.to_metrics()
    assert metrics["miss_rate/all"] == pytest.approx(50)
    assert metrics["miss_rate_python/all"] == pytest.approx(0, abs=1e-6)
    for name in ("ap50", "ap75", "ap"):
        assert metrics[f"{name}/all"] == pytest.approx(100 * 51 / 101)
    head, row = evaluation.format_table().splitlines()[:2]
    assert " ".join(head.split()) == "person MR % MR python % AP50 % AP75 % AP % images objects"
    assert row.split() == ["all", "50.00", "0.00", "50.50", "50.50", "50.50", "2", "2"]


def test_classes_are_looked_up_by_name() -> None:
    task = DetectionTask(classes=("person",))
    reader = task.create_truth_reader(make_split())
    assert reader.dataset_class_ids == (1,)
    assert reader.max_objects == 2
    with pytest.raises(MdjaxError, match="no objects of class bike; it has car, person"):
        DetectionTask(classes=("bike",)).get_class_names(make_split())
    with pytest.raises(MdjaxError, match="has no max_objects"):
        task.create_truth_reader(make_split(max_objects=None))


def test_lower_is_better_for_mistakes_only() -> None:
    assert DetectionTask().is_lower_better
    assert not DetectionTask(main_metric="ap50").is_lower_better


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": ()}, "classes are"),
        ({"classes": ("person", "person")}, "each once"),
        ({"guidance_weight": -1.0}, "guidance_weight is -1"),
        ({"min_visible_share": 1.5}, "min_visible_share is 1.5"),
    ],
)
def test_impossible_values_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(MdjaxError, match=message):
        DetectionTask(**arguments)
