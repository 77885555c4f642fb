"""Means over seeds, and differences that are paired by seed, by Student's t."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from mdjax.statistics.interval import CONFIDENCE, Interval, ScoreInterval


@dataclass(frozen=True)
class Estimate:
    """A score with its standard error.

    Attributes:
        mean: Arithmetic mean over seeds, or the score of the pooled images; NaN for no seed.
        standard_error: Standard deviation over √n, or that of the bootstrap; NaN for one seed.
        num_seeds: n.
    """

    mean: float
    standard_error: float
    num_seeds: int

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "-"
        if math.isnan(self.standard_error):
            return f"{self.mean:.2f}"
        return f"{self.mean:.2f} ± {self.standard_error:.2f}"


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Estimate a mean and its standard error, std(ddof=1) / √n."""
    n = len(values)
    error = float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return Estimate(float(np.mean(values)) if n else math.nan, error, n)


def estimate_interval(values: Sequence[float]) -> ScoreInterval:
    """Estimate a mean with its interval, x̄ ± t(0.975, n - 1) · s/√n.

    Args:
        values: Score by seed.
    """
    mean = estimate_mean(values)
    half = math.nan
    if mean.num_seeds > 1:
        quantile = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, df=mean.num_seeds - 1))
        half = quantile * mean.standard_error
    return ScoreInterval(mean.mean, mean.mean - half, mean.mean + half, mean.num_seeds)


def estimate_paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Estimate a difference that is paired by seed.

    The interval is d̄ ± t(0.975, n - 1) · s/√n, with the mean d̄ and the standard deviation s of the
    n differences; the p-value that of the paired t-test.

    Args:
        ours: Score of the minuend, by seed.
        theirs: Score of the subtrahend, of the same seeds.
    """
    differences = [mine - its for mine, its in zip(ours, theirs, strict=True)]
    estimate = estimate_mean(differences)
    ends = estimate_interval(differences)
    n = estimate.num_seeds
    if n < 2 or math.isnan(estimate.mean):
        return Interval(estimate.mean, math.nan, math.nan, n)
    p_value = 1.0 if estimate.mean == 0 else 0.0
    if estimate.standard_error > 0:
        ratio = abs(estimate.mean) / estimate.standard_error
        p_value = 2 * float(scipy.stats.t.sf(ratio, df=n - 1))
    return Interval(estimate.mean, ends.low, ends.high, n, p_value)
