"""Directories of runs: new ones, used ones, resumed ones."""

import json
from pathlib import Path

import pytest

from mdjax.io.run_directory import RunDirectory
from mdjax.types import MdjaxError

CONFIG = {
    "dataset": "mfnet",
    "data_dir": Path("data"),
    "loop": {"num_steps": 10, "log_every": 2},
    "size": (4, 6),
}


def test_new_directory_holds_the_configuration(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "a" / "run", CONFIG)
    assert json.loads((tmp_path / "a" / "run" / "config.json").read_text()) == {
        "dataset": "mfnet",
        "data_dir": "data",
        "loop": {"num_steps": 10, "log_every": 2},
        "size": [4, 6],
    }
    assert run.read_config()["loop"]["num_steps"] == 10
    assert run.metrics_path == run.path / "metrics.jsonl"
    assert run.tensorboard_dir == run.path / "tensorboard"


def test_empty_directory_is_taken(tmp_path: Path) -> None:
    assert RunDirectory.create(tmp_path, CONFIG).config_path.is_file()


def test_used_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_text()
    with pytest.raises(MdjaxError, match=r"holds a run already.*--resume, or give another folder"):
        RunDirectory.create(tmp_path, {**CONFIG, "dataset": "other"})
    assert (tmp_path / "config.json").read_text() == before


def test_directory_with_foreign_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MdjaxError, match=r"holds notes\.txt already"):
        RunDirectory.create(tmp_path, CONFIG)
    with pytest.raises(MdjaxError, match=r"cannot be used: Not a directory"):
        RunDirectory.create(tmp_path / "notes.txt", CONFIG)


def test_resume_takes_the_same_configuration(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, CONFIG)
    run = RunDirectory.reopen(tmp_path, {**CONFIG, "size": [4, 6]})
    assert run.path == tmp_path


def test_resume_lists_settings_that_differ(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path, CONFIG)
    changed = {**CONFIG, "loop": {"num_steps": 20, "log_every": 5}, "seed": 1}
    with pytest.raises(MdjaxError) as error:
        RunDirectory.reopen(tmp_path, changed, may_differ=("loop.log_every",))
    assert str(error.value).splitlines()[1:] == [
        "  loop.num_steps: 10 in the run, 20 now",
        "  seed: not set in the run, 1 now",
    ]


def test_resume_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"no run to resume here.*Leave --resume away"):
        RunDirectory.reopen(tmp_path / "none", CONFIG)


def test_result_is_written_for_programs_and_people(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path, CONFIG)
    run.write_result({"mean_iou": 0.5, "missing": float("nan")}, "a table")
    assert json.loads(run.result_path.read_text()) == {"mean_iou": 0.5, "missing": None}
    assert run.table_path.read_text() == "a table\n"
