"""Boxes for the tests of detection metrics."""

from collections.abc import Sequence

import numpy as np

from mdjax.metrics.box_matching import ScoredBoxes, TrueBoxes

Xywh = Sequence[float]


def make_scored(boxes: Sequence[Xywh], scores: Sequence[float]) -> ScoredBoxes:
    return ScoredBoxes(np.array(boxes, np.float64).reshape(-1, 4), np.array(scores, np.float64))


def make_true(
    boxes: Sequence[Xywh],
    ignored: Sequence[bool] | None = None,
    occlusion: Sequence[int] | None = None,
) -> TrueBoxes:
    """Without more said, nothing is ignored and nothing occluded."""
    return TrueBoxes(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.zeros(len(boxes), bool) if ignored is None else np.array(ignored, bool),
        np.zeros(len(boxes), int) if occlusion is None else np.array(occlusion, int),
    )


def make_random_image(
    generator: np.random.Generator, num_detections: int, num_objects: int
) -> tuple[ScoredBoxes, TrueBoxes]:
    """A few objects of which some are ignored, and detections near them and elsewhere.

    Scores have two digits, so that some are equal.
    """
    corners = generator.integers(10, 60, (num_objects, 2)).astype(float)
    objects = np.concatenate([corners, generator.integers(8, 40, (num_objects, 2))], axis=1)
    anywhere = generator.uniform((0, 0, 4, 4), (60, 60, 40, 40), (num_detections, 4))
    if num_objects:
        is_near = generator.random(num_detections) < 0.7
        near = objects[generator.integers(0, num_objects, num_detections)]
        near = near + generator.normal(0, 2, near.shape)
        anywhere = np.where(is_near[:, None], near, anywhere)
    anywhere[:, 2:] = np.maximum(anywhere[:, 2:], 1)
    scores = generator.random(num_detections).round(2)
    ignored = generator.random(num_objects) < 0.25
    return (
        ScoredBoxes(anywhere, scores),
        TrueBoxes(objects, ignored, generator.integers(0, 3, num_objects)),
    )
