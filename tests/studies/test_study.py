"""Rows of a study: what they need, what is read, resumed, refused and reported."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdjax.io.run_directory import RunDirectory
from mdjax.models.config import ImageLevelConfig, ThermalOnlyConfig
from mdjax.recipes import configure_synthetic
from mdjax.runs.config import DistillConfig, FuseConfig, TrainConfig
from mdjax.runs.results import RunResult
from mdjax.runs.stored_config import store_config
from mdjax.studies import study
from mdjax.studies.jobs import Row, Rows, SeedRuns, add_needed, list_jobs
from mdjax.studies.rows import create_rows
from mdjax.studies.study import StudyResults, run_study
from mdjax.studies.workers import open_workers
from mdjax.types import MdjaxError

RESULT = {
    "run_dir": "r",
    "network": "FeatureLevel",
    "num_parameters": 1,
    "num_steps": 1,
    "main_metric": "mean_accuracy_9/all",
    "scores": {},
    "environment": {},
}


def make_result(run_dir: Path) -> RunResult:
    return RunResult(**{**RESULT, "run_dir": str(run_dir)}, tables={})


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, Path]]:
    """Records what would be trained or fused, and leaves finished runs."""
    recorded: list[tuple[str, Any, Path]] = []

    def pretend(kind: str) -> Callable[..., RunResult]:
        def run(config: Any, run_dir: Path, *, resume: bool = False, show: Any = None) -> RunResult:
            recorded.append((f"{kind} again" if resume else kind, config, run_dir))
            directory = RunDirectory(run_dir)
            if not resume:
                with directory.create(store_config(config, run_dir)):
                    pass
            result = make_result(run_dir)
            directory.write_result(result.to_dict(), "table")
            return result

        return run

    monkeypatch.setattr(study, "train", pretend("train"))
    monkeypatch.setattr(study, "fuse", pretend("fuse"))
    # There are no data whose fingerprint could be compared.
    monkeypatch.setattr(study, "require_same_run", study.require_same_config)
    return recorded


def train_row(network: Any = ImageLevelConfig) -> Row:
    return lambda runs: configure_synthetic(TrainConfig(), network)


def distil_row(teacher: str) -> Row:
    return lambda runs: configure_synthetic(DistillConfig(teacher=runs[teacher]), ImageLevelConfig)


def run(rows: Rows, folder: Path, seeds: list[int], **options: Any) -> StudyResults:
    return run_study(rows, folder, seeds=seeds, show=lambda line: None, **options)


def test_rows_are_run_for_every_seed_in_their_order(calls: Any, tmp_path: Path) -> None:
    rows = {"first": train_row(), "second": train_row(), "student": distil_row("first")}
    results = run(rows, tmp_path, [0, 4])
    assert [path.relative_to(tmp_path).as_posix() for _, _, path in calls] == [
        *("seed0/first", "seed0/second", "seed0/student"),
        *("seed4/first", "seed4/second", "seed4/student"),
    ]
    assert [config.seed for _, config, _ in calls] == [0, 0, 0, 4, 4, 4]
    assert calls[2][1].teacher == tmp_path / "seed0" / "first"
    assert calls[5][1].teacher == tmp_path / "seed4" / "first"
    assert {name: list(by_seed) for name, by_seed in results.runs.items()} == {
        name: [0, 4] for name in rows
    }
    assert results.failures == ()


def test_shared_row_is_trained_once_and_used_by_all_seeds(calls: Any, tmp_path: Path) -> None:
    rows = {"teacher": train_row(), "student": distil_row("teacher")}
    results = run(rows, tmp_path, [2, 5], shared_rows=["teacher"])
    assert [path.relative_to(tmp_path).as_posix() for _, _, path in calls] == [
        *("seed2/teacher", "seed2/student", "seed5/student"),
    ]
    assert [config.teacher for _, config, _ in calls[1:]] == [tmp_path / "seed2" / "teacher"] * 2
    assert {row: list(by_seed) for row, by_seed in results.runs.items()} == {
        "teacher": [2],
        "student": [2, 5],
    }


def test_failure_of_a_shared_row_fails_the_students_of_all_seeds(
    calls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend = study.train

    def train(config: Any, run_dir: Path, **options: Any) -> RunResult:
        if run_dir.name == "teacher":
            raise MdjaxError("no")
        return pretend(config, run_dir, **options)

    monkeypatch.setattr(study, "train", train)
    rows = {"teacher": train_row(), "native": train_row(), "student": distil_row("teacher")}
    results = run(rows, tmp_path, [0, 1], shared_rows=["teacher"])
    assert [(failure.row, failure.seed) for failure in results.failures] == [
        *(("teacher", 0), ("student", 0), ("student", 1)),
    ]
    assert list(results.runs["native"]) == [0, 1]


def test_finished_rows_are_read_and_cut_ones_resumed(calls: Any, tmp_path: Path) -> None:
    rows = {"first": train_row(), "second": train_row()}
    run(rows, tmp_path, [0])
    (tmp_path / "seed0" / "second" / "result.json").unlink()
    calls.clear()
    results = run(rows, tmp_path, [0])
    assert [(kind, path.name) for kind, _, path in calls] == [("train again", "second")]
    assert list(results.runs["first"]) == [0]


def test_finished_runs_of_another_configuration_are_refused(calls: Any, tmp_path: Path) -> None:
    """A study of fewer steps in the same folder must not report the numbers of the longer one."""
    run({"first": train_row()}, tmp_path, [0])
    calls.clear()

    def shorten(runs: SeedRuns) -> Any:
        config: Any = configure_synthetic(TrainConfig(), ImageLevelConfig)
        return replace(config, loop=replace(config.loop, num_steps=100))

    with pytest.raises(MdjaxError, match=r"loop\.num_steps: 300 in the run, 100 now"):
        run({"new": train_row(), "first": shorten}, tmp_path, [0])
    assert calls == []  # before anything was run


def test_row_that_fails_is_reported_and_the_rest_goes_on(
    calls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is a row that needs it; other rows and seeds are run."""
    pretend = study.train

    def train(config: Any, run_dir: Path, **options: Any) -> RunResult:
        if run_dir == tmp_path / "seed0" / "teacher":
            raise OSError(28, "No space left on device")
        return pretend(config, run_dir, **options)

    monkeypatch.setattr(study, "train", train)
    rows = {"teacher": train_row(), "native": train_row(), "student": distil_row("teacher")}
    results = run(rows, tmp_path, [0, 1])
    assert {name: list(by_seed) for name, by_seed in results.runs.items()} == {
        "teacher": [1],
        "native": [0, 1],
        "student": [1],
    }
    first, second = map(str, results.failures)
    assert first.startswith("teacher, seed 0: OSError(28, 'No space left")
    assert second == "student, seed 0: needs teacher, which failed."


def test_interruption_is_no_failure(
    calls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(config: Any, run_dir: Path, **options: Any) -> RunResult:
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "train", stop)
    with pytest.raises(KeyboardInterrupt):
        run({"first": train_row()}, tmp_path, [0])


def test_what_there_is_is_handed_out_after_every_run(calls: Any, tmp_path: Path) -> None:
    seen: list[int] = []

    def keep(results: StudyResults) -> None:
        seen.append(sum(len(by_seed) for by_seed in results.runs.values()))

    run({"first": train_row(), "second": train_row()}, tmp_path, [0, 1], on_finished_run=keep)
    assert seen == [1, 2, 3, 4]


def test_row_can_name_earlier_rows_only(tmp_path: Path) -> None:
    rows = {"student": distil_row("teacher"), "teacher": train_row()}
    with pytest.raises(ValueError, match=r"no row 'teacher' before this one"):
        run(rows, tmp_path, [0])


def test_usual_rows_fuse_what_was_trained_apart(calls: Any, tmp_path: Path) -> None:
    run(create_rows(configure_synthetic), tmp_path, [0])
    by_name = {path.name: (kind, config) for kind, config, path in calls}
    assert list(by_name) == [
        *("teacher", "visible-only", "thermal-only", "decision-level"),
        *("native", "student", "distilled"),
    ]
    kind, config = by_name["decision-level"]
    seed_dir = tmp_path / "seed0"
    assert (kind, config) == (
        "fuse",
        FuseConfig(seed_dir / "visible-only", seed_dir / "thermal-only"),
    )
    assert isinstance(by_name["thermal-only"][1].network, ThermalOnlyConfig)


def test_student_alone_differs_from_the_distilled_one_by_its_teacher_alone(
    calls: Any, tmp_path: Path
) -> None:
    """Network, data, schedule and seed are the same: what is left is distillation."""
    run(create_rows(configure_synthetic), tmp_path, [3])
    configs = {path.name: config for _, config, path in calls}
    student, distilled = configs["student"], configs["distilled"]
    for field in TrainConfig.__dataclass_fields__:
        assert getattr(student, field) == getattr(distilled, field), field
    assert not isinstance(student, DistillConfig)
    assert isinstance(distilled, DistillConfig)


def test_killed_process_ends_the_study_with_a_remedy(
    calls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(config: Any, run_dir: Path, **options: Any) -> RunResult:
        raise BrokenProcessPool("terminated abruptly")

    monkeypatch.setattr(study, "train", die)
    message = r"seed0/first: its process or another was killed.*--num-workers 1"
    with pytest.raises(MdjaxError, match=message):
        run({"first": train_row()}, tmp_path, [0])

    @contextlib.contextmanager
    def open_broken_workers(num_workers: int) -> Iterator[Any]:
        yield lambda *arguments: die(
            *arguments[2:4]
        )  # An idle worker was killed: it is found when work is submitted.

    monkeypatch.setattr(study, "open_workers", open_broken_workers)
    with pytest.raises(MdjaxError, match=message):
        run({"first": train_row()}, tmp_path, [0])


def test_last_missing_run_has_as_many_cores_as_before(
    calls: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed alone with all cores, it would round differently; with nothing left, none starts."""
    opened: list[int] = []

    @contextlib.contextmanager
    def open_here(num_workers: int) -> Iterator[Any]:
        opened.append(num_workers)
        with open_workers(1) as submit:
            yield submit

    monkeypatch.setattr(study, "open_workers", open_here)
    rows = {"first": train_row(), "second": train_row()}
    for wanted in (["first"], ["first", "second"], ["first", "second"]):
        chosen = {name: rows[name] for name in wanted}
        run(chosen, tmp_path, [0], num_workers=2)
    assert opened == [2, 2, 1]


def test_damaged_run_is_named_and_left_aside(
    calls: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its student fails with it, all others are trained; nothing in its folder is touched."""
    rows = {"teacher": train_row(), "native": train_row(), "distilled": distil_row("teacher")}
    damaged = tmp_path / "seed0" / "teacher" / "config.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{ no json")
    results = run(rows, tmp_path, [0, 1])
    assert [(failure.row, failure.seed) for failure in results.failures] == [
        ("teacher", 0),
        ("distilled", 0),
    ]
    assert str(damaged) in results.failures[0].reason
    assert {row: list(by_seed) for row, by_seed in results.runs.items()} == {
        "teacher": [1],
        "native": [0, 1],
        "distilled": [1],
    }
    assert damaged.read_text() == "{ no json"
    assert list(damaged.parent.iterdir()) == [damaged]


def test_run_with_a_damaged_checkpoint_is_left_aside_too(calls: Any, tmp_path: Path) -> None:
    rows = {"native": train_row(), "other": train_row()}
    run_dir = tmp_path / "seed0" / "native"
    config = list_jobs(rows, tmp_path, [0])[0].config
    with RunDirectory(run_dir).create(store_config(config, run_dir)):
        pass
    damaged = run_dir / "checkpoints" / "last" / "metadata.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text('{"step": 3')
    results = run(rows, tmp_path, [0])
    (failure,) = results.failures
    assert failure.row == "native"
    assert str(damaged) in failure.reason
    assert list(results.runs["other"]) == [0]


def test_run_that_needs_two_that_fail_is_reported_once(calls: Any, tmp_path: Path) -> None:
    rows = {
        "a": train_row(),
        "b": distil_row("a"),
        "both": lambda runs: FuseConfig(visible=runs["a"], thermal=runs["b"]),
    }
    damaged = tmp_path / "seed0" / "a" / "config.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("")
    failed = [failure.row for failure in run(rows, tmp_path, [0]).failures]
    assert sorted(failed) == ["a", "b", "both"]


def test_wanted_jobs_bring_what_they_need(tmp_path: Path) -> None:
    rows = {
        "teacher": train_row(),
        "native": train_row(),
        "distilled": distil_row("teacher"),
        "again": distil_row("distilled"),
    }
    jobs = list_jobs(rows, tmp_path, [0, 1])
    wanted = [job for job in jobs if job.row == "again" and job.seed == 1]
    assert [(job.row, job.seed) for job in add_needed(wanted, jobs)] == [
        ("teacher", 1),
        ("distilled", 1),
        ("again", 1),
    ]
    assert add_needed([], jobs) == []
