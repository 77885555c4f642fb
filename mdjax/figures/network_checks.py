"""Networks that pictures compare: of the right task, and tested on the same images."""

from pathlib import Path

from mdjax.runs.config import DistillConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.scoring import evaluate_network
from mdjax.tasks.detection_scores import DetectionEvaluation
from mdjax.tasks.segmentation_scores import SegmentationEvaluation
from mdjax.types import MdjaxError


def require_distillation(loaded: LoadedNetwork) -> DistillConfig:
    """Return the configuration of a distilled student.

    Raises:
        MdjaxError: It was trained without a teacher.
    """
    if not isinstance(loaded.config, DistillConfig):
        raise MdjaxError(
            f"{loaded.run_dir}: is no distillation; give the run directory of a distilled student."
        )
    return loaded.config


def require_same_test_images(first: LoadedNetwork, second: LoadedNetwork) -> None:
    """Refuse two networks whose outputs on a test image cannot be laid side by side.

    Data set, folds, classes and working size have to be equal; so has the cheap camera, where both
    see its image.

    Raises:
        MdjaxError: Something differs; the message names it.
    """
    a, b = first.config, second.config
    pairs = {
        "data set": (a.dataset, b.dataset),
        "folds": (a.folds, b.folds),
        "classes": (first.class_names, second.class_names),
        "pipeline.image_size_hw": (a.pipeline.image_size_hw, b.pipeline.image_size_hw),
    }
    if a.network.sees_camera and b.network.sees_camera:
        pairs["pipeline.camera"] = (a.pipeline.camera, b.pipeline.camera)
    for what, (of_first, of_second) in pairs.items():
        if of_first != of_second:
            raise MdjaxError(
                f"{first.run_dir} and {second.run_dir} cannot be compared image by image: their "
                f"{what} differ, {of_first} and {of_second}. Give two runs of one study and seed."
            )


def evaluate_detector(
    loaded: LoadedNetwork, *, data_dir: Path | None = None
) -> DetectionEvaluation:
    """Score a detector on the test split.

    Args:
        loaded: From `load_network`.
        data_dir: Folder of prepared data sets; by default as in training.

    Raises:
        MdjaxError: It is no detector.
    """
    evaluation = evaluate_network(loaded, data_dir=data_dir)
    if not isinstance(evaluation, DetectionEvaluation):
        raise MdjaxError(f"{loaded.run_dir}: is not a detector; its label maps are drawn instead.")
    return evaluation


def evaluate_labeller(
    loaded: LoadedNetwork, *, data_dir: Path | None = None
) -> SegmentationEvaluation:
    """Score a segmentation network on the test split; arguments as in `evaluate_detector`.

    Raises:
        MdjaxError: It labels no pixels.
    """
    evaluation = evaluate_network(loaded, data_dir=data_dir)
    if not isinstance(evaluation, SegmentationEvaluation):
        raise MdjaxError(f"{loaded.run_dir}: is a detector; its boxes are drawn instead.")
    return evaluation
