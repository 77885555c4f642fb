"""One whole distillation step of the detector agrees with the PyTorch twin of `tests/golden`.

Mutual Guidance, both task losses, both transfer losses, gradients and running statistics; both
compute in float64.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from mdjax.losses.detection import balanced_l1_loss, focal_loss
from mdjax.losses.ratio import Ratio
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.network import select_camera_thermal, select_full_thermal
from mdjax.models.networks import FeatureLevel, MdStudent
from mdjax.ops.anchors import AnchorOptions
from mdjax.ops.assignment import Assignment, compute_mutual_assignment
from mdjax.ops.boxes import encode_boxes
from mdjax.train.step import make_distill_step
from mdjax.train.teacher import Teacher
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import Batch, NetworkOutput, Objects
from tests.golden.linen import find_mismatches, to_nhwc
from tests.golden.numbers import CLASS_IDS, OBJECTS, create_images, load_golden
from tests.models.factories import create_detection_head
from tests.train.test_torch_parity import (
    create_backbone,
    create_network_variables,
    create_recorder,
    run_step,
    tolerance,
    watch,
)

pytestmark = [pytest.mark.usefixtures("float64"), pytest.mark.slow]

NUM_ROWS = 3
"""More than any image has objects, so that some rows only fill up."""


def create_objects() -> Objects:
    boxes = np.zeros((2, NUM_ROWS, 4), np.float32)
    class_ids = np.zeros((2, NUM_ROWS), np.int32)
    is_valid = np.zeros((2, NUM_ROWS), bool)
    for image, (rows, ids) in enumerate(zip(OBJECTS, CLASS_IDS, strict=True)):
        boxes[image, : len(rows)] = rows
        class_ids[image, : len(rows)] = ids
        is_valid[image, : len(rows)] = True
    return Objects(boxes, class_ids, np.zeros_like(is_valid), is_valid)


def create_batch() -> Batch:
    """The twin's images, NHWC, and its objects."""
    images = create_images("detection_step", 2, 32, 48)
    del images["labels"]
    return Batch(
        truth=create_objects(),
        image_size_hw=jnp.array([[32, 48]] * 2),
        is_night=jnp.array([False, True]),
        is_valid=jnp.array([True, True]),
        **{key: to_nhwc(x) for key, x in images.items()},
    )


def assign(output: NetworkOutput, batch: Batch) -> Assignment:
    assert isinstance(batch.truth, Objects)
    return compute_mutual_assignment(output.prediction, batch.truth)


def compute_focal(inputs: TermInputs) -> Ratio:
    output = inputs.output
    return focal_loss(output.prediction.class_logits, assign(output, inputs.batch).class_targets)


def compute_balanced_l1(inputs: TermInputs) -> Ratio:
    output, batch = inputs.output, inputs.batch
    rows = assign(output, batch).box_objects
    prediction = output.prediction
    boxes = jnp.take_along_axis(batch.truth.boxes_xyxy_px, jnp.maximum(rows, 0)[..., None], axis=1)
    targets = encode_boxes(boxes, prediction.anchors_xyxy_px)
    return balanced_l1_loss(prediction.box_offsets, targets, rows >= 0)


def test_detection_distillation_step_agrees_with_twin() -> None:
    """Two overlapping persons of two classes in one image, one in the other."""
    batch = create_batch()
    backbone = create_backbone()
    head = create_detection_head(backbone, 2, AnchorOptions((12, 20, 28)))
    teacher = FeatureLevel(backbone, head)
    student = MdStudent(backbone, head.clone())
    method = ModalityDistillation()
    diagnostics: dict[str, Any] = {
        "class_logits": lambda inputs: watch(inputs.output.prediction.class_logits),
        "box_offsets": lambda inputs: watch(inputs.output.prediction.box_offsets),
        "teacher_class_logits": lambda inputs: watch(inputs.get_teacher().prediction.class_logits),
        "teacher_box_offsets": lambda inputs: watch(inputs.get_teacher().prediction.box_offsets),
        "class_targets": lambda inputs: watch(assign(inputs.output, batch).class_targets),
        "box_objects": lambda inputs: watch(assign(inputs.output, batch).box_objects),
    }
    teacher_variables = create_network_variables("detection_teacher", teacher, batch)
    step = make_distill_step(
        student,
        {"teacher": Teacher(teacher, teacher_variables, select_full_thermal)},
        create_recorder(),
        (
            LossTerm("focal", 1.0, compute_focal),
            LossTerm("balanced_l1", 1.0, compute_balanced_l1),
            *method.make_terms(),
        ),
        select_inputs=select_camera_thermal,
        seed=0,
        diagnostics=diagnostics,
    )
    variables = create_network_variables("detection_student", student, batch)
    metrics, leaves = run_step(step, variables, batch)
    results = leaves | {
        "total": metrics["loss"],
        "focal": metrics["loss/focal"],
        "balanced_l1": metrics["loss/balanced_l1"],
        "attention": metrics["loss/attention_transfer"],
        "semantic": metrics["loss/semantic_transfer"],
    }
    results |= {key: metrics[key] for key in diagnostics}
    assert find_mismatches(load_golden("detection_step"), results, tolerance) == {}
