"""The pictures of a study: the same test images through every network."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mdjax.figures.image_scores import judge_images
from mdjax.figures.network_checks import evaluate_detector, require_distillation
from mdjax.figures.scenes import (
    choose_fullest_scenes,
    convert_to_u8,
    gather_scenes,
    get_found_boxes,
    get_true_boxes,
    name_time,
    run_network,
)
from mdjax.metrics.confusion import predict_labels
from mdjax.metrics.operating_point import find_score_threshold
from mdjax.ops.resize import get_size_hw
from mdjax.runs.config import MAIN_TEACHER
from mdjax.runs.loading import LoadedNetwork
from mdjax.studies.rows import DISTILLED, NATIVE, STUDENT, TEACHER
from mdjax.train.terms import TermInputs
from mdjax.types import Batch, NetworkOutput
from mdjax.viz.boxes import DetectionRow, make_detection_figure
from mdjax.viz.colours import create_palette
from mdjax.viz.labels import ComparisonRow, make_comparison_figure

NUM_SCENES_SHOWN = 6


class _Shown(NamedTuple):
    """Scenes, what the networks say of them, and where F-MSE looks."""

    indices: list[int]
    batch: Batch
    outputs: Mapping[str, NetworkOutput]
    masks: Float[np.ndarray, "b h w 1"] | None


def draw_label_maps(networks: Mapping[str, LoadedNetwork], path: Path) -> None:
    """Draw the scenes with most labelled pixels: images, truth, predictions, F-MSE mask.

    Args:
        networks: One per row of the study, by its name; of segmentation.
        path: PNG file to write.
    """
    shown = _show_scenes(networks)
    predictions = {name: predict_labels(out.prediction) for name, out in shown.outputs.items()}
    rows = [
        ComparisonRow(
            name=name_time(bool(shown.batch.is_night[i])),
            visible_u8=convert_to_u8(shown.batch.visible[i]),
            thermal_camera_u8=convert_to_u8(shown.batch.thermal_camera[i, ..., 0]),
            labels_u8=np.asarray(shown.batch.label_maps[i]),
            predictions_u8={
                title: np.asarray(labels[i], np.uint8) for title, labels in predictions.items()
            },
            heat=None if shown.masks is None else shown.masks[i, ..., 0],
        )
        for i in range(len(shown.indices))
    ]
    class_names = networks[DISTILLED].class_names
    make_comparison_figure(
        rows, path, class_names=class_names, palette=create_palette(len(class_names))
    )


def draw_boxes(networks: Mapping[str, LoadedNetwork], path: Path) -> None:
    """Draw the scenes with most objects by area: truth, thermal, boxes found, F-MSE mask.

    Each network shows what it is surest of, down to the score at which it makes one false detection
    in two test images: so they can be compared, however high their scores are.

    Args:
        networks: One per row of the study, by its name; of detection.
        path: PNG file to write.
    """
    shown = _show_scenes(networks)
    evaluations = {name: evaluate_detector(networks[name]) for name in shown.outputs}
    thresholds = {
        name: find_score_threshold(judge_images(evaluation))
        for name, evaluation in evaluations.items()
    }
    size_hw = get_size_hw(shown.batch.visible)
    rows = [
        DetectionRow(
            name=name_time(bool(shown.batch.is_night[i])),
            visible_u8=convert_to_u8(shown.batch.visible[i]),
            thermal_camera_u8=convert_to_u8(shown.batch.thermal_camera[i, ..., 0]),
            true_boxes_xyxy_px=get_true_boxes(shown.batch, i),
            found={
                name: get_found_boxes(evaluation, index, thresholds[name], size_hw)
                for name, evaluation in evaluations.items()
            },
            heat=None if shown.masks is None else shown.masks[i, ..., 0],
        )
        for i, index in enumerate(shown.indices)
    ]
    make_detection_figure(rows, path)


def _show_scenes(networks: Mapping[str, LoadedNetwork]) -> _Shown:
    """Show the fullest scenes, half of them at night, to all networks."""
    config = require_distillation(networks[DISTILLED])
    indices = choose_fullest_scenes(config, NUM_SCENES_SHOWN)
    batch = gather_scenes(config, indices)
    outputs = {
        name: run_network(networks[name], batch)
        for name in (TEACHER, NATIVE, STUDENT, DISTILLED)
        if name in networks
    }
    masks = config.method.compute_mask(
        TermInputs(
            output=outputs[DISTILLED],
            targets=None,
            batch=batch,
            teachers={MAIN_TEACHER: outputs[TEACHER]},
        )
    )
    return _Shown(indices, batch, outputs, None if masks is None else np.asarray(masks))
