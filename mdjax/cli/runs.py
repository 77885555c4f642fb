"""`mdjax runs`: list the runs below a folder, with their progress."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro

from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json
from mdjax.presets import describe_network
from mdjax.runs.overview import RunSummary, list_runs


@dataclass(frozen=True)
class Runs:
    """List the runs in a folder and below it, with states and scores.

    A run is finished, running, interrupted (`mdjax resume RUN_DIR` continues it) or damaged.

    Attributes:
        folder: Folder to search.
        json: Print one JSON object instead of the table.
    """

    folder: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="FOLDER")]] = Path("runs")
    json: bool = False


def run_runs(arguments: Sequence[str]) -> int:
    """Run `mdjax runs [FOLDER]`."""
    command: Runs = parse_options(Runs, arguments, prog="mdjax runs")
    runs = list_runs(command.folder)
    if command.json:
        print_json({"folder": command.folder, "runs": [asdict(run) for run in runs]})
    elif not runs:
        print(f"No runs in {command.folder} or below it.")
    else:
        _print_table(runs, command.folder)
    return 0


def _print_table(runs: Sequence[RunSummary], folder: Path) -> None:
    rows = [("run", "state", "network", "data set", "score in percent", "teacher")]
    rows += [
        (
            str(run.run_dir.relative_to(folder)),
            _describe_state(run),
            describe_network(run.network, run.missing),
            run.dataset,
            _describe_scores(run),
            "" if run.teacher is None else str(run.teacher),
        )
        for run in runs
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    for run in runs:
        if run.problem:
            print(f"damaged: {run.problem}")


def _describe_state(run: RunSummary) -> str:
    if run.state in ("running", "interrupted") and run.num_steps:
        return f"{run.state} at step {run.step} of {run.num_steps}"
    return f"{run.state}, {run.step} steps" if run.num_steps else run.state


def _describe_scores(run: RunSummary) -> str:
    scores = ", ".join(
        f"{split} {'-' if math.isnan(score) else f'{score:.2f}'}"
        for split, score in run.scores.items()
    )
    return f"{run.main_metric}: {scores}" if scores else ""
