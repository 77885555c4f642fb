"""What is to be trained: kept rows are not, what they need only where it is needed."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdjax.models.config import ImageLevelConfig, MdStudentConfig, VisibleOnlyConfig
from mdjax.recipes import configure_synthetic
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.results import describe_environment
from mdjax.studies import plan as plan_module
from mdjax.studies.jobs import Row, find_twins, list_jobs
from mdjax.studies.kept_rows import KeptRow, KeptRows, list_configs
from mdjax.studies.plan import Plan, Shard, make_plan
from mdjax.studies.plan_report import describe_plans, summarise_plans
from mdjax.studies.reproduction import estimate_left, format_duration
from mdjax.studies.table import Setting
from mdjax.types import MdjaxError

SETTING = Setting("here", configure_synthetic, {}, num_folds=4)


def train_row(network: Any = ImageLevelConfig) -> Row:
    return lambda runs: configure_synthetic(TrainConfig(), network)


def distil_row(teacher: str = "teacher") -> Row:
    return lambda runs: configure_synthetic(DistillConfig(teacher=runs[teacher]), MdStudentConfig)


ROWS = {
    "teacher": train_row(),
    "native": train_row(VisibleOnlyConfig),
    "distilled": distil_row(),
    "twin": distil_row(),
}


def plan(tmp_path: Path, num_seeds: dict[str, int], **options: Any) -> Plan:
    kept = KeptRows(tmp_path / "kept")
    return make_plan(SETTING, ROWS, num_seeds, kept=kept, study_dir=tmp_path / "runs", **options)


def keep(plan: Plan, row: str, seed: int, **changes: Any) -> None:
    """Pretend that a run was finished on another machine."""
    job = next(job for job in plan.jobs if (job.row, job.seed) == (row, seed))
    kept = KeptRow(
        row=row,
        seed=seed,
        configs=list_configs(job, plan.jobs),
        dataset_fingerprint="",
        result={"environment": describe_environment()},
        images=[],
        log=[],
        steps_per_second=2.0,
        command="typed",
    )
    plan.kept.write(replace(kept, **changes))


def list_todo(plan: Plan) -> list[tuple[str, int]]:
    return [(job.row, job.seed) for job in plan.todo]


def test_seed_tests_the_fold_of_its_number(tmp_path: Path) -> None:
    jobs = plan(tmp_path, {"native": 5}).jobs
    folds = [job.config.folds for job in jobs if isinstance(job.config, TrainConfig)]
    assert [(f.num_folds, f.tested) for f in folds] == [(4, 0), (4, 1), (4, 2), (4, 3), (4, 0)]
    assert [getattr(job.config, "seed", None) for job in jobs] == [0, 1, 2, 3, 4]


def test_rows_bring_what_they_need(tmp_path: Path) -> None:
    assert list_todo(plan(tmp_path, {"distilled": 1, "native": 2})) == [
        ("teacher", 0),
        ("native", 0),
        ("distilled", 0),
        ("native", 1),
    ]


def test_kept_rows_are_not_trained_even_without_their_weights(tmp_path: Path) -> None:
    wanted = {"teacher": 1, "distilled": 1}
    first = plan(tmp_path, wanted)
    keep(first, "distilled", 0)
    assert list_todo(plan(tmp_path, wanted)) == [("teacher", 0)]
    keep(first, "teacher", 0)
    assert list_todo(plan(tmp_path, wanted)) == []
    # Pictures need the weights, a student needs those of its teacher.
    assert list_todo(plan(tmp_path, wanted, drawn_rows=["distilled"])) == [
        ("teacher", 0),
        ("distilled", 0),
    ]
    assert list_todo(plan(tmp_path, {"teacher": 1, "distilled": 2}))[0] == ("teacher", 1)
    plan(tmp_path, wanted).kept.get_path("distilled", 0).unlink()
    assert list_todo(plan(tmp_path, wanted)) == [("teacher", 0), ("distilled", 0)]


def test_twins_are_one_run(tmp_path: Path) -> None:
    assert find_twins(ROWS)["twin"] == "distilled"
    todo = list_todo(plan(tmp_path, {"twin": 2, "distilled": 1}))
    assert todo == [("teacher", 0), ("distilled", 0), ("teacher", 1), ("distilled", 1)]


def test_row_of_other_settings_is_never_mixed_in(tmp_path: Path) -> None:
    first = plan(tmp_path, {"native": 1})
    keep(first, "native", 0)
    path = first.kept.get_path("native", 0)
    longer = {"native": lambda runs: change_steps(ROWS["native"](runs))}
    with pytest.raises(MdjaxError, match="was trained with other settings") as refusal:
        make_plan(SETTING, longer, {"native": 1}, kept=first.kept, study_dir=tmp_path / "runs")
    assert str(path) in str(refusal.value)
    assert "native: loop.num_steps: 300 in the file, 999 now" in str(refusal.value)
    assert "--results-dir" in str(refusal.value)


def test_student_of_another_teacher_is_never_mixed_in(tmp_path: Path) -> None:
    keep(plan(tmp_path, {"distilled": 1}), "distilled", 0)
    others = {**ROWS, "teacher": lambda runs: change_steps(ROWS["teacher"](runs))}
    kept = KeptRows(tmp_path / "kept")
    with pytest.raises(MdjaxError, match=r"teacher: loop\.num_steps"):
        make_plan(SETTING, others, {"distilled": 1}, kept=kept, study_dir=tmp_path)


def test_start_from_weights_is_a_setting_their_place_is_not(tmp_path: Path) -> None:
    def start(weights: Any) -> dict[str, Row]:
        return {"native": lambda runs: replace(ROWS["native"](runs), pretrained=weights)}  # type: ignore[arg-type]

    kept, study_dir = KeptRows(tmp_path / "kept"), tmp_path / "runs"
    options: Any = {"kept": kept, "study_dir": study_dir}
    keep(make_plan(SETTING, start("imagenet"), {"native": 1}, **options), "native", 0)
    here = make_plan(SETTING, start(Path("w.pth")), {"native": 1}, **options)
    assert not here.todo
    with pytest.raises(MdjaxError, match="pretrained"):
        make_plan(SETTING, start(None), {"native": 1}, **options)


def test_row_of_other_data_is_never_mixed_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(plan(tmp_path, {"native": 1}), "native", 0, dataset_fingerprint="before")
    monkeypatch.setattr(plan_module, "_find_fingerprint", lambda jobs: "now")
    with pytest.raises(MdjaxError, match="the prepared data set has other records"):
        plan(tmp_path, {"native": 1})


def change_steps(config: Any) -> Any:
    return replace(config, loop=replace(config.loop, num_steps=999))


def test_machines_share_out_the_work_and_keep_teachers_with_students(tmp_path: Path) -> None:
    wanted = {"distilled": 3, "native": 3}
    shards = [plan(tmp_path, wanted, shard=Shard(i, 3)) for i in (1, 2, 3)]
    parts = [list_todo(shard) for shard in shards]
    whole = list_todo(plan(tmp_path, wanted))
    assert sorted(x for part in parts for x in part) == sorted(whole)
    for part in parts:
        assert {seed for row, seed in part if row == "distilled"} == {
            seed for row, seed in part if row == "teacher"
        }
        assert len(part) == 3
    # What one machine has finished does not move the others' work.
    keep(plan(tmp_path, wanted), "native", 0)
    again = [list_todo(plan(tmp_path, wanted, shard=Shard(i, 3))) for i in (1, 2, 3)]
    assert [[x for x in part if x != ("native", 0)] for part in parts] == again


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_impossible_shard_is_refused(text: str) -> None:
    with pytest.raises(MdjaxError, match="such as 1/3"):
        Shard.parse(text)
    assert Shard.parse("2/3") == Shard(2, 3)


def test_time_comes_from_measured_steps(tmp_path: Path) -> None:
    """300 steps at 2 a second, as a row of this machine was measured, are 2.5 minutes."""
    wanted = {"native": 3, "teacher": 1}
    first = plan(tmp_path, wanted)
    assert first.seconds == {}
    assert "time not known yet" in "\n".join(describe_plans([first]))
    keep(first, "native", 0)
    keep(first, "native", 1, steps_per_second=100.0, result={"environment": {"device": "GPU"}})
    second = plan(tmp_path, wanted)
    assert set(second.seconds.values()) == {150.0}
    assert "  together about 2 min with 2 workers" in describe_plans([second], num_workers=2)
    assert summarise_plans([second], num_workers=2)["seconds"] == 150.0
    assert estimate_left(second, second.todo[:1], 0.0, 1) == "2 min"


def test_total_of_all_settings_ends_a_plan(tmp_path: Path) -> None:
    """Two runs of 2.5 minutes in one setting; one that nothing is known of in another."""
    keep(plan(tmp_path, {"native": 1}), "native", 0)
    known, unknown = plan(tmp_path, {"native": 3}), plan(tmp_path / "new", {"native": 1})
    assert describe_plans([known, known])[-1] == (
        "all settings: 4 runs to train, about 10 min with 1 worker"
    )
    assert describe_plans([known, unknown])[-1] == (
        "all settings: 3 runs to train, 1 of a time not known yet, the others about 5 min with 1 "
        "worker"
    )
    assert summarise_plans([known, unknown])["seconds"] is None
    assert not [line for line in describe_plans([known]) if line.startswith("all settings")]


def test_plan_says_why_a_kept_run_is_trained_again(tmp_path: Path) -> None:
    first = plan(tmp_path, {"distilled": 2})
    for job in first.jobs:
        keep(first, job.row, job.seed)
    drawn = plan(tmp_path, {"distilled": 1}, drawn_rows=["distilled"])
    head, *lines = describe_plans([drawn])
    assert head.startswith("here: 2 runs to train, 0 finished")
    assert lines[0].endswith(" (kept, but another run needs its weights)")
    assert lines[1].endswith(" (kept, but the picture needs its weights)")
    assert [x["is_kept"] for x in summarise_plans([drawn])["settings"]["here"]["runs"]] == [
        True,
        True,
    ]


@pytest.mark.parametrize("content", ["", "[]", "{", None], ids=["empty", "list", "cut", "folder"])
def test_plan_says_what_is_damaged(tmp_path: Path, content: str | None) -> None:
    first = plan(tmp_path, {"native": 2})
    keep(first, "native", 0)
    keep(first, "native", 1)
    path = first.kept.get_path("native", 1)
    path.unlink()
    path.mkdir() if content is None else path.write_text(content)
    again = plan(tmp_path, {"native": 2})
    assert not again.todo
    (line,) = describe_plans([again])
    assert "0 runs to train, 1 finished or not needed, 1 kept result damaged" in line
    told = summarise_plans([again])["settings"]["here"]
    assert told["num_finished"] == 1
    assert [(x["row"], x["seed"]) for x in told["unreadable"]] == [("native", 1)]
    assert str(path) in told["unreadable"][0]["reason"]


def test_time_left_falls_back_on_the_runs_so_far(tmp_path: Path) -> None:
    first = plan(tmp_path, {"native": 3})
    assert estimate_left(first, first.todo[1:], 600.0, 1) == "20 min"
    assert estimate_left(first, first.todo, 0.0, 1) == ""
    assert estimate_left(first, [], 600.0, 1) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(20, "less than a minute"), (90, "2 min"), (3_600, "1 h 00 min"), (7_500, "2 h 05 min")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_damaged_file_is_named(tmp_path: Path) -> None:
    first = plan(tmp_path, {"native": 1})
    keep(first, "native", 0)
    path = first.kept.get_path("native", 0)
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    again = plan(tmp_path, {"native": 2})
    (failure,) = again.unreadable
    assert (failure.row, failure.seed) == ("native", 0)
    assert f"{path}: damaged" in failure.reason
    # It is not written over; the others go on, and a table does without it.
    assert list_todo(again) == [("native", 1)]
    keep(again, "native", 1)
    said: list[str] = []
    assert [row.seed for row in again.kept.read_all("native", said.append)] == [1]
    assert said == [failure.reason]
    assert plan(tmp_path, {"native": 3}).seconds  # Others are measured.


@pytest.mark.parametrize("name", ["seed7_native", "seed00_native", "seed0_teacher", "seed0_natve"])
def test_file_named_after_another_row_or_seed_is_refused(tmp_path: Path, name: str) -> None:
    """Neither the good file is blamed for it, nor is what it holds trained again."""
    first = plan(tmp_path, {"native": 1})
    keep(first, "native", 0)
    path = first.kept.get_path("native", 0)
    misnamed = path.with_name(f"{name}.json")
    shutil.copyfile(path, misnamed)
    with pytest.raises(MdjaxError) as refusal:
        plan(tmp_path, {"native": 1})
    holds = f"{misnamed}: holds the result of native, seed 0, under the name of another."
    assert str(refusal.value) == f"{holds} Delete it: there is a seed0_native.json already."
    path.unlink()
    with pytest.raises(MdjaxError) as refusal:
        plan(tmp_path, {"native": 1})
    assert str(refusal.value) == f"{holds} Rename it to seed0_native.json, or delete it."
    with pytest.raises(MdjaxError, match="holds the result of native"):
        KeptRows(tmp_path / "here", (first.kept.folder,)).merge()
    misnamed.rename(path)
    assert not plan(tmp_path, {"native": 1}).todo


def test_row_of_other_settings_is_named_by_the_file_that_was_read(tmp_path: Path) -> None:
    """A seed that no table asks for, but that tables read."""
    first = plan(tmp_path, {"native": 8})
    keep(first, "native", 0)
    keep(first, "native", 7, configs=list_configs(first.jobs[0], first.jobs))
    with pytest.raises(MdjaxError, match=r"seed7_native\.json: was trained with") as refusal:
        plan(tmp_path, {"native": 1})
    assert "seed0_native" not in str(refusal.value)


def test_files_of_other_names_are_no_rows(tmp_path: Path) -> None:
    first = plan(tmp_path, {"native": 1})
    keep(first, "native", 0)
    path = first.kept.get_path("native", 0)
    for name in ("seed0 (copy)_native.json", "seedx_native.json", "seed1_native.json.bak"):
        (first.kept.folder / name).write_text("copy")
    assert [row.seed for row in first.kept.read_all("native", pytest.fail)] == [0]
    assert not plan(tmp_path, {"native": 1}).todo
    assert path.is_file()


def test_results_of_machines_are_merged(tmp_path: Path) -> None:
    first = plan(tmp_path, {"native": 2})
    keep(first, "native", 0)
    elsewhere = KeptRows(tmp_path / "elsewhere")
    job = first.jobs[1]
    keep(replace(first, kept=elsewhere), job.row, job.seed)
    both = replace(first.kept, merged=(elsewhere.folder, elsewhere.folder))
    assert [path.name for path in both.find_new()] == ["seed1_native.json"]
    # They are planned with before they are copied.
    assert not make_plan(SETTING, ROWS, {"native": 2}, kept=both, study_dir=tmp_path).todo
    assert list_todo(plan(tmp_path, {"native": 2})) == [("native", 1)]
    both.merge()
    assert both.find_new() == []
    assert [row.seed for row in first.kept.read_all("native", pytest.fail)] == [0, 1]
    keep(replace(first, kept=elsewhere), "native", 0, command="something else")
    with pytest.raises(MdjaxError, match="the same row and seed"):
        both.merge()


def test_row_of_other_settings_is_refused_before_it_is_merged(tmp_path: Path) -> None:
    """Also one that this command does not ask for: another one would be blocked by it."""
    first = plan(tmp_path, {"native": 1, "teacher": 1})
    elsewhere = KeptRows(tmp_path / "elsewhere")
    configs = list_configs(first.jobs[0], first.jobs)
    keep(replace(first, kept=elsewhere), "native", 0, configs={"native": configs["teacher"]})
    both = KeptRows(tmp_path / "kept", (elsewhere.folder,))
    with pytest.raises(MdjaxError, match=r"elsewhere/seed0_native\.json: was trained with other"):
        make_plan(SETTING, ROWS, {"teacher": 1}, kept=both, study_dir=tmp_path)


def test_merge_that_is_cut_leaves_whole_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = plan(tmp_path, {"native": 2})
    elsewhere = KeptRows(tmp_path / "elsewhere")
    for job in first.jobs:
        keep(replace(first, kept=elsewhere), job.row, job.seed)
    both = replace(first.kept, merged=(elsewhere.folder,))

    def fail(number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(MdjaxError, match=r"kept/seed0_native\.json: cannot be written"):
            both.merge()
    assert list(first.kept.folder.iterdir()) == []
    both.merge()
    assert len(first.kept.find()) == 2


def test_rows_whose_names_end_alike_are_told_apart(tmp_path: Path) -> None:
    jobs = list_jobs({"focal": ROWS["native"], "md_focal": ROWS["native"]}, tmp_path, [0])
    kept = KeptRows(tmp_path)
    for job in jobs:
        kept.write(KeptRow(job.row, 0, list_configs(job, jobs), "", {}, [], [], None, "typed"))
    assert [row.row for row in kept.read_all("focal", pytest.fail)] == ["focal"]
