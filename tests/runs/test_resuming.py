"""A run goes on as what it began as: the same data and teachers, wherever they lie by now."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from data_builders.synthetic import PrepareSynthetic
from mdjax.io.checkpoint import read_metadata, restore_variables, save_variables
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.json_file import read_json, write_json
from mdjax.io.run_directory import RunDirectory
from mdjax.models.config import ImageLevelConfig
from mdjax.recipes import configure_synthetic
from mdjax.runs import training
from mdjax.runs.config import DistillConfig, FuseConfig, TrainConfig
from mdjax.runs.loading import load_network
from mdjax.runs.resuming import require_same_run
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.stored_config import (
    find_differences,
    read_run_config,
    read_stored_config,
    store_config,
)
from mdjax.runs.training import train
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.runs.small import SIZE_HW, run_quietly


def copy_run(small_runs: SmallRuns, name: str, folder: Path) -> Path:
    return Path(shutil.copytree(small_runs.root / name, folder / name))


def change_variables(run_dir: Path) -> None:
    """A teacher of the same path and nearly the same scores."""
    path = CheckpointStore(run_dir).last
    variables, metadata = restore_variables(path), read_metadata(path)
    variables["params"] = jax.tree.map(
        lambda x: np.nextafter(x, np.float32(np.inf)), variables["params"]
    )
    save_variables(path, variables, metadata)


def test_run_records_data_and_teachers_by_content(small_runs: SmallRuns) -> None:
    native = read_json(small_runs.root / "native" / "provenance.json")
    distilled = read_json(small_runs.root / "distilled" / "provenance.json")
    assert native["teachers"] == {}
    assert list(distilled["teachers"]) == ["teacher"]
    assert len(distilled["teachers"]["teacher"]) == 64
    assert native["dataset_fingerprint"] == distilled["dataset_fingerprint"] != ""


def test_other_teacher_at_the_same_path_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    run_dir = copy_run(small_runs, "distilled", tmp_path)
    config = replace(
        small_runs.configs["distilled"], teacher=copy_run(small_runs, "teacher", tmp_path)
    )
    run_quietly(config, run_dir, resume=True)  # The same one at another path is welcome.
    change_variables(config.teacher)
    with pytest.raises(
        MdjaxError, match=r"other data, teachers or weights.*\n.*teacher: has other variables"
    ):
        run_quietly(config, run_dir, resume=True)


def test_other_data_of_the_same_name_are_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    """The same number of scenes of the same size from another world, under the first one's name."""
    run_dir = copy_run(small_runs, "native", tmp_path)
    config = small_runs.configs["native"]
    data_dir = tmp_path / "data"
    shutil.copytree(config.data_dir, data_dir)
    run_quietly(replace(config, data_dir=data_dir), run_dir, resume=True)
    other = PrepareSynthetic(
        tmp_path / "other", num_train=16, num_val=6, num_test=6, image_size_hw=SIZE_HW, seed=1
    ).prepare()
    (taken,) = (path for path in data_dir.glob("synthetic/*/*.*.*") if path.is_dir())
    shutil.rmtree(taken)
    shutil.copytree(other.folder, taken)
    with pytest.raises(MdjaxError, match=r"the data set was synthetic/.* with other records"):
        run_quietly(replace(config, data_dir=data_dir), run_dir, resume=True)


def test_run_whose_provenance_is_gone_is_not_resumed(small_runs: SmallRuns, tmp_path: Path) -> None:
    """Another teacher would pass unseen. Runs of version 0 never had one: `test_stored_runs.py`."""
    run_dir = copy_run(small_runs, "native", tmp_path)
    (run_dir / "provenance.json").unlink()
    with pytest.raises(MdjaxError, match=r"provenance\.json: is missing.*Restore the file"):
        run_quietly(small_runs.configs["native"], run_dir, resume=True)


def test_run_that_was_cut_before_its_first_checkpoint_begins_again(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    """With provenance or, where it was cut between the two files, without."""
    run_dir = copy_run(small_runs, "native", tmp_path)
    expected = (run_dir / "provenance.json").read_text()
    shutil.rmtree(run_dir / "checkpoints")
    (run_dir / "provenance.json").unlink()
    result = run_quietly(small_runs.configs["native"], run_dir, resume=True)
    assert (run_dir / "provenance.json").read_text() == expected
    np.testing.assert_equal(result.scores, small_runs.results["native"].scores)


def test_pretrained_weights_are_loaded_again_where_there_is_no_checkpoint(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only there: a run that goes on does without the file."""
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"some weights")
    loads: list[Path] = []

    def load(variables: Any, source: Any, show: Any) -> Any:
        loads.append(source)
        return variables

    monkeypatch.setattr(training, "_load_pretrained", load)
    config = replace(small_runs.configs["native"], pretrained=weights)
    run_quietly(config, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    run_quietly(config, tmp_path / "run", resume=True)
    assert loads == [weights] * 2
    weights.write_bytes(b"other weights")
    run_quietly(config, tmp_path / "run", resume=True)
    weights.unlink()
    run_quietly(config, tmp_path / "run", resume=True)
    assert loads == [weights] * 2
    weights.write_bytes(b"other weights")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(MdjaxError, match="pretrained: other weights than the run started with"):
        run_quietly(config, tmp_path / "run", resume=True)


def test_finished_run_is_not_taken_for_that_of_another_teacher(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    config = small_runs.configs["distilled"]
    run_dir = small_runs.root / "distilled"
    require_same_run(run_dir, config)
    other = replace(config, teacher=copy_run(small_runs, "teacher", tmp_path))
    require_same_run(run_dir, other)
    change_variables(other.teacher)
    with pytest.raises(MdjaxError, match="teacher: has other variables"):
        require_same_run(run_dir, other)


def test_second_teacher_is_checked_and_recorded_too(small_runs: SmallRuns, tmp_path: Path) -> None:
    config = replace(
        small_runs.configs["distilled"], other_teachers={"native": small_runs.root / "native"}
    )
    lines: list[str] = []
    train(config, tmp_path / "run", show=lines.append)
    recorded = read_json(tmp_path / "run" / "provenance.json")["teachers"]
    assert list(recorded) == ["teacher", "native"]
    assert len([line for line in lines if "recorded" in line]) == 2


# -- Paths ---------------------------------------------------------------------------------------


def test_relative_paths_hold_wherever_one_stands(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is stored with paths as seen from its own folder."""
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copytree(small_runs.configs["native"].data_dir, project / "data")
    copy_run(small_runs, "teacher", project / "runs")
    monkeypatch.chdir(project)
    config = replace(
        small_runs.configs["distilled"], data_dir=Path("data"), teacher=Path("runs/teacher")
    )
    result = run_quietly(config, Path("runs/student"))
    monkeypatch.chdir(elsewhere)
    run_dir = Path(os.path.relpath(project / "runs" / "student"))
    stored: Any = read_run_config(run_dir)
    assert stored.teacher.samefile(project / "runs" / "teacher")
    assert stored.data_dir.samefile(project / "data")
    scores = evaluate_network(load_network(run_dir)).to_metrics()
    np.testing.assert_equal(scores, dict(result.scores["test"]))
    # Moved as a whole, the project still holds together.
    project.rename(tmp_path / "moved")
    moved: Any = read_run_config(tmp_path / "moved" / "runs" / "student")
    assert moved.teacher.samefile(tmp_path / "moved" / "runs" / "teacher")


def test_paths_hold_through_links(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`runs` often is a link to another disk; "up" from there is not where the name says."""
    (tmp_path / "disk" / "deep").mkdir(parents=True)
    (tmp_path / "project" / "data").mkdir(parents=True)
    (tmp_path / "project" / "runs").symlink_to(tmp_path / "disk" / "deep")
    monkeypatch.chdir(tmp_path / "project")
    config = replace(small_runs.configs["native"], data_dir=Path("data"))
    run_dir = Path("runs/a")
    run_dir.mkdir()
    write_json(run_dir / "config.json", store_config(config, run_dir))
    for place in (run_dir, tmp_path / "disk" / "deep" / "a", run_dir.absolute()):
        stored: Any = read_run_config(place)
        assert stored.data_dir.samefile(tmp_path / "project" / "data"), place
    monkeypatch.chdir("runs")
    stored = read_run_config(Path("a"))
    assert stored.data_dir.samefile(tmp_path / "project" / "data")


def test_home_and_detours_are_stored_as_what_they_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = configure_synthetic(TrainConfig(data_dir=Path("~/data")), ImageLevelConfig)
    values = store_config(config, tmp_path / "run")
    assert values["data_dir"] == str(tmp_path / "home" / "data")
    fused = FuseConfig(visible=tmp_path / "a" / ".." / "b", thermal=tmp_path / "c")
    stored = read_stored_config(
        store_config(fused, tmp_path / "run"), tmp_path / "run", source=tmp_path
    )
    assert find_differences(stored, fused) == []


def test_stored_paths_are_relative_to_the_run(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    config = configure_synthetic(
        DistillConfig(data_dir=Path("data"), teacher=Path("runs/teacher")), ImageLevelConfig
    )
    values = store_config(config, Path("runs/student"))
    assert (values["data_dir"], values["teacher"]) == ("../../data", "../teacher")


# -- Two processes -------------------------------------------------------------------------------


def test_run_that_is_at_work_is_not_resumed(small_runs: SmallRuns, tmp_path: Path) -> None:
    run_dir = copy_run(small_runs, "native", tmp_path)
    with (
        RunDirectory(run_dir).reopen(),
        pytest.raises(MdjaxError, match=rf"process {os.getpid()} on .* is working on this run"),
    ):
        run_quietly(small_runs.configs["native"], run_dir, resume=True)
    run_quietly(small_runs.configs["native"], run_dir, resume=True)


def test_damaged_provenance_is_a_message(small_runs: SmallRuns, tmp_path: Path) -> None:
    run_dir = copy_run(small_runs, "native", tmp_path)
    write_json(run_dir / "provenance.json", {"dataset": 3})
    with pytest.raises(MdjaxError, match=r"provenance\.json"):
        run_quietly(small_runs.configs["native"], run_dir, resume=True)
    assert json.loads((run_dir / "provenance.json").read_text()) == {"dataset": 3}
