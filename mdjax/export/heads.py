"""What an exported network answers with: raw predictions, or what is made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from mdjax.ops.boxes import (
    MAX_LOG_SIZE_RATIO,
    BoxCoding,
    clip_boxes,
    compute_areas,
    decode_boxes,
)
from mdjax.ops.nms import NmsOptions
from mdjax.runs.config import TaskConfig
from mdjax.tasks.detection import DetectionTask
from mdjax.types import AnchorPrediction, MdjaxError


@dataclass(frozen=True)
class Output:
    """An output of an exported program.

    Attributes:
        axes: Letters in their order, channels or classes last.
        says: Meaning, unit and range.
    """

    axes: str
    says: str


@dataclass(frozen=True)
class ExportHead:
    """What is made of a prediction inside the exported program.

    Attributes:
        answer: From a prediction and the working size to the outputs by name.
        outputs: What each is, by name.
        nms: How boxes are selected behind these outputs; None where they are not.
    """

    answer: Callable[[Any, tuple[int, int]], Mapping[str, jax.Array]]
    outputs: Mapping[str, Output]
    nms: NmsOptions | None = None


def list_heads(task: TaskConfig) -> dict[str, ExportHead]:
    """List the heads that a network of a task can be exported with; the first one is the usual."""
    if isinstance(task, DetectionTask):
        return {
            "boxes": ExportHead(_decode, _BOXES),
            "raw": ExportHead(_separate, _RAW),
            "nms": ExportHead(_decode_real_boxes, _DETECTIONS, task.nms),
        }
    return {
        "logits": ExportHead(lambda logits, _: {"logits": logits}, _LOGITS),
        "classes": ExportHead(_classify, _CLASSES),
    }


def choose_head(task: TaskConfig, name: str | None) -> tuple[str, ExportHead]:
    """Find a head by its name; None is the usual one.

    Raises:
        MdjaxError: The task has no such head.
    """
    heads = list_heads(task)
    name = name or next(iter(heads))
    if name not in heads:
        raise MdjaxError(
            f"there is no head {name!r} for this network; give --head {' or '.join(heads)}."
        )
    return name, heads[name]


_CODING = BoxCoding()
_CORNERS = "left, top, right, bottom in pixels of an image of the size working_size_wh"
_LOGITS = {"logits": Output("b h w k", "the class of a pixel is the one of its greatest logit")}
_CLASSES = {"classes": Output("b h w", "class id of each pixel")}
_RAW = {
    "class_logits": Output("b a k", "a sigmoid makes them scores"),
    "box_offsets": Output(
        "b a 4",
        "(dx, dy, dw, dh): the box of an anchor with centre (x, y), width w and height h has its "
        f"centre at (x + {_CODING.center_variance:g} dx w, y + {_CODING.center_variance:g} dy h), "
        f"the width w exp({_CODING.size_variance:g} dw) and the height "
        f"h exp({_CODING.size_variance:g} dh); no exponent is above {MAX_LOG_SIZE_RATIO:g}",
    ),
    "anchors_xyxy_px": Output("a 4", _CORNERS),
}
_BOXES = {
    "boxes_xyxy_px": Output("b a 4", _CORNERS),
    "scores": Output("b a k", "in [0, 1]; duplicates are not suppressed"),
}
_DETECTIONS = {
    "boxes_xyxy_px": Output("b n 4", _CORNERS),
    "scores": Output("b n", "in [0, 1], best first"),
    "class_ids": Output("b n", "class of each box"),
}
IS_VALID = {"is_valid": Output("b n", "false in rows that only fill up: there is no box")}
"""What selected boxes have besides, where all images have equally many rows."""


def _classify(logits: Any, working_size_hw: tuple[int, int]) -> Mapping[str, jax.Array]:
    del working_size_hw
    return {"classes": jnp.argmax(logits, axis=-1).astype(jnp.uint8)}


def _separate(
    prediction: AnchorPrediction, working_size_hw: tuple[int, int]
) -> Mapping[str, jax.Array]:
    del working_size_hw
    return {name: jnp.asarray(getattr(prediction, name)) for name in _RAW}


def _decode(
    prediction: AnchorPrediction, working_size_hw: tuple[int, int]
) -> Mapping[str, jax.Array]:
    boxes = decode_boxes(prediction.box_offsets, prediction.anchors_xyxy_px)
    return {
        "boxes_xyxy_px": jnp.asarray(clip_boxes(boxes, working_size_hw)),
        "scores": jax.nn.sigmoid(prediction.class_logits),
    }


def _decode_real_boxes(
    prediction: AnchorPrediction, working_size_hw: tuple[int, int]
) -> Mapping[str, jax.Array]:
    """Empty boxes, such as those outside the image, get the score 0: they are never selected."""
    decoded = _decode(prediction, working_size_hw)
    is_real = compute_areas(decoded["boxes_xyxy_px"])[..., None] > 0
    return {**decoded, "scores": jnp.where(is_real, decoded["scores"], 0.0)}
