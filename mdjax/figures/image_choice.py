"""Which test images a picture shows: by a rule, never by hand."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from mdjax.types import MdjaxError


def choose_fullest(
    contents: Float[np.ndarray, " n"], is_night: Bool[np.ndarray, " n"], num_chosen: int
) -> list[int]:
    """Choose the images with most content, half of them at night; the first of equals.

    Args:
        contents: How much there is to see in each image.
        is_night: Of each image.
        num_chosen: How many; fewer where there are not enough by day or at night.

    Returns:
        Indices; those by day first, and of each half the fullest first.
    """
    groups = (np.flatnonzero(~is_night), np.flatnonzero(is_night))
    chosen = [
        group[np.argsort(-contents[group], kind="stable")][: num_chosen // 2] for group in groups
    ]
    return np.concatenate(chosen).tolist()


Group = Literal["most improved", "median", "most worsened"]


@dataclass(frozen=True)
class ChosenImage:
    """One image that a comparison of two networks shows.

    Attributes:
        index: In the test split.
        is_night: Whether it was taken at night.
        group: The part of the ranking that it stands for.
        rank: Its place by improvement, from 1, the most improved.
        baseline_score: What the other network scores on it, in [0, 1].
        distilled_score: What the distilled one scores on it, in [0, 1].
    """

    index: int
    is_night: bool
    group: Group
    rank: int
    baseline_score: float
    distilled_score: float


@dataclass(frozen=True)
class ImageChoice:
    """The images that a comparison shows, by rank, and how many they were chosen from.

    Attributes:
        images: Those chosen; as many of each group.
        num_ranked: Images that have a score of both networks.
        num_without_truth: Images left out, since there is nothing to be found in them.
    """

    images: tuple[ChosenImage, ...]
    num_ranked: int
    num_without_truth: int


def choose_by_improvement(
    baseline_scores: Float[np.ndarray, " n"],
    distilled_scores: Float[np.ndarray, " n"],
    is_night: Bool[np.ndarray, " n"],
    num_each: int,
) -> ImageChoice:
    """Choose the images that distillation improves most, those in the middle, and the worsened.

    Images are ranked by score_distilled - score_baseline, the largest first, and of equals the one
    of the lower index. Of N ranked images the first, the last and the middle m are chosen: m is
    `num_each`, or a third of N where that is less; the middle begins (N - m) // 2 after the first.
    The worst worsened comes last.

    Args:
        baseline_scores: Of each image, higher is better; NaN where there is no truth.
        distilled_scores: Of the same images.
        is_night: Of each image.
        num_each: Images of each of the three groups.

    Raises:
        MdjaxError: Fewer than three images have scores, or `num_each` is not positive.
    """
    if num_each < 1:
        raise MdjaxError(f"num_each is {num_each}; give 1 or more.")
    improvement = distilled_scores - baseline_scores
    scored = np.flatnonzero(~np.isnan(improvement))
    if len(scored) < 3:
        raise MdjaxError(
            f"{len(scored)} of {len(improvement)} test images have something to be found, but a "
            "picture of improvements shows at least 3; take another data set."
        )
    ranking = scored[np.argsort(-improvement[scored], kind="stable")]
    num = min(num_each, len(ranking) // 3)
    starts: dict[Group, int] = {
        "most improved": 0,
        "median": (len(ranking) - num) // 2,
        "most worsened": len(ranking) - num,
    }
    return ImageChoice(
        images=tuple(
            ChosenImage(
                index=int(ranking[place]),
                is_night=bool(is_night[ranking[place]]),
                group=group,
                rank=place + 1,
                baseline_score=float(baseline_scores[ranking[place]]),
                distilled_score=float(distilled_scores[ranking[place]]),
            )
            for group, start in starts.items()
            for place in range(start, start + num)
        ),
        num_ranked=len(ranking),
        num_without_truth=len(improvement) - len(ranking),
    )
