"""One score of several rows, by the statistics that go with how they were tested."""

from collections.abc import Mapping
from typing import Generic

from mdjax.statistics.interval import Interval, ScoreInterval
from mdjax.statistics.pooling import Image, ImageScore, PairedBootstrap, Rows, Share
from mdjax.statistics.seeds import (
    Estimate,
    estimate_interval,
    estimate_mean,
    estimate_paired_difference,
)


class RowScores(Generic[Image, Share]):
    """One score of rows, and differences between them.

    In cross-validation scores are those of the pooled images of all seeds, with intervals by a
    paired bootstrap over seeds and images. Otherwise they are means over seeds, with Student's t.

    Args:
        images: What was scored of each test image, by row and seed.
        score: Which score.
        is_cross_validated: Whether each seed tests a part of the images.
        num_draws: Draws of the bootstrap.
    """

    def __init__(
        self,
        images: Rows[Image],
        score: ImageScore[Image, Share],
        *,
        is_cross_validated: bool,
        num_draws: int,
    ):
        self._is_cross_validated = is_cross_validated
        self._bootstrap = PairedBootstrap(images, score, num_draws=num_draws)
        self._by_seed: Mapping[str, Mapping[int, float]] = {
            row: {seed: score.compute(found) for seed, found in of_row.items()}
            for row, of_row in images.items()
        }

    def estimate(self, row: str) -> Estimate:
        """Estimate the score of a row with its standard error."""
        if self._is_cross_validated:
            return self._bootstrap.estimate_score(row)
        return estimate_mean(list(self._by_seed.get(row, {}).values()))

    def estimate_interval(self, row: str) -> ScoreInterval:
        """Estimate the score of a row with its interval."""
        if self._is_cross_validated:
            return self._bootstrap.estimate_interval(row)
        return estimate_interval(list(self._by_seed.get(row, {}).values()))

    def subtract(self, minuend: str, subtrahend: str) -> Interval:
        """Estimate the difference between two rows over the seeds that both have."""
        if self._is_cross_validated:
            return self._bootstrap.estimate_difference(minuend, subtrahend)
        ours, theirs = (self._by_seed.get(name, {}) for name in (minuend, subtrahend))
        seeds = [seed for seed in ours if seed in theirs]
        return estimate_paired_difference(
            [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
        )
