"""What a study leaves behind: one table for people, one JSON file for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.io.json_file import write_json, write_text
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.runs.results import RunResult
from mdjax.studies.comparison import describe_gain, estimate_gain, format_comparison
from mdjax.studies.study import DISTILLED, NATIVE
from mdjax.studies.timing import measure_milliseconds


@dataclass(frozen=True)
class StudyReport:
    """What a study says.

    Attributes:
        table: Networks by scores, parameters and time.
        verdicts: What distillation is worth, a line a metric.
        values: All of it for programs.
    """

    table: str
    verdicts: tuple[str, ...]
    values: Mapping[str, Any]


def create_report(
    results: Mapping[str, Sequence[RunResult]],
    networks: Mapping[str, LoadedNetwork],
    *,
    metrics: Mapping[str, str],
    gain_metrics: Sequence[str],
    lower_is_better: Sequence[str] = (),
) -> StudyReport:
    """Time the networks, and compare them on the test split.

    Args:
        results: From `run_study`.
        networks: Those of one seed, by the same names.
        metrics: Title of the column by metric.
        gain_metrics: Metrics whose gain is spelt out.
        lower_is_better: Metrics that count mistakes.

    Raises:
        ValueError: One of these is no column.
    """
    if unknown := set(lower_is_better) - set(metrics):
        raise ValueError(f"{sorted(unknown)} are to be low, but are not in the table.")
    milliseconds = measure_milliseconds(networks)
    gains = {
        metric: estimate_gain(results[DISTILLED], results[NATIVE], split="test", metric=metric)
        for metric in gain_metrics
    }
    return StudyReport(
        table=format_comparison(results, split="test", metrics=metrics, milliseconds=milliseconds),
        verdicts=tuple(
            describe_gain(gain, metrics[metric], is_lower_better=metric in lower_is_better)
            for metric, gain in gains.items()
        ),
        values={
            "results": {name: [run.to_dict() for run in runs] for name, runs in results.items()},
            "milliseconds_per_image": milliseconds,
            "gain_percent_points": {metric: vars(gain) for metric, gain in gains.items()},
        },
    )


def write_report(
    results: Mapping[str, Sequence[RunResult]],
    *,
    study_dir: Path,
    metrics: Mapping[str, str],
    report: Path,
    command: str,
    lower_is_better: Sequence[str] = (),
) -> str:
    """Time the networks of the first seed, and write `report` with the endings .json and .md.

    Args:
        results: From `run_study`.
        study_dir: Where its runs are.
        metrics: Title of the column by metric, on the test split.
        report: Path of the files without ending.
        command: What a reader types to get the same.
        lower_is_better: Metrics that count mistakes.

    Returns:
        The table, what the gain is worth by each metric, and the command.
    """
    networks = {name: load_network(study_dir / "seed0" / name) for name in results}
    created = create_report(
        results,
        networks,
        metrics=metrics,
        gain_metrics=list(metrics),
        lower_is_better=lower_is_better,
    )
    report.parent.mkdir(parents=True, exist_ok=True)
    write_json(report.with_suffix(".json"), {"command": command, **created.values})
    verdicts = (f"- {verdict}" for verdict in created.verdicts)
    text = "\n".join([created.table, "", *verdicts, "", f"`{command}`"])
    write_text(report.with_suffix(".md"), text + "\n")
    return text
