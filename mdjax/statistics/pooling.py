"""Intervals over test images that several trainings share out, by a paired bootstrap.

In cross-validation each seed tests its own part of the images. Scores such as mean accuracy or the
log-average miss rate are no means over images: the images of all seeds are pooled, and scored once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Float, Int

from mdjax.statistics.interval import CONFIDENCE, Interval, ScoreInterval
from mdjax.statistics.seeds import Estimate

Image = TypeVar("Image")
Share = TypeVar("Share")

Rows = Mapping[str, Mapping[int, Sequence[Image]]]
"""By name of the row and by seed, the results of the seed's test images, in one order for all."""


@dataclass(frozen=True)
class ImageScore(Generic[Image, Share]):
    """A score of a set of images in two parts, so that drawing images again is quick.

    Attributes:
        read: Makes of the result of an image what it adds to the score; None where it is not of
            those that are scored.
        pool: From what images add to the score in percent, of one image or more; NaN where there
            is nothing to be scored.
    """

    read: Callable[[Image], Share | None]
    pool: Callable[[Sequence[Share]], float]

    def compute(self, images: Sequence[Image]) -> float:
        """Score a set of images."""
        return self.pool_present([self.read(image) for image in images])

    def pool_present(self, shares: Sequence[Share | None]) -> float:
        """Score what images add, some of which may add nothing."""
        present = [share for share in shares if share is not None]
        return self.pool(present) if present else float("nan")


@dataclass(frozen=True)
class PooledDifference(Interval):
    """A difference between two rows over the images of all seeds that both have.

    Attributes:
        num_images: Test images of these seeds.
        num_agreeing: Seeds whose own images alone give a difference of the same sign. A bootstrap
            over few seeds is optimistic; this count is not.
    """

    num_images: int = 0
    num_agreeing: int = 0


class PairedBootstrap(Generic[Image, Share]):
    """Scores of rows, and differences between them, by one paired bootstrap.

    A draw takes as many seeds as there are, with replacement, and of each seed as many images as it
    has, with replacement; all rows are scored on the same draws. The interval is as wide as
    training and test images make it, and what two rows share cancels. Its ends are the 2.5 % and
    97.5 % quantiles of the draws.

    Args:
        rows: Results of the test images of each row and seed.
        score: What is compared.
        num_draws: Draws of the bootstrap.
        seed: Of the draws.
    """

    def __init__(
        self,
        rows: Rows[Image],
        score: ImageScore[Image, Share],
        *,
        num_draws: int = 2_000,
        seed: int = 0,
    ):
        self._rows = rows
        self._score = score
        self._num_draws = num_draws
        self._seed = seed
        self._shares: dict[tuple[str, int], list[Share | None]] = {}
        self._drawn: dict[tuple[str, tuple[int, ...]], Float[np.ndarray, " draws"]] = {}

    def estimate_score(self, row: str) -> Estimate:
        """Score the pooled images of all seeds of a row; the error is that of the draws."""
        seeds = tuple(self._rows.get(row, {}))
        if not seeds:
            return Estimate(np.nan, np.nan, 0)
        error = float(np.nanstd(self._draw(row, seeds), ddof=1)) if len(seeds) > 1 else np.nan
        return Estimate(self._score_seeds(row, seeds), error, len(seeds))

    def estimate_interval(self, row: str) -> ScoreInterval:
        """Score the pooled images of all seeds of a row; the interval is that of the draws."""
        seeds = tuple(self._rows.get(row, {}))
        if not seeds:
            return ScoreInterval(np.nan, np.nan, np.nan, 0)
        points = self._score_seeds(row, seeds)
        low = high = np.nan
        if len(seeds) > 1 and not np.isnan(points):
            low, high = _compute_ends(self._draw(row, seeds))
        return ScoreInterval(points, low, high, len(seeds))

    def estimate_difference(self, minuend: str, subtrahend: str) -> PooledDifference:
        """Estimate the difference between two rows over the seeds that both have.

        The two-sided p-value is 2 (1 + k) / (1 + n), where k of n draws have the rarer sign.

        Raises:
            ValueError: The two rows have different numbers of images of a seed.
        """
        ours, theirs = self._rows.get(minuend, {}), self._rows.get(subtrahend, {})
        seeds = tuple(at for at in ours if at in theirs)
        if any(len(ours[at]) != len(theirs[at]) for at in seeds):
            raise ValueError(f"{minuend} and {subtrahend} were tested on different images.")
        if not seeds:
            return PooledDifference(np.nan, np.nan, np.nan, 0)

        def subtract(seeds: tuple[int, ...]) -> float:
            return self._score_seeds(minuend, seeds) - self._score_seeds(subtrahend, seeds)

        points = subtract(seeds)
        if np.isnan(points):
            return PooledDifference(np.nan, np.nan, np.nan, len(seeds))
        drawn = self._draw(minuend, seeds) - self._draw(subtrahend, seeds)
        low, high = _compute_ends(drawn)
        num_rarer = min(np.sum(drawn <= 0), np.sum(drawn >= 0))
        return PooledDifference(
            points,
            low,
            high,
            len(seeds),
            p_value=min(1.0, 2 * (1 + float(num_rarer)) / (1 + np.sum(~np.isnan(drawn)))),
            num_images=sum(len(ours[at]) for at in seeds),
            num_agreeing=sum(bool(np.sign(subtract((at,))) == np.sign(points)) for at in seeds),
        )

    def _draw(self, row: str, seeds: tuple[int, ...]) -> Float[np.ndarray, " draws"]:
        """Score a row on the draws from these seeds, which are the same for every row."""
        if (row, seeds) not in self._drawn:
            shares = self._list_shares(row, seeds)
            sizes = [len(self._rows[row][at]) for at in seeds]
            draws = _draw_indices(sizes, self._num_draws, self._seed)
            self._drawn[row, seeds] = np.array(
                [self._score.pool_present([shares[i] for i in drawn]) for drawn in draws]
            )
        return self._drawn[row, seeds]

    def _score_seeds(self, row: str, seeds: tuple[int, ...]) -> float:
        return self._score.pool_present(self._list_shares(row, seeds))

    def _list_shares(self, row: str, seeds: tuple[int, ...]) -> list[Share | None]:
        for at in seeds:
            if (row, at) not in self._shares:
                self._shares[row, at] = [self._score.read(image) for image in self._rows[row][at]]
        return [share for at in seeds for share in self._shares[row, at]]


def _compute_ends(drawn: Float[np.ndarray, " draws"]) -> tuple[float, float]:
    low, high = np.nanquantile(drawn, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return float(low), float(high)


def _draw_indices(
    sizes: Sequence[int], num_draws: int, seed: int
) -> Iterator[Int[np.ndarray, " n"]]:
    """Draw seeds, then images of each, as indices into the images of all seeds."""
    rng = np.random.default_rng(seed)
    firsts = np.cumsum([0, *sizes])
    for _ in range(num_draws):
        of_seeds = rng.integers(len(sizes), size=len(sizes))
        yield np.concatenate(
            [firsts[at] + rng.integers(sizes[at], size=sizes[at]) for at in of_seeds]
        )
