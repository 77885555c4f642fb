"""What an exported network answers, as its task interprets predictions."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.ops.nms import NmsOptions, compute_nms
from mdjax.runs.config import TaskConfig
from mdjax.tasks.detection import DetectionTask
from mdjax.types import AnchorPrediction, Detections, MdjaxError

Outputs = Mapping[str, np.ndarray]
"""Of a batch, by name; images have their channels last."""
ReadAnswer = Callable[[Outputs], Any]
"""From outputs to what `Task.interpret` makes of a prediction, on the host."""


def make_answer_reader(
    head_name: str,
    task: TaskConfig,
    *,
    trained_task: TaskConfig,
    num_classes: int,
    working_size_hw: tuple[int, int],
) -> ReadAnswer:
    """Make what reads the answers of a network that was exported with a head, see `list_heads`.

    Args:
        head_name: Of the head.
        task: How predictions are interpreted, such as with another score threshold.
        trained_task: Of the network, which its export followed.
        num_classes: Of its classes.
        working_size_hw: Rows and columns of what it sees.

    Raises:
        MdjaxError: The export has left out what is asked for.
    """
    if isinstance(task, DetectionTask) and isinstance(trained_task, DetectionTask):
        if head_name == "nms":
            _check_threshold(task.nms, trained_task.nms)
        return {
            "boxes": _make_box_reader(task.nms),
            "raw": _make_raw_reader(task, working_size_hw),
            "nms": lambda outputs: _read_detections(outputs, task.nms),
        }[head_name]
    one_hot = np.eye(num_classes, dtype=np.float32)
    return {
        "logits": lambda outputs: np.asarray(outputs["logits"], np.float32),
        "classes": lambda outputs: one_hot[outputs["classes"]],
    }[head_name]


def _make_box_reader(nms: NmsOptions) -> ReadAnswer:
    select = jax.jit(lambda boxes, scores: compute_nms(boxes, scores, nms))
    return lambda outputs: jax.device_get(select(outputs["boxes_xyxy_px"], outputs["scores"]))


def _make_raw_reader(task: DetectionTask, working_size_hw: tuple[int, int]) -> ReadAnswer:
    @jax.jit
    def interpret(class_logits: Any, box_offsets: Any, anchors_xyxy_px: Any) -> Detections:
        prediction = AnchorPrediction(class_logits, box_offsets, anchors_xyxy_px)
        return task.interpret(prediction, working_size_hw)

    def read(outputs: Outputs) -> Detections:
        names = ("class_logits", "box_offsets", "anchors_xyxy_px")
        return jax.device_get(interpret(*(jnp.asarray(outputs[name]) for name in names)))

    return read


def _read_detections(outputs: Outputs, nms: NmsOptions) -> Detections:
    """Bring detections of one image [n], or of several [b n], to the number of rows of a task."""
    boxes_xyxy_px, scores, class_ids = (
        np.asarray(outputs[name]) for name in ("boxes_xyxy_px", "scores", "class_ids")
    )
    is_valid = np.asarray(outputs.get("is_valid", np.ones(scores.shape, bool)))
    if scores.ndim == 1:
        boxes_xyxy_px, scores, class_ids, is_valid = (
            x[None] for x in (boxes_xyxy_px, scores, class_ids, is_valid)
        )
    num_rows = nms.max_detections
    missing = max(0, num_rows - scores.shape[1])

    def fill(x: np.ndarray) -> np.ndarray:
        widths = [(0, 0), (0, missing), *[(0, 0)] * (x.ndim - 2)]
        return np.pad(x, widths)[:, :num_rows]

    # Suppression goes by the scores: what a higher threshold leaves out had no part in it.
    is_valid = is_valid & (scores >= nms.score_threshold)
    return Detections(
        boxes_xyxy_px=fill(boxes_xyxy_px),
        scores=fill(scores),
        class_ids=fill(class_ids.astype(np.int32)),
        is_valid=fill(is_valid),
    )


def _check_threshold(wanted: NmsOptions, exported: NmsOptions) -> None:
    if wanted.score_threshold < exported.score_threshold:
        raise MdjaxError(
            f"score_threshold is {wanted.score_threshold}, but the export (--head nms) has left "
            f"out boxes below {exported.score_threshold}; give no lower one, or export with "
            "--head boxes."
        )
