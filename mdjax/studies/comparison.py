"""Several networks over several seeds: one table, and what the difference is worth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from mdjax.runs.results import RunResult

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: Arithmetic mean.
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


def estimate_mean(values: Sequence[float]) -> Estimate:
    """Estimate a mean and its standard error, std(ddof=1) / √n."""
    n = len(values)
    error = float(np.std(values, ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    return Estimate(float(np.mean(values)), error, n)


def estimate_gain(
    distilled: Sequence[RunResult], native: Sequence[RunResult], *, split: str, metric: str
) -> Estimate:
    """Estimate distilled − native in percent points, seed by seed.

    Args:
        distilled: One result a seed.
        native: One result a seed, in the same order.
        split: Where they were scored.
        metric: Which score.
    """
    return estimate_mean(
        [
            ours.scores[split][metric] - theirs.scores[split][metric]
            for ours, theirs in zip(distilled, native, strict=True)
        ]
    )


def describe_gain(gain: Estimate, metric: str, *, is_lower_better: bool = False) -> str:
    """Say plainly whether a difference is beyond the noise of the seeds, and for better or worse.

    Args:
        gain: distilled − native.
        metric: Its name.
        is_lower_better: Whether the metric counts mistakes.
    """
    if math.isnan(gain.mean):
        return f"distilled - native: {metric} has nothing to be measured on."
    head = f"distilled - native: {gain.mean:+.2f} points of {metric}"
    if gain.num_seeds < 2:
        return f"{head}; one seed tells nothing about the noise."
    low, high = gain.mean - gain.half_interval, gain.mean + gain.half_interval
    interval = f"{head} (95 % interval over {gain.num_seeds} seeds: {low:+.2f} to {high:+.2f})"
    is_helpful, is_harmful = (high < 0, low > 0) if is_lower_better else (low > 0, high < 0)
    if is_helpful:
        return f"{interval}: distillation helps, beyond the noise."
    if is_harmful:
        return f"{interval}: distillation harms, beyond the noise."
    return f"{interval}: not beyond the noise."


def format_comparison(
    results: Mapping[str, Sequence[RunResult]],
    *,
    split: str,
    metrics: Mapping[str, str],
    milliseconds: Mapping[str, float] | None = None,
) -> str:
    """Lay out networks × scores as a Markdown table, mean ± standard error over seeds.

    Args:
        results: One result a seed, by the name of the row.
        split: Where they were scored.
        metrics: Title of the column by metric, such as {"mean_iou_9/all": "mIoU all"}.
        milliseconds: Time of one image by the name of the row.
    """
    titles = ["network", *metrics.values(), "parameters"]
    if milliseconds is not None:
        titles.append("ms / image")
    table = [titles]
    for name, runs in results.items():
        cells = [name]
        cells += [
            str(estimate_mean([run.scores[split][metric] for run in runs])) for metric in metrics
        ]
        cells.append(f"{runs[0].num_parameters / 1e6:.2f} M")
        if milliseconds is not None:
            cells.append(f"{milliseconds[name]:.1f}" if name in milliseconds else "")
        table.append(cells)
    widths = [max(len(row[i]) for row in table) for i in range(len(titles))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in table]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
