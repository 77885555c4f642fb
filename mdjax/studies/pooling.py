"""Intervals over test images that several trainings share out, by a paired bootstrap.

In cross-validation each seed tests its own part of the images. Scores such as mean accuracy or the
log-average miss rate are no means over images: the images of all seeds are pooled, and scored once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

ImageResult = TypeVar("ImageResult")

Score = Callable[[Sequence[ImageResult]], float]
"""From the results of images to one score, in percent."""


@dataclass(frozen=True)
class PooledResults(Generic[ImageResult]):
    """What each network said of each test image.

    Attributes:
        rows: By name of the row and by seed, the results of the seed's test images, in one order
            for all rows.
    """

    rows: Mapping[str, Mapping[int, Sequence[ImageResult]]]

    def score(self, row: str, compute: Score[ImageResult], seeds: Sequence[int]) -> float:
        """Score the images of some seeds together."""
        by_seed = self.rows[row]
        return compute([image for seed in seeds for image in by_seed[seed]])


@dataclass(frozen=True)
class PooledDifference:
    """A difference between two rows over the images of all seeds that both have.

    Attributes:
        points: Minuend - subtrahend, in percent points.
        low: Lower end of the 95 % interval.
        high: Upper end.
        num_seeds: Seeds that both rows have.
        num_images: Their test images.
    """

    points: float
    low: float
    high: float
    num_seeds: int
    num_images: int


def estimate_pooled_difference(
    results: PooledResults[Any],
    minuend: str,
    subtrahend: str,
    compute: Score[Any],
    *,
    num_draws: int = 2_000,
    seed: int = 0,
) -> PooledDifference:
    """Estimate the difference between two rows, and its interval by a paired bootstrap.

    A draw takes as many seeds as there are, with replacement, and of each seed as many images as it
    has, with replacement; both rows are scored on the same draw. The interval is as wide as
    training and test images make it, and what both rows share cancels. Its ends are the 2.5 % and
    97.5 % quantiles of the draws.

    Args:
        results: Of all rows.
        minuend: Row that is hoped to be better.
        subtrahend: Row that it is compared with.
        compute: Score of a set of images; NaN where there is nothing to be scored.
        num_draws: Draws of the bootstrap.
        seed: Of the draws.
    """
    ours, theirs = results.rows[minuend], results.rows[subtrahend]
    seeds = [seed for seed in ours if seed in theirs]
    sizes = {seed: len(ours[seed]) for seed in seeds}
    if any(len(theirs[seed]) != sizes[seed] for seed in seeds):
        raise ValueError(f"{minuend} and {subtrahend} were tested on different images.")
    if not seeds:
        return PooledDifference(np.nan, np.nan, np.nan, 0, 0)
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(num_draws):
        drawn = [
            (seed, index)
            for seed in rng.choice(seeds, len(seeds))
            for index in rng.integers(sizes[seed], size=sizes[seed])
        ]
        differences.append(
            compute([ours[seed][index] for seed, index in drawn])
            - compute([theirs[seed][index] for seed, index in drawn])
        )
    low, high = np.nanquantile(differences, (0.025, 0.975))
    points = results.score(minuend, compute, seeds) - results.score(subtrahend, compute, seeds)
    return PooledDifference(points, float(low), float(high), len(seeds), sum(sizes.values()))
