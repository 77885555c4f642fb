"""What a study leaves behind: one table for people, one JSON file for programs."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.io.json_file import write_json, write_text
from mdjax.io.write_failure import make_folder
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.studies.comparison import (
    Difference,
    describe_table,
    estimate_difference,
    format_comparison,
)
from mdjax.studies.rows import DIFFERENCES
from mdjax.studies.study import StudyResults
from mdjax.studies.timing import measure_milliseconds


@dataclass(frozen=True)
class Columns:
    """Which scores a table shows, and which of them decide.

    Attributes:
        titles: Title of the column by metric.
        judged: Metrics whose differences are spelt out; all of the titles by default.
        lower_is_better: Metrics that count mistakes.
    """

    titles: Mapping[str, str]
    judged: Sequence[str] = ()
    lower_is_better: Sequence[str] = ()

    def __post_init__(self):
        if unknown := {*self.judged, *self.lower_is_better} - set(self.titles):
            raise ValueError(f"{sorted(unknown)} are judged, but are not in the table.")


@dataclass(frozen=True)
class StudyReport:
    """What a study says.

    Attributes:
        heading: What the numbers were measured on.
        table: Networks by scores, parameters and time.
        verdicts: What each difference is worth, a line a metric.
        failures: Runs that could not be finished, a line each.
        values: All of it for programs.
    """

    heading: str
    table: str
    verdicts: tuple[str, ...]
    failures: tuple[str, ...]
    values: Mapping[str, Any]

    def format_text(self) -> str:
        """Lay everything out as Markdown."""
        lines = [self.heading, "", self.table, ""]
        lines += [f"- {verdict}" for verdict in self.verdicts]
        if self.failures:
            lines += ["", *(f"- FAILED: {failure}" for failure in self.failures)]
        return "\n".join(lines)


def load_first_networks(results: StudyResults) -> dict[str, LoadedNetwork]:
    """Load the networks of one seed, the first of those that finished most rows.

    All are of one seed, so that a student stands beside its own teacher.
    """
    num_rows = Counter(seed for by_seed in results.runs.values() for seed in by_seed)
    if not num_rows:
        return {}
    most = max(num_rows.values())
    first = min(seed for seed, num in num_rows.items() if num == most)
    return {
        name: load_network(results.study_dir / f"seed{first}" / name)
        for name, by_seed in results.runs.items()
        if first in by_seed
    }


def describe_runs(results: StudyResults) -> dict[str, Any]:
    """Return results and failures of all runs, as JSON can hold them."""
    return {
        "results": {
            name: {seed: run.to_dict() for seed, run in by_seed.items()}
            for name, by_seed in results.runs.items()
        },
        "failures": [vars(failure) for failure in results.failures],
    }


def create_report(
    results: StudyResults,
    columns: Columns,
    *,
    networks: Mapping[str, LoadedNetwork] | None = None,
    differences: Sequence[Difference] = DIFFERENCES,
    split: str = "test",
) -> StudyReport:
    """Time the networks, and compare them on a split.

    Args:
        results: From `run_study`.
        columns: What the table shows.
        networks: From `load_first_networks`; loaded here by default.
        differences: Which rows are compared, seed by seed.
        split: Where they were scored.
    """
    if networks is None:
        networks = load_first_networks(results)
    milliseconds = measure_milliseconds(networks)
    estimates = {
        (difference, metric): estimate_difference(
            difference, results.runs, split=split, metric=metric
        )
        for difference in differences
        # A study need not have both rows.
        if {difference.minuend, difference.subtrahend} <= results.runs.keys()
        for metric in columns.judged or columns.titles
    }
    return StudyReport(
        heading=describe_table(results.runs, split=split),
        table=format_comparison(
            results.runs,
            split=split,
            metrics=_add_means_of_all_classes(columns.titles, results, split),
            milliseconds=milliseconds,
        ),
        verdicts=tuple(
            estimate.describe(
                difference.title,
                columns.titles[metric],
                is_lower_better=metric in columns.lower_is_better,
            )
            for (difference, metric), estimate in estimates.items()
        ),
        failures=tuple(map(str, results.failures)),
        values={
            **describe_runs(results),
            "milliseconds_per_image": milliseconds,
            "differences_percent_points": [
                {
                    "difference": str(difference),
                    "meaning": difference.meaning,
                    "metric": metric,
                    **vars(estimate),
                }
                for (difference, metric), estimate in estimates.items()
            ],
        },
    )


def _add_means_of_all_classes(
    titles: Mapping[str, str], results: StudyResults, split: str
) -> dict[str, str]:
    """Put the mean that counts absent classes as 0 beside ours, where classes are absent.

    Papers that compare with RTFNet publish that one.
    """
    all_scores = [
        run.scores[split]
        for by_seed in results.runs.values()
        for run in by_seed.values()
        if split in run.scores
    ]
    columns: dict[str, str] = {}
    for metric, title in titles.items():
        columns[metric] = title
        name, _, subset = metric.partition("/")
        of_all = f"{name}_absent_as_0/{subset}"
        pairs = [(scores.get(of_all, math.nan), scores.get(metric)) for scores in all_scores]
        # No value stands where a split has nothing to count, and in results of earlier versions.
        if any(not math.isnan(published) and published != ours for published, ours in pairs):
            columns[of_all] = f"{title}, absent as 0"
    return columns


def write_report(report: StudyReport, path: Path, *, command: str) -> None:
    """Write a report with the endings .json and .md.

    Args:
        report: From `create_report`.
        path: Of the files, without ending.
        command: What a reader types to get the same.
    """
    make_folder(path.parent)
    write_json(path.with_suffix(".json"), {"command": command, **report.values})
    write_text(path.with_suffix(".md"), f"{report.format_text()}\n\n`{command}`\n")
