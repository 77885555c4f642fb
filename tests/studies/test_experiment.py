"""A study with its table: what it writes, and what it leaves when it is cut."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mdjax.io.json_file import read_json
from mdjax.models.config import ImageLevelConfig
from mdjax.recipes import configure_synthetic
from mdjax.runs.config import TrainConfig
from mdjax.studies import study
from mdjax.studies.comparison import Difference
from mdjax.studies.experiment import Budget, Experiment, StudyBudget
from mdjax.studies.jobs import Row, Rows
from mdjax.studies.report import Columns
from tests.conftest import SmallRuns

COLUMNS = Columns(titles={"mean_iou_9/all": "mIoU all"}, judged=("mean_iou_9/all",))
EXPERIMENT = Experiment("tiny", COLUMNS, (Difference("distilled", "native", "a gain"),))


@pytest.fixture
def rows(small_runs: SmallRuns, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """Rows that are trained already: `train` hands them out."""

    def pretend(config: Any, run_dir: Path, **_: Any) -> Any:
        shutil.copytree(small_runs.root / run_dir.name, run_dir)
        return small_runs.results[run_dir.name]

    monkeypatch.setattr(study, "train", pretend)
    monkeypatch.setattr(sys, "argv", ["somewhere/tiny.py", "--num-seeds", "1"])

    def make_row(name: str) -> Row:
        return lambda runs: small_runs.configs[name]

    return {name: make_row(name) for name in ("native", "distilled")}


def test_results_are_written_with_the_command_that_made_them(rows: Rows, tmp_path: Path) -> None:
    budget = StudyBudget(runs_dir=tmp_path / "runs", num_seeds=1)
    results, report = EXPERIMENT.run(rows, budget, tmp_path / "results")
    assert results.study_dir == tmp_path / "runs" / "tiny"
    assert "| mIoU all |" in report.format_text()
    values = read_json(tmp_path / "results" / "tiny.json")
    command = "python experiments/tiny.py --num-seeds 1"
    assert values["command"] == command
    assert list(values["results"]) == ["native", "distilled"]
    (gain,) = values["differences_percent_points"]
    assert gain["difference"] == "distilled - native"
    assert command in (tmp_path / "results" / "tiny.md").read_text()


def test_study_that_is_cut_leaves_the_rows_that_it_finished(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = study.train

    def stop_at_the_second(config: Any, run_dir: Path, **options: Any) -> Any:
        if run_dir.name == "distilled":
            raise KeyboardInterrupt
        return train(config, run_dir, **options)

    monkeypatch.setattr(study, "train", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        EXPERIMENT.run(rows, StudyBudget(runs_dir=tmp_path, num_seeds=1), tmp_path / "results")
    results = read_json(tmp_path / "results" / "tiny.json")["results"]
    assert {name: list(by_seed) for name, by_seed in results.items()} == {
        "native": ["0"],
        "distilled": [],
    }


@pytest.mark.parametrize(("num_steps", "steps", "warmup"), [(None, 300, 100), (40, 40, 10)])
def test_budget_shortens_schedule_and_warmup(
    num_steps: int | None, steps: int, warmup: int
) -> None:
    config = configure_synthetic(TrainConfig(), ImageLevelConfig)
    adjusted = Budget(data_dir=Path("elsewhere"), num_steps=num_steps).adjust(config)
    assert adjusted.data_dir == Path("elsewhere")
    assert adjusted.loop.num_steps == steps
    assert adjusted.optimiser.warmup_steps == min(warmup, config.optimiser.warmup_steps)
