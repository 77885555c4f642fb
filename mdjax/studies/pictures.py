"""The pictures of a study: the same test images through every network."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from mdjax.data.pipeline import make_evaluation_batches
from mdjax.metrics.box_matching import (
    ScoredBoxes,
    TrueBoxes,
    compute_overlaps,
    judge_detections,
)
from mdjax.metrics.confusion import predict_labels
from mdjax.metrics.miss_rate import MIN_IOU
from mdjax.models.predictor import make_predictor
from mdjax.ops.boxes import compute_areas
from mdjax.ops.masks import UNLABELLED
from mdjax.ops.nms import compute_detections
from mdjax.ops.resize import get_size_hw
from mdjax.runs.config import MAIN_TEACHER, DistillConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.splits import open_scored_split
from mdjax.studies.rows import DISTILLED, NATIVE, STUDENT, TEACHER
from mdjax.tasks.detection import DetectionTask
from mdjax.train.terms import TermInputs
from mdjax.types import (
    IGNORED_LABEL,
    Batch,
    Detections,
    MdjaxError,
    NetworkOutput,
    Objects,
)
from mdjax.viz.boxes import DetectionRow, make_detection_figure
from mdjax.viz.colours import create_palette
from mdjax.viz.labels import ComparisonRow, make_comparison_figure

NUM_SCENES_SHOWN = 6


class _Shown(NamedTuple):
    """Scenes, what the networks say of them, and where F-MSE looks."""

    batch: Batch
    outputs: Mapping[str, NetworkOutput]
    masks: Float[np.ndarray, "b h w 1"] | None


def draw_label_maps(networks: Mapping[str, LoadedNetwork], path: Path) -> None:
    """Draw the scenes with most labelled pixels: images, truth, predictions, F-MSE mask.

    Args:
        networks: One per row of the study, by its name; of segmentation.
        path: PNG file to write.
    """
    batch = _open_test_scenes(networks)
    labels = np.asarray(batch.label_maps)
    is_labelled = (labels != UNLABELLED) & (labels != IGNORED_LABEL)
    shown = _run(networks, batch, is_labelled.sum(axis=(1, 2)))
    predictions = {name: predict_labels(out.prediction) for name, out in shown.outputs.items()}
    rows = [
        ComparisonRow(
            name=_name_time(shown.batch, i),
            visible_u8=_to_u8(shown.batch.visible[i]),
            thermal_camera_u8=_to_u8(shown.batch.thermal_camera[i, ..., 0]),
            labels_u8=np.asarray(shown.batch.label_maps[i]),
            predictions_u8={
                title: np.asarray(labels[i], np.uint8) for title, labels in predictions.items()
            },
            heat=None if shown.masks is None else shown.masks[i, ..., 0],
        )
        for i in range(len(shown.batch.is_night))
    ]
    class_names = networks[DISTILLED].class_names
    make_comparison_figure(
        rows, path, class_names=class_names, palette=create_palette(len(class_names))
    )


def draw_boxes(
    networks: Mapping[str, LoadedNetwork], path: Path, *, shows_visible: bool = True
) -> None:
    """Draw the scenes with most objects by area: truth, thermal, boxes found, F-MSE mask.

    Each network shows what it is surest of, down to the score at which it makes one false detection
    in two test images: so they can be compared, however high their scores are.

    Args:
        networks: One per row of the study, by its name; of detection.
        path: PNG file to write.
        shows_visible: Whether boxes lie on the visible images; on the coarse thermal ones if not.
    """
    batch = _open_test_scenes(networks)
    areas = np.asarray(compute_areas(batch.objects.boxes_xyxy_px))
    is_true = np.asarray(batch.objects.is_valid & ~np.asarray(batch.objects.is_ignored))
    shown = _run(networks, batch, np.where(is_true, areas, 0).sum(axis=1))
    objects = shown.batch.objects
    is_true = np.asarray(objects.is_valid & ~np.asarray(objects.is_ignored))
    size_hw = get_size_hw(shown.batch.visible)
    options = _get_task(networks).nms
    detections = {}
    for name, output in shown.outputs.items():
        everywhere = _apply(networks[name], batch).prediction
        threshold = find_score_threshold(
            compute_detections(everywhere, size_hw, options), batch.objects
        )
        detections[name] = compute_detections(
            output.prediction, size_hw, replace(options, score_threshold=threshold)
        )
    rows = [
        DetectionRow(
            name=_name_time(shown.batch, i),
            visible_u8=_to_u8(shown.batch.visible[i]) if shows_visible else None,
            thermal_camera_u8=_to_u8(shown.batch.thermal_camera[i, ..., 0]),
            true_boxes_xyxy_px=np.asarray(objects.boxes_xyxy_px[i])[is_true[i]],
            found={
                name: (
                    np.asarray(found.boxes_xyxy_px[i])[np.asarray(found.is_valid[i])],
                    np.asarray(found.scores[i])[np.asarray(found.is_valid[i])],
                )
                for name, found in detections.items()
            },
            heat=None if shown.masks is None else shown.masks[i, ..., 0],
        )
        for i in range(len(shown.batch.is_night))
    ]
    make_detection_figure(rows, path)


def find_score_threshold(found: Detections, objects: Objects) -> float:
    """Return the score from which on there is at most one false detection in two images.

    Args:
        found: In all images.
        objects: In the same images.
    """
    false_scores = [np.zeros(0)]
    for i in range(len(objects.is_valid)):
        kept, there = np.asarray(found.is_valid[i]), np.asarray(objects.is_valid[i])
        is_ignored = np.asarray(objects.is_ignored[i])[there]
        scored = ScoredBoxes.from_xyxy(
            np.asarray(found.boxes_xyxy_px[i])[kept], np.asarray(found.scores[i])[kept]
        )
        true = TrueBoxes.from_xyxy(np.asarray(objects.boxes_xyxy_px[i])[there], is_ignored)
        outcome = judge_detections(compute_overlaps(scored, true), is_ignored, MIN_IOU)
        false_scores.append(outcome.scores[~outcome.is_true])
    descending = np.sort(np.concatenate(false_scores))[::-1]
    num_allowed = len(objects.is_valid) // 2
    if len(descending) <= num_allowed:
        return 0.0
    return float(np.nextafter(np.float32(descending[num_allowed]), np.float32(2)))


def _get_task(networks: Mapping[str, LoadedNetwork]) -> DetectionTask:
    student = networks[DISTILLED]
    if not isinstance(student.config.task, DetectionTask):
        raise MdjaxError(f"{student.run_dir} is not a detector; boxes cannot be drawn.")
    return student.config.task


def _open_test_scenes(networks: Mapping[str, LoadedNetwork]) -> Batch:
    config = networks[DISTILLED].config
    split = open_scored_split(config, "test")
    reader = config.task.create_truth_reader(split)
    return next(make_evaluation_batches(split, config.pipeline, reader, batch_size=len(split)))


def _run(networks: Mapping[str, LoadedNetwork], batch: Batch, interest: np.ndarray) -> _Shown:
    """Show the scenes of most interest, half of them at night, to all networks."""
    student = networks[DISTILLED]
    if not isinstance(student.config, DistillConfig):
        raise MdjaxError(f"{student.run_dir} is no distillation.")
    chosen = _choose(interest, np.asarray(batch.is_night))
    batch = jax.tree.map(lambda x: x[chosen], batch)
    outputs = {
        name: _apply(networks[name], batch)
        for name in (TEACHER, NATIVE, STUDENT, DISTILLED)
        if name in networks
    }
    masks = student.config.method.compute_mask(
        TermInputs(
            output=outputs[DISTILLED],
            targets=None,
            batch=batch,
            teachers={MAIN_TEACHER: outputs[TEACHER]},
        )
    )
    return _Shown(batch, outputs, None if masks is None else np.asarray(masks))


def _choose(interest: np.ndarray, is_night: Bool[np.ndarray, " b"]) -> np.ndarray:
    groups = (np.flatnonzero(~is_night), np.flatnonzero(is_night))
    return np.concatenate(
        [
            group[np.argsort(-interest[group], kind="stable")][: NUM_SCENES_SHOWN // 2]
            for group in groups
        ]
    )


def _apply(loaded: LoadedNetwork, batch: Batch) -> Any:
    predict = make_predictor(loaded.network)
    return predict(dict(loaded.variables), *loaded.select_inputs(batch))


def _name_time(batch: Batch, index: int) -> str:
    return "night" if batch.is_night[index] else "day"


def _to_u8(image: Any) -> np.ndarray:
    return np.round(np.asarray(image) * 255).astype(np.uint8)
