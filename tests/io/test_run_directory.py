"""Directories of runs: new ones, used ones, resumed ones, and who is at work in them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mdjax.io.json_file import unseal
from mdjax.io.run_directory import RunDirectory
from mdjax.types import MdjaxError

CONFIG = {
    "dataset": "mfnet",
    "data_dir": Path("data"),
    "loop": {"num_steps": 10, "log_every": 2},
    "size": (4, 6),
}


def create(path: Path) -> RunDirectory:
    directory = RunDirectory(path)
    with directory.create(CONFIG):
        pass
    return directory


def test_new_directory_holds_the_configuration(tmp_path: Path) -> None:
    run = create(tmp_path / "a" / "run")
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
    assert create(tmp_path).config_path.is_file()


def test_used_directory_is_refused_and_left_alone(tmp_path: Path) -> None:
    create(tmp_path)
    before = (tmp_path / "config.json").read_text()
    message = r"already holds a run.*mdjax resume .*, or give another folder"
    with pytest.raises(MdjaxError, match=message), RunDirectory(tmp_path).create({}):
        pass
    assert (tmp_path / "config.json").read_text() == before


def test_directory_with_foreign_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MdjaxError, match=r"holds notes\.txt already"):
        RunDirectory(tmp_path).require_unused()
    with pytest.raises(MdjaxError, match=r"cannot be used: Not a directory"):
        RunDirectory(tmp_path / "notes.txt").require_unused()


def test_resume_without_a_run_is_refused(tmp_path: Path) -> None:
    message = r"no run to resume here.*To start one, use .* without --resume"
    with pytest.raises(MdjaxError, match=message), RunDirectory(tmp_path / "none").reopen():
        pass


def test_second_process_is_told_who_is_at_the_run(tmp_path: Path, project_root: Path) -> None:
    """A process of its own wants the run that this one holds; afterwards it may have it."""
    directory = create(tmp_path)
    script = f"""
from pathlib import Path
from mdjax.io.run_directory import RunDirectory
from mdjax.types import MdjaxError
try:
    with RunDirectory(Path({str(tmp_path)!r})).reopen():
        print("free")
except MdjaxError as error:
    print(error)
"""

    def ask() -> str:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=project_root,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    with directory.reopen():
        answer = ask()
        assert f"process {os.getpid()} on " in answer
        assert "is working on this run; wait until it has ended, or stop it" in answer
    assert ask() == "free"


def test_run_is_free_again_after_its_process_was_killed(tmp_path: Path, project_root: Path) -> None:
    """The system frees the lock, whatever is left in the folder."""
    directory = create(tmp_path)
    script = f"""
import os, signal
from pathlib import Path
from mdjax.io.run_directory import RunDirectory
with RunDirectory(Path({str(tmp_path)!r})).reopen():
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], cwd=project_root, check=False)
    assert (tmp_path / ".holder.json").is_file()
    with directory.reopen():
        pass


def test_second_new_run_in_one_folder_is_refused_while_the_first_works(tmp_path: Path) -> None:
    with RunDirectory(tmp_path).create(CONFIG):
        with (
            pytest.raises(MdjaxError, match=f"process {os.getpid()} on .* is working on this run"),
            RunDirectory(tmp_path).create(CONFIG),
        ):
            pass
        with (
            pytest.raises(MdjaxError, match="is working on this run"),
            RunDirectory(tmp_path).reopen(),
        ):
            pass


def test_what_a_killed_process_leaves_hidden_is_no_run(tmp_path: Path) -> None:
    (tmp_path / ".holder.json.incomplete").write_text("{")
    with RunDirectory(tmp_path).create(CONFIG):
        pass
    with pytest.raises(MdjaxError, match="already holds a run"):
        RunDirectory(tmp_path).require_unused()


def test_result_is_written_for_programs_and_people(tmp_path: Path) -> None:
    run = create(tmp_path)
    run.write_result({"mean_iou": 0.5, "missing": float("nan")}, "a table")
    values = json.loads(run.result_path.read_text())
    assert unseal(values, run.result_path, is_required=True) == {"mean_iou": 0.5, "missing": None}
    assert run.table_path.read_text() == "a table\n"
