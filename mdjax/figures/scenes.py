"""The test images that pictures show, and what networks say of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, UInt8

from mdjax.data.pipeline import make_evaluation_batches
from mdjax.figures.image_choice import choose_fullest
from mdjax.models.predictor import make_predictor
from mdjax.ops.boxes import compute_areas
from mdjax.ops.masks import UNLABELLED
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.splits import open_scored_split
from mdjax.tasks.detection_scores import DetectionEvaluation
from mdjax.types import IGNORED_LABEL, Batch, MdjaxError, NetworkOutput, Objects


def choose_fullest_scenes(
    config: TrainConfig, num_scenes: int, *, data_dir: Path | None = None
) -> list[int]:
    """Choose the test images with most labelled pixels or most area of objects, half at night.

    Args:
        config: Names data set, folds, working size and task.
        num_scenes: How many; fewer where there are not enough by day or at night.
        data_dir: Folder of prepared data sets; by default as in training.

    Returns:
        Indices in the test split; those by day first, and of each half the fullest first.
    """
    contents, is_night = [], []
    for batch in _iterate_test_batches(config, data_dir):
        contents.append(_measure_content(batch))
        is_night.append(np.asarray(batch.is_night))
    return choose_fullest(np.concatenate(contents), np.concatenate(is_night), num_scenes)


def gather_scenes(
    config: TrainConfig, indices: Sequence[int], *, data_dir: Path | None = None
) -> Batch:
    """Read some test images, as every evaluation reads them.

    Args:
        config: Names data set, folds, working size, thermal camera and task.
        indices: In the test split; the rows of the batch have their order.
        data_dir: Folder of prepared data sets; by default as in training.

    Raises:
        MdjaxError: The split has no such image, or none is asked for.
    """
    if not indices:
        raise MdjaxError("No test image is chosen; give the index of at least one.")
    rows: dict[int, Any] = {}
    num_seen = 0
    for batch in _iterate_test_batches(config, data_dir):
        for i in range(len(batch.is_night)):
            if num_seen + i in indices:
                rows[num_seen + i] = jax.tree.map(lambda x, i=i: np.asarray(x)[i], batch)
        num_seen += len(batch.is_night)
        if len(rows) == len(set(indices)):
            return jax.tree.map(lambda *x: np.stack(x), *(rows[index] for index in indices))
    missing = next(index for index in indices if index not in rows)
    raise MdjaxError(
        f"{config.dataset} has no test image {missing}; give indices from 0 to {num_seen - 1}."
    )


def run_network(loaded: LoadedNetwork, batch: Batch) -> NetworkOutput:
    """Return what a network says of a batch, in evaluation mode."""
    predict = make_predictor(loaded.network)
    return predict(dict(loaded.variables), *loaded.select_inputs(batch))


def get_true_boxes(batch: Batch, row: int) -> Float[np.ndarray, "g 4"]:
    """Return the boxes of the objects to be found in one image, in pixels of the working size."""
    objects = batch.objects
    return np.asarray(objects.boxes_xyxy_px[row])[_is_counted(objects)[row]]


def get_found_boxes(
    evaluation: DetectionEvaluation, index: int, min_score: float, working_size_hw: tuple[int, int]
) -> tuple[Float[np.ndarray, "n 4"], Float[np.ndarray, " n"]]:
    """Return the boxes and scores that a network found in one test image, best score first.

    Args:
        evaluation: Of the whole test split.
        index: Of the image in it.
        min_score: Detections with less are left out.
        working_size_hw: Rows and columns to whose pixels boxes are scaled.
    """
    found = evaluation.detections[index]
    is_shown = found.scores >= min_score
    height, width = evaluation.image_sizes_hw[index]
    scale = np.array([working_size_hw[1] / width, working_size_hw[0] / height] * 2, np.float32)
    return found.boxes_xyxy_px[is_shown] * scale, found.scores[is_shown]


def name_time(is_night: bool) -> str:
    """Name the time of day of an image."""
    return "night" if is_night else "day"


def convert_to_u8(image: Float[Any, "*hwc"]) -> UInt8[np.ndarray, "*hwc"]:
    """Convert an image in [0, 1] to 8 bits."""
    return np.round(np.asarray(image) * 255).astype(np.uint8)


def _iterate_test_batches(config: TrainConfig, data_dir: Path | None) -> Iterator[Batch]:
    """The test images in their order, without rows that only fill up."""
    split = open_scored_split(config, "test", data_dir=data_dir)
    reader = config.task.create_truth_reader(split)
    for batch in make_evaluation_batches(
        split, config.pipeline, reader, batch_size=config.batch_size
    ):
        is_valid = np.asarray(batch.is_valid)
        yield jax.tree.map(lambda x, rows=is_valid: np.asarray(x)[rows], batch)


def _measure_content(batch: Batch) -> Float[np.ndarray, " b"]:
    """Pixels with a label, or the area of all objects in px²."""
    if isinstance(batch.truth, Objects):
        areas = np.asarray(compute_areas(batch.objects.boxes_xyxy_px))
        return np.where(_is_counted(batch.objects), areas, 0).sum(axis=1)
    labels = np.asarray(batch.label_maps)
    is_labelled = (labels != UNLABELLED) & (labels != IGNORED_LABEL)
    return is_labelled.sum(axis=(1, 2)).astype(np.float64)


def _is_counted(objects: Objects) -> np.ndarray:
    return np.asarray(objects.is_valid) & ~np.asarray(objects.is_ignored)
