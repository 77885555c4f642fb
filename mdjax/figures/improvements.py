"""Figures 2 and 3 of the MD paper: what distillation changes, on images chosen by a rule."""

from pathlib import Path

import numpy as np

from mdjax.figures.image_choice import ChosenImage, ImageChoice, choose_by_improvement
from mdjax.figures.image_scores import compute_box_scores, compute_label_scores, judge_images
from mdjax.figures.network_checks import (
    evaluate_detector,
    evaluate_labeller,
    require_distillation,
    require_same_test_images,
)
from mdjax.figures.scenes import (
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
from mdjax.runs.loading import LoadedNetwork
from mdjax.studies.rows import DISTILLED, NATIVE
from mdjax.viz.boxes import DetectionRow, make_detection_figure
from mdjax.viz.colours import create_palette
from mdjax.viz.labels import ComparisonRow, make_comparison_figure


def draw_label_improvements(
    baseline: LoadedNetwork,
    distilled: LoadedNetwork,
    path: Path,
    *,
    baseline_name: str = NATIVE,
    num_each: int = 2,
    shows_visible: bool = True,
    data_dir: Path | None = None,
) -> ImageChoice:
    """Draw the label maps that distillation improves most, those in the middle, and the worsened.

    Figure 3 of the MD paper. Images are chosen by `choose_by_improvement`, from the scores of
    `compute_label_scores`; each row tells its rank and both scores.

    Args:
        baseline: The network to compare with, such as the native student.
        distilled: The distilled student.
        path: PNG file to write.
        baseline_name: Title of the column of `baseline`.
        num_each: Images of each of the three groups.
        shows_visible: Whether there is a column of visible images.
        data_dir: Folder of prepared data sets; by default as in training.

    Returns:
        The images that are shown.

    Raises:
        MdjaxError: `distilled` is no distillation, the networks are of another task or of
            different test images, or too few images can be scored.
    """
    config = require_distillation(distilled)
    require_same_test_images(baseline, distilled)
    evaluation = evaluate_labeller(distilled, data_dir=data_dir)
    choice = choose_by_improvement(
        compute_label_scores(evaluate_labeller(baseline, data_dir=data_dir)),
        compute_label_scores(evaluation),
        evaluation.is_night,
        num_each,
    )
    batch = gather_scenes(config, [image.index for image in choice.images], data_dir=data_dir)
    networks = {baseline_name: baseline, DISTILLED: distilled}
    predictions = {
        name: np.asarray(predict_labels(run_network(loaded, batch).prediction), np.uint8)
        for name, loaded in networks.items()
    }
    rows = [
        ComparisonRow(
            name=_name_row(image, choice, "mAcc"),
            visible_u8=convert_to_u8(batch.visible[i]) if shows_visible else None,
            thermal_camera_u8=convert_to_u8(batch.thermal_camera[i, ..., 0]),
            labels_u8=np.asarray(batch.label_maps[i]),
            predictions_u8={name: labels_u8[i] for name, labels_u8 in predictions.items()},
        )
        for i, image in enumerate(choice.images)
    ]
    class_names = distilled.class_names
    make_comparison_figure(
        rows, path, class_names=class_names, palette=create_palette(len(class_names))
    )
    return choice


def draw_box_improvements(
    baseline: LoadedNetwork,
    distilled: LoadedNetwork,
    path: Path,
    *,
    baseline_name: str = NATIVE,
    num_each: int = 2,
    shows_visible: bool = True,
    data_dir: Path | None = None,
) -> ImageChoice:
    """Draw the boxes that distillation improves most, those in the middle, and the worsened.

    Figure 2 of the MD paper. Each network shows and is scored by what it finds down to the score at
    which it makes one false detection in two test images (`find_score_threshold`). Images are
    chosen by `choose_by_improvement`, from the scores of `compute_box_scores`. Arguments as in
    `draw_label_improvements`; without visible images, boxes lie on those of the cheap camera.

    Returns:
        The images that are shown.

    Raises:
        MdjaxError: `distilled` is no distillation, the networks are of another task or of
            different test images, or too few images can be scored.
    """
    config = require_distillation(distilled)
    require_same_test_images(baseline, distilled)
    evaluations = {
        name: evaluate_detector(loaded, data_dir=data_dir)
        for name, loaded in {baseline_name: baseline, DISTILLED: distilled}.items()
    }
    thresholds = {
        name: find_score_threshold(judge_images(evaluation))
        for name, evaluation in evaluations.items()
    }
    scores = {
        name: compute_box_scores(evaluation, thresholds[name])
        for name, evaluation in evaluations.items()
    }
    is_night = evaluations[DISTILLED].is_night
    choice = choose_by_improvement(scores[baseline_name], scores[DISTILLED], is_night, num_each)
    batch = gather_scenes(config, [image.index for image in choice.images], data_dir=data_dir)
    size_hw = get_size_hw(batch.visible)
    rows = [
        DetectionRow(
            name=_name_row(image, choice, "F1"),
            visible_u8=convert_to_u8(batch.visible[i]) if shows_visible else None,
            thermal_camera_u8=convert_to_u8(batch.thermal_camera[i, ..., 0]),
            true_boxes_xyxy_px=get_true_boxes(batch, i),
            found={
                name: get_found_boxes(evaluation, image.index, thresholds[name], size_hw)
                for name, evaluation in evaluations.items()
            },
        )
        for i, image in enumerate(choice.images)
    ]
    make_detection_figure(rows, path, shows_bare=True)
    return choice


def _name_row(image: ChosenImage, choice: ImageChoice, score_name: str) -> str:
    return "\n".join(
        [
            image.group,
            f"rank {image.rank} of {choice.num_ranked}",
            name_time(image.is_night),
            f"{score_name} {image.baseline_score:.2f} → {image.distilled_score:.2f}",
        ]
    )
