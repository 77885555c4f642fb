"""The files that a study leaves."""

import dataclasses
from pathlib import Path

import pytest

from mdjax.io.json_file import read_json
from mdjax.runs.results import RunResult
from mdjax.studies.comparison import Difference
from mdjax.studies.report import Columns, create_report, load_first_networks, write_report
from mdjax.studies.study import RowFailure, StudyResults
from tests.conftest import SmallRuns

METRIC = "mean_iou_9/all"
COLUMNS = Columns({METRIC: "mIoU all"})
GAIN = Difference("distilled", "native", "what a user gets")


def make_results(small_runs: SmallRuns, study_dir: Path) -> StudyResults:
    study_dir.mkdir()
    (study_dir / "seed0").symlink_to(small_runs.root)
    names = ("teacher", "native", "distilled")
    return StudyResults(
        study_dir,
        {**{name: {0: small_runs.results[name]} for name in names}, "student": {}},
        (RowFailure("student", 0, "the disk is full"),),
    )


def test_report_holds_scores_times_differences_failures_and_command(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    results = make_results(small_runs, tmp_path / "study")
    assert set(load_first_networks(results)) == {"teacher", "native", "distilled"}
    report = create_report(results, COLUMNS, differences=(GAIN,))
    path = tmp_path / "results" / "tiny"
    write_report(report, path, command="python tiny.py")
    text = path.with_suffix(".md").read_text()
    assert text == f"{report.format_text()}\n\n`python tiny.py`\n"
    assert "split test, checkpoint last (step 4), network at 48x32, 6 images" in text
    assert "- FAILED: student, seed 0: the disk is full" in text
    values = read_json(path.with_suffix(".json"))
    assert values["command"] == "python tiny.py"
    assert set(values["milliseconds_per_image"]) == {"teacher", "native", "distilled"}
    scores = {
        name: small_runs.results[name].scores["test"][METRIC] for name in ("native", "distilled")
    }
    gain = scores["distilled"] - scores["native"]
    (written,) = values["differences_percent_points"]
    assert written["difference"] == "distilled - native"
    assert written["points"] == pytest.approx(gain)
    native = values["results"]["native"]["0"]
    assert native["scores"]["test"][METRIC] == pytest.approx(scores["native"])
    assert native["config_hash"]
    assert f"distilled - native (what a user gets): {gain:+.2f} points of mIoU all" in text


def test_published_mean_stands_beside_ours_where_classes_are_absent(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    """Ours 40 over the 5 classes that occur of 9; published 40 · 5 / 9 = 22.22."""
    scores = {"test": {METRIC: 40.0, "mean_iou_9_absent_as_0/all": 200 / 9}}
    run = dataclasses.replace(small_runs.results["native"], scores=scores)
    old = dataclasses.replace(run, scores={"test": {METRIC: 40.0}})  # Of an earlier version.
    for runs, is_shown in (({0: run, 1: old}, True), ({0: old}, False)):
        results = StudyResults(tmp_path, {"native": runs}, ())
        table = create_report(results, COLUMNS, networks={}).table
        assert ("mIoU all, absent as 0" in table) == is_shown
        assert ("| 40.00 " in table) or ("| 40.00 ± 0.00" in table)
    results = StudyResults(tmp_path, {"native": {0: run}}, ())
    assert "| 22.22 " in create_report(results, COLUMNS, networks={}).table


def test_two_seeds_give_an_interval_and_a_verdict(small_runs: SmallRuns, tmp_path: Path) -> None:
    results = make_results(small_runs, tmp_path / "study")
    runs = {
        name: {seed: raise_scores(run, seed * shift) for seed in (0, 1) for run in by_seed.values()}
        for (name, by_seed), shift in zip(results.runs.items(), (1.0, 2.0, 4.0, 0.0), strict=True)
    }
    results = dataclasses.replace(results, runs=runs, failures=())
    report = create_report(results, COLUMNS, networks={}, differences=(GAIN,))
    scores = {name: small_runs.results[name].scores["test"][METRIC] for name in runs if runs[name]}
    gain = scores["distilled"] - scores["native"] + 1.0
    # Differences d and d + 2: standard error 1, 12.7062 of them on each side with one degree.
    assert report.verdicts == (
        f"distilled - native (what a user gets): {gain:+.2f} points of mIoU all "
        f"(95 % interval over 2 seeds: {gain - 12.7062:+.2f} to {gain + 12.7062:+.2f}): "
        "3 seeds are needed to judge it.",
    )
    native = scores["native"] + 1.0
    assert f"| native    | {native:.2f} ± 1.00 |" in report.table


def raise_scores(run: RunResult, points: float) -> RunResult:
    scores = {
        split: {name: x + points for name, x in metrics.items()}
        for split, metrics in run.scores.items()
    }
    return dataclasses.replace(run, scores=scores)


def test_score_that_is_to_be_low_is_a_column() -> None:
    """A misspelt one would turn better into worse."""
    with pytest.raises(ValueError, match="miss_rate/al"):
        Columns({"miss_rate/all": "MR"}, lower_is_better=("miss_rate/al",))
