"""Rows that are compared seed by seed, and their scores as one table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mdjax.runs.results import RunResult
from mdjax.statistics.interval import Interval
from mdjax.statistics.seeds import estimate_mean, estimate_paired_difference
from mdjax.types import format_count

SeedResults = Mapping[int, RunResult]
"""Results of one row by seed."""


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

    @property
    def title(self) -> str:
        """What is compared, and what for."""
        return f"{self} ({self.meaning})"


def estimate_difference(
    difference: Difference, results: Mapping[str, SeedResults], *, split: str, metric: str
) -> Interval:
    """Estimate a difference in percent points over the seeds that both rows have.

    Args:
        difference: Which rows.
        results: By row and seed.
        split: Where they were scored.
        metric: Which score.
    """
    ours, theirs = results[difference.minuend], results[difference.subtrahend]
    seeds = [seed for seed in ours if seed in theirs]
    return estimate_paired_difference(
        [_get_score(ours[seed], split, metric) for seed in seeds],
        [_get_score(theirs[seed], split, metric) for seed in seeds],
    )


def _get_score(run: RunResult, split: str, metric: str) -> float:
    """Return a score, NaN where the data set has no such split or the run is older than it."""
    return run.scores.get(split, {}).get(metric, math.nan)


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
    """Name what the numbers of a table were measured on: split, checkpoint, image size, seeds.

    Rows of fewer seeds than the others, such as a teacher of all of them, are named.
    """
    runs = [run for by_seed in results.values() for run in by_seed.values()]
    told = dict.fromkeys(
        run.describe_split(split) if split in run.scores else f"no split {split}, so no scores"
        for run in runs
        if run.num_steps
    )
    num_seeds = max((len(by_seed) for by_seed in results.values()), default=0)
    seeds = format_count(num_seeds, "seed")
    fewer = [
        f"{name} {len(by_seed)}" for name, by_seed in results.items() if len(by_seed) < num_seeds
    ]
    if fewer:
        seeds += f" ({', '.join(fewer)})"
    where = "; ".join(told) if told else f"split {split}"
    return f"Percent, mean ± standard error over {seeds}; {where}."
