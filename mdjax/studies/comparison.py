"""Several rows over several seeds: one table, and what the differences are worth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from mdjax.runs.results import RunResult
from mdjax.types import format_count

CONFIDENCE = 0.95

SeedResults = Mapping[int, RunResult]
"""Results of one row by seed."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: Arithmetic mean; NaN for no seed.
        standard_error: Standard deviation over √n; NaN for one seed.
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

    @property
    def half_interval(self) -> float:
        """Half the width of the 95 % confidence interval, by Student's t; NaN for one seed."""
        if self.num_seeds < 2:
            return math.nan
        quantile = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, df=self.num_seeds - 1)
        return float(quantile * self.standard_error)


@dataclass(frozen=True)
class Difference:
    """Two rows that are compared seed by seed: minuend - subtrahend.

    Attributes:
        minuend: Name of the first row.
        subtrahend: Name of the row that is taken away.
        meaning: What the difference shows.
    """

    minuend: str
    subtrahend: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.minuend} - {self.subtrahend}"


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Estimate a mean and its standard error, std(ddof=1) / √n."""
    n = len(values)
    error = float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return Estimate(float(np.mean(values)) if n else math.nan, error, n)


def estimate_difference(
    difference: Difference, results: Mapping[str, SeedResults], *, split: str, metric: str
) -> Estimate:
    """Estimate a difference in percent points over the seeds that both rows have.

    Args:
        difference: Which rows.
        results: By row and seed.
        split: Where they were scored.
        metric: Which score.
    """
    ours, theirs = results[difference.minuend], results[difference.subtrahend]
    return estimate_mean(
        [
            _get_score(ours[seed], split, metric) - _get_score(theirs[seed], split, metric)
            for seed in ours
            if seed in theirs
        ]
    )


def _get_score(run: RunResult, split: str, metric: str) -> float:
    """Return a score, NaN where the data set has no such split or the run is older than it."""
    return run.scores.get(split, {}).get(metric, math.nan)


def describe_difference(
    difference: Difference, estimate: Estimate, metric: str, *, is_lower_better: bool = False
) -> str:
    """Say plainly whether a difference is beyond the noise of the seeds, and for better or worse.

    Args:
        difference: Which rows.
        estimate: Minuend - subtrahend.
        metric: Its name.
        is_lower_better: Whether the metric counts mistakes.
    """
    title = f"{difference} ({difference.meaning})"
    if math.isnan(estimate.mean):
        return f"{title}: {metric} has nothing to be measured on."
    head = f"{title}: {estimate.mean:+.2f} points of {metric}"
    if estimate.num_seeds < 2:
        return f"{head}; one seed says nothing about the noise."
    low, high = estimate.mean - estimate.half_interval, estimate.mean + estimate.half_interval
    interval = f"{head} (95 % interval over {estimate.num_seeds} seeds: {low:+.2f} to {high:+.2f})"
    is_better, is_worse = (high < 0, low > 0) if is_lower_better else (low > 0, high < 0)
    if is_better:
        return f"{interval}: better, beyond the noise."
    if is_worse:
        return f"{interval}: worse, beyond the noise."
    return f"{interval}: not beyond the noise."


def format_comparison(
    results: Mapping[str, SeedResults],
    *,
    split: str,
    metrics: Mapping[str, str],
    milliseconds: Mapping[str, float] | None = None,
) -> str:
    """Lay out networks × scores as a Markdown table, mean ± standard error over seeds.

    Args:
        results: By row and seed; a row without any finished run has empty cells.
        split: Where they were scored.
        metrics: Title of the column by metric, such as {"mean_iou_9/all": "mIoU all"}.
        milliseconds: Time of one image by the name of the row.
    """
    titles = ["network", *metrics.values(), "parameters"]
    if milliseconds is not None:
        titles.append("ms / image")
    table = [titles]
    for name, by_seed in results.items():
        runs = list(by_seed.values())
        cells = [name]
        cells += [
            str(estimate_mean([_get_score(run, split, metric) for run in runs]))
            for metric in metrics
        ]
        cells.append(f"{runs[0].num_parameters / 1e6:.2f} M" if runs else "-")
        if milliseconds is not None:
            cells.append(f"{milliseconds[name]:.1f}" if name in milliseconds else "")
        table.append(cells)
    widths = [max(len(row[i]) for row in table) for i in range(len(titles))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in table]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def describe_table(results: Mapping[str, SeedResults], *, split: str) -> str:
    """Name what the numbers of a table were measured on: split, checkpoint, image size, seeds."""
    runs = [run for by_seed in results.values() for run in by_seed.values()]
    told = dict.fromkeys(
        run.describe_split(split) if split in run.scores else f"no split {split}, so no scores"
        for run in runs
        if run.num_steps
    )
    num_seeds = max((len(by_seed) for by_seed in results.values()), default=0)
    seeds = format_count(num_seeds, "seed")
    where = "; ".join(told) if told else f"split {split}"
    return f"Percent, mean ± standard error over {seeds}; {where}."
