"""Tables of what runs have reached: one row per run, then one row per score."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mdjax.presets import describe_network
from mdjax.report.collecting import ReportedRun, make_path_shortener
from mdjax.report.table import NO_VALUE, Cell, Row, Table
from mdjax.runs.results import RunResult


def make_summary_table(runs: Sequence[ReportedRun]) -> Table:
    """Lay out one row per run: what it is, how far it is, and its main score on each split."""
    splits = list(dict.fromkeys(split for run in runs for split in run.summary.scores))
    shorten = make_path_shortener(runs)
    missing = dict.fromkeys(
        f"{run.result.dataset} has no split {split}."
        for run in runs
        if run.result is not None
        for split in run.result.missing_splits
    )
    return Table(
        caption="Runs, with their main score in percent",
        corner="run",
        columns=["state", "network", "data set", "steps", "main score", *splits, "teacher"],
        rows=[_summarise(run, splits, shorten) for run in runs],
        note=" ".join(missing),
    )


def _summarise(run: ReportedRun, splits: Sequence[str], shorten: Callable[[Path], Path]) -> Row:
    found = run.summary
    done = f"{found.step:,}"
    steps = done if found.state == "finished" else f"{done} of {found.num_steps:,}"
    teacher = found.teacher
    texts = [
        found.state,
        describe_network(found.network, found.missing),
        found.dataset,
        steps if found.num_steps else "",
        found.main_metric,
    ]
    return Row(
        run.name,
        [
            *(Cell(text or NO_VALUE) for text in texts),
            *(_format_score(found.main_metric, found.scores.get(split)) for split in splits),
            Cell(NO_VALUE if teacher is None else str(shorten(teacher))),
        ],
    )


def make_score_tables(runs: Sequence[ReportedRun]) -> list[Table]:
    """Lay out all scores of finished runs: one row per score, one column per run.

    One table per split, data set and subset of the images, that of the main score first.
    """
    results = {run.name: run.result for run in runs if run.result is not None}
    places = dict.fromkeys(
        (split, result.dataset) for result in results.values() for split in result.scores
    )
    return [
        table
        for split, dataset in places
        for table in _make_tables_of_split(
            split,
            dataset,
            {k: x for k, x in results.items() if x.dataset == dataset and split in x.scores},
        )
    ]


def _make_tables_of_split(
    split: str, dataset: str, results: Mapping[str, RunResult]
) -> Iterator[Table]:
    main_metrics = {result.main_metric for result in results.values()}
    metrics = dict.fromkeys(name for result in results.values() for name in result.scores[split])
    subsets: dict[str, list[Row]] = {}
    for metric in sorted(metrics, key=lambda metric: metric not in main_metrics):
        score, _, subset = metric.rpartition("/")
        cells = [_format_score(metric, x.scores[split].get(metric)) for x in results.values()]
        heading = f"{score or subset}{' (main score)' if metric in main_metrics else ''}"
        subsets.setdefault(subset if score else "", []).append(Row(heading, cells))
    note = "; ".join(dict.fromkeys(x.scored[split] for x in results.values() if split in x.scored))
    for i, (subset, rows) in enumerate(subsets.items()):
        yield Table(
            caption=f"{dataset}, split {split}{subset and ', images: '}{subset}; percent",
            corner="score",
            columns=list(results),
            rows=rows,
            note=note if i == 0 else "",
            is_main=i == 0,
        )


def _format_score(metric: str, score: float | None) -> Cell:
    if score is None or math.isnan(score):
        return Cell(NO_VALUE)
    return Cell(f"{score:.0f}" if metric.startswith("num_") else f"{score:.2f}", score)
