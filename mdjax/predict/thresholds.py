"""The score threshold of a detector in use, which is another one than in its evaluation."""

from dataclasses import replace

from mdjax.runs.trained_network import TrainedNetwork
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.task import Task
from mdjax.types import MdjaxError

DEFAULT_SCORE_THRESHOLD = 0.3


def choose_task(loaded: TrainedNetwork, score_threshold: float | None) -> Task:
    """Return the task of a network, a detector's with the threshold, by default 0.3.

    Raises:
        MdjaxError: The threshold is no score, or the network labels pixels.
    """
    task = loaded.config.task
    if isinstance(task, DetectionTask):
        return set_score_threshold(
            task, DEFAULT_SCORE_THRESHOLD if score_threshold is None else score_threshold
        )
    if score_threshold is not None:
        raise MdjaxError(
            f"{loaded.source}: this network labels pixels, which have no score; omit "
            "--score-threshold."
        )
    return task


def set_score_threshold(task: DetectionTask, score_threshold: float) -> DetectionTask:
    """Replace the lowest score of what a detector's task finds.

    Raises:
        MdjaxError: It is no score.
    """
    if not 0 <= score_threshold <= 1:
        raise MdjaxError(f"score_threshold is {score_threshold}; give 0 to 1.")
    return replace(task, nms=replace(task.nms, score_threshold=score_threshold))
