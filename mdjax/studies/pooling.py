"""Intervals over test images that several trainings share out, by a paired bootstrap.

In cross-validation each seed tests its own part of the images. Scores such as mean accuracy or the
log-average miss rate are no means over images: the images of all seeds are pooled, and scored once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from jaxtyping import Int

Image = TypeVar("Image")
Share = TypeVar("Share")

MIN_SEEDS = 3  # Fewer say next to nothing about how trainings differ.

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
class PooledDifference:
    """A difference between two rows over the images of all seeds that both have.

    Attributes:
        points: Minuend - subtrahend, in percent points.
        low: Lower end of the 95 % interval.
        high: Upper end.
        num_seeds: Seeds that both rows have.
        num_images: Their test images.
        num_agreeing: Seeds whose own images alone give a difference of the same sign. A bootstrap
            over few seeds is optimistic; this count is not.
    """

    points: float
    low: float
    high: float
    num_seeds: int
    num_images: int
    num_agreeing: int = 0

    def judge_claim(
        self, *, is_lower_better: bool = False
    ) -> Literal["confirmed", "refuted", "open"]:
        """Say what the difference makes of the claim that the minuend is better.

        Confirmed where the whole interval lies on the claimed side, refuted where it lies on the
        other, and open between; open too with fewer than three seeds.

        Args:
            is_lower_better: Whether the score counts mistakes.
        """
        low, high = (-self.high, -self.low) if is_lower_better else (self.low, self.high)
        if self.num_seeds < MIN_SEEDS:
            return "open"
        return "confirmed" if low > 0 else "refuted" if high < 0 else "open"


def estimate_pooled_difference(
    rows: Rows[Any],
    minuend: str,
    subtrahend: str,
    score: ImageScore[Any, Any],
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
        rows: Of the study.
        minuend: Row that is hoped to be better.
        subtrahend: Row that it is compared with.
        score: What is compared.
        num_draws: Draws of the bootstrap.
        seed: Of the draws.

    Raises:
        ValueError: The two rows have different numbers of images of a seed.
    """
    seeds = [at for at in rows[minuend] if at in rows[subtrahend]]
    sizes = [len(rows[minuend][at]) for at in seeds]
    if any(len(rows[subtrahend][at]) != size for at, size in zip(seeds, sizes, strict=True)):
        raise ValueError(f"{minuend} and {subtrahend} were tested on different images.")
    if not seeds:
        return PooledDifference(np.nan, np.nan, np.nan, 0, 0)
    ours, theirs = (
        [score.read(image) for at in seeds for image in rows[row][at]]
        for row in (minuend, subtrahend)
    )

    def subtract(drawn: Int[np.ndarray, " n"]) -> float:
        mine, its = ([shares[i] for i in drawn] for shares in (ours, theirs))
        return score.pool_present(mine) - score.pool_present(its)

    rng = np.random.default_rng(seed)
    firsts = np.cumsum([0, *sizes])

    def draw() -> Int[np.ndarray, " n"]:
        of_seeds = rng.integers(len(seeds), size=len(seeds))
        return np.concatenate(
            [firsts[at] + rng.integers(sizes[at], size=sizes[at]) for at in of_seeds]
        )

    differences = [subtract(draw()) for _ in range(num_draws)]
    low, high = np.nanquantile(differences, (0.025, 0.975))
    points = subtract(np.arange(len(ours)))
    of_seeds = [
        subtract(np.arange(first, first + size)) for first, size in zip(firsts, sizes, strict=False)
    ]
    num_agreeing = sum(bool(np.sign(one) == np.sign(points)) for one in of_seeds)
    return PooledDifference(
        points, float(low), float(high), len(seeds), len(ours), num_agreeing=num_agreeing
    )
