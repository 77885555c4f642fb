"""`mdjax runs`: a line for each run, whatever its state."""

import json
import shutil
from pathlib import Path

import pytest

from mdjax.cli import runs
from mdjax.cli.main import EXIT_BAD_INPUT
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.overview import RunSummary, list_runs
from tests.cli.running import run
from tests.conftest import SmallRuns


@pytest.fixture
def folder(small_runs: SmallRuns, tmp_path: Path) -> Path:
    """A run of each state, of which one lies deeper, and folders that hold no run."""
    for name in ("teacher", "native", "distilled"):
        shutil.copytree(small_runs.root / name, tmp_path / "runs" / "seed0" / name)
    interrupted = tmp_path / "runs" / "interrupted"
    shutil.copytree(small_runs.root / "native", interrupted)
    (interrupted / "result.json").unlink()
    shutil.copytree(small_runs.root / "native", tmp_path / "runs" / "broken")
    (tmp_path / "runs" / "broken" / "result.json").write_text("{")
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "other" / "config.json").write_text("{}")
    return tmp_path / "runs"


def test_table_has_a_line_a_run_in_the_order_of_their_names(
    folder: Path, small_runs: SmallRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("runs", folder) == 0
    lines = capsys.readouterr().out.splitlines()
    names = ["broken", "interrupted", "seed0/distilled", "seed0/native", "seed0/teacher"]
    assert [line.split()[0] for line in lines[:6]] == ["run", *names]
    broken, interrupted, distilled = lines[1:4]
    assert "damaged" in broken
    assert "interrupted at step 4 of 4" in interrupted
    assert "finished, 4 steps" in distilled
    assert " student " in distilled
    scores = small_runs.results["distilled"].scores
    shown = ", ".join(f"{x} {scores[x]['mean_accuracy_9/all']:.2f}" for x in ("val", "test"))
    assert f"mean_accuracy_9/all: {shown}" in distilled
    assert distilled.endswith("/teacher")
    assert lines[6].startswith(f"damaged: {folder / 'broken' / 'result.json'}")


def test_json_is_one_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runs", folder, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    states = {Path(x["run_dir"]).name: x["state"] for x in report["runs"]}
    assert states == {
        "broken": "damaged",
        "interrupted": "interrupted",
        "distilled": "finished",
        "native": "finished",
        "teacher": "finished",
    }


def test_run_that_is_at_work_or_has_only_begun(tmp_path: Path, folder: Path) -> None:
    config = json.loads((folder / "interrupted" / "config.json").read_text())
    directory = RunDirectory(tmp_path / "new" / "run")
    with directory.create(config):
        (found,) = list_runs(tmp_path / "new")
        assert (found.state, found.step, found.num_steps) == ("running", 0, 4)
    (found,) = list_runs(tmp_path / "new")
    assert (found.state, found.step, found.scores) == ("interrupted", 0, {})


def test_run_without_its_configuration_is_damaged(folder: Path) -> None:
    (folder / "interrupted" / "config.json").unlink()
    damaged = [run for run in list_runs(folder) if run.run_dir.name == "interrupted"]
    assert [(run.state, "config.json: is missing" in run.problem) for run in damaged] == [
        ("damaged", True)
    ]


def test_nothing_and_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runs", tmp_path) == 0
    assert capsys.readouterr().out == f"No runs in {tmp_path} or below it.\n"
    assert run("runs", tmp_path / "nowhere") == EXIT_BAD_INPUT
    assert "there is no such folder" in capsys.readouterr().err


def test_score_without_a_value_is_a_dash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = {"val": 12.5, "test": float("nan")}
    summary = RunSummary(tmp_path / "a", "finished", main_metric="miss_rate/all", scores=scores)
    monkeypatch.setattr(runs, "list_runs", lambda folder: [summary])
    assert run("runs", tmp_path) == 0
    assert "miss_rate/all: val 12.50, test -" in capsys.readouterr().out
