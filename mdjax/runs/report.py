"""What a study leaves behind: one table for people, one JSON file for programs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mdjax.io.json_file import write_json, write_text
from mdjax.runs.comparison import describe_gain, estimate_gain, format_comparison
from mdjax.runs.loading import load_network
from mdjax.runs.results import RunResult
from mdjax.runs.study import DISTILLED, NATIVE
from mdjax.runs.timing import measure_milliseconds


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
    milliseconds = measure_milliseconds(networks)
    gains = {
        metric: estimate_gain(results[DISTILLED], results[NATIVE], split="test", metric=metric)
        for metric in metrics
    }
    table = format_comparison(results, split="test", metrics=metrics, milliseconds=milliseconds)
    verdicts = [
        describe_gain(gain, metrics[metric], is_lower_better=metric in lower_is_better)
        for metric, gain in gains.items()
    ]
    report.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        report.with_suffix(".json"),
        {
            "command": command,
            "results": {name: [run.to_dict() for run in runs] for name, runs in results.items()},
            "milliseconds_per_image": milliseconds,
            "gain_percent_points": {metric: vars(gain) for metric, gain in gains.items()},
        },
    )
    text = "\n".join([table, "", *(f"- {verdict}" for verdict in verdicts), "", f"`{command}`"])
    write_text(report.with_suffix(".md"), text + "\n")
    return text
