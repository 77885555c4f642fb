"""`mdjax reproduce`: tables on a few generated scenes, with tiny networks."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments import tables as declared
from experiments.tables.figures import FIG3, FIG4_LABELS, FIGURES
from experiments.tables.rows import create_all_rows
from experiments.tables.settings import LABEL_SCORES, LOWER_IS_BETTER
from mdjax.cli import reproduce
from mdjax.figures.figure import Figure
from mdjax.recipes import configure_synthetic
from mdjax.studies.comparison import Difference
from mdjax.studies.jobs import find_twins, list_jobs
from mdjax.studies.table import Setting, Table, TableRow
from tests.cli.running import run
from tests.conftest import SmallRuns, SmallScenes
from tests.predict.image_files import read_image
from tests.runs.small import shrink, stop_kindly, stopping_after

TABLE = Table(
    name="table0",
    title="Table 0: a small one",
    headings=("network",),
    rows=(
        TableRow(("another's",), published={"mAcc all": "45.1"}),
        TableRow(("teacher",), "teacher", num_seeds=1),
        TableRow(("native",), "native", {"mAcc all": "58.21 ± 0.46"}, num_seeds=2),
        TableRow(("MD",), "distilled", {"mAcc all": "63.52 ± 0.87"}, num_seeds=1),
        TableRow(("MD, MSE",), "distilled-mse", num_seeds=1),
    ),
    scores=("mAcc day", "mAcc all"),
    differences=(Difference("distilled", "native", "MD"),),
    settings={},
)


def make_tables(scenes: SmallScenes) -> tuple[Table]:
    def recipe(base: Any, network: Any) -> Any:
        return replace(shrink(configure_synthetic(base, network)), dataset=scenes.dataset)

    setting = Setting("tiny", recipe, LABEL_SCORES)
    return (replace(TABLE, settings={"small": setting, "paper": setting}),)


def make_figures(table: Table) -> tuple[Figure, ...]:
    return tuple(
        replace(figure, name=name, settings=table.settings)
        for name, figure in (("fig0", FIG3), ("fig9", FIG4_LABELS))
    )


@pytest.fixture
def typed(small_scenes: SmallScenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A command on a small table, with all its folders."""
    tables = make_tables(small_scenes)
    monkeypatch.setattr(reproduce, "TABLES", tables)
    monkeypatch.setattr(reproduce, "FIGURES", make_figures(tables[0]))
    folders = ["--data-dir", small_scenes.data_dir, "--runs-dir", tmp_path / "runs"]
    return ["reproduce", "table0", *folders, "--results-dir", tmp_path / "results"]


def bring_finished_runs(small_runs: SmallRuns, runs_dir: Path) -> None:
    """What was trained for other tests has the same configurations: teacher, native, distilled."""
    for row in ("teacher", "native", "distilled"):
        shutil.copytree(small_runs.root / row, runs_dir / "tiny" / "seed0" / row)


def test_table_is_trained_once_written_and_made_again_without_weights(
    typed: list[Any], small_runs: SmallRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*typed, "--dry-run") == 0
    planned = capsys.readouterr().out
    assert "tiny: 4 runs to train, 0 finished" in planned
    assert "  distilled, seed 0: time not known yet" in planned
    assert not (tmp_path / "runs").exists()

    bring_finished_runs(small_runs, tmp_path / "runs")
    assert run(*typed) == 0
    shown = capsys.readouterr()
    assert "4 of 4 runs done" in shown.err
    assert shown.err.count("finished before") == 3
    assert "| another's |  |  |  |  | 45.1 |" in shown.out
    results = tmp_path / "results"
    kept = sorted(path.name for path in (results / "tiny").iterdir())
    assert kept == [
        *("seed0_distilled.json", "seed0_native.json", "seed0_teacher.json", "seed1_native.json")
    ]
    values = json.loads((results / "table0_small.json").read_text())
    by_row = {row["row"]: row for row in values["rows"]}
    assert by_row["native"]["measured"]["mAcc all"]["num_seeds"] == 2
    # The recipe distils by the MSE: its student and that of the ablation are one run.
    assert by_row["distilled-mse"]["measured"] == by_row["distilled"]["measured"]
    first = json.loads((results / "tiny" / "seed0_native.json").read_text())
    assert first["command"] == "mdjax reproduce table0"
    assert first["result"]["run_dir"] == "tiny/seed0/native"
    assert str(tmp_path) not in json.dumps(first)
    (native,) = [row for row in values["rows"] if row["row"] == "native"]
    assert native["published"] == {"mAcc all": "58.21 ± 0.46"}
    scored = first["result"]["scores"]["test"]["mean_accuracy_9/all"]
    assert LABEL_SCORES["mAcc all"].compute(first["images"]) == pytest.approx(scored)
    assert (results / "table0_small.png").is_file()
    markdown = (results / "table0_small.md").read_text()
    assert markdown.strip() in shown.out

    # Figures need the weights, which are still there; that of masks one network more.
    figures = ["reproduce", "fig0", "fig9", *typed[2:]]
    assert run(*figures, "--dry-run") == 0
    assert capsys.readouterr().out.count("distilled-focal, seed 0") == 1
    assert run(*figures) == 0
    assert "1 of 1 run done" in capsys.readouterr().err
    assert read_image(results / "fig0_small.png").std() > 10
    assert (results / "fig9_small.png").is_file()
    told = json.loads((results / "fig0_small.json").read_text())
    assert {image["group"] for image in told["images"]} == {
        "most improved",
        "median",
        "most worsened",
    }

    shutil.rmtree(tmp_path / "runs")
    assert run(*figures, "--tables-only") == 0
    assert "not drawn, its runs are not here" in capsys.readouterr().err
    assert run(*typed) == 0
    again = capsys.readouterr()
    assert "runs done" not in again.err
    assert again.out == shown.out
    assert (results / "table0_small.md").read_text() == markdown
    assert run(*typed, "--dry-run") == 0
    assert "0 runs to train" in capsys.readouterr().out

    # A student that is missing brings its teacher back; the teacher's result stays as it is.
    (results / "tiny" / "seed0_distilled.json").unlink()
    teacher = (results / "tiny" / "seed0_teacher.json").read_bytes()
    assert run(*typed, "--dry-run") == 0
    assert "tiny: 2 runs to train" in capsys.readouterr().out
    bring_finished_runs(small_runs, tmp_path / "runs")
    assert run(*typed) == 0
    assert "1 of 1 run done" in capsys.readouterr().err
    assert (results / "tiny" / "seed0_teacher.json").read_bytes() == teacher
    assert (results / "table0_small.md").read_text() == markdown

    assert run(*typed, "--num-steps", "3") == 2
    message = capsys.readouterr().err
    assert "was trained with other settings" in message
    assert "loop.num_steps: 4 in the file, 3 now" in message


def test_row_that_fails_is_reported_and_the_rest_goes_on(
    typed: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "runs" / "tiny" / "seed0" / "teacher" / "config.json"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{")
    assert run(*typed, "--num-seeds", "1", "--json") == 2
    shown = capsys.readouterr()
    assert "FAILED: distilled, seed 0: needs teacher, which failed." in shown.err
    assert f"{damaged}: damaged" in shown.err
    values = json.loads(shown.out)["table0"]
    assert {row["row"]: row["measured"] for row in values["rows"]}["native"]["mAcc all"]["mean"] > 0
    assert list((tmp_path / "results" / "tiny").iterdir()) == [
        tmp_path / "results" / "tiny" / "seed0_native.json"
    ]


def test_results_of_shards_are_merged(
    typed: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = [*typed, "--num-seeds", "1", "--shard"]
    assert run(*here, "1/2", "--dry-run") == 0
    assert "teacher, seed 0" in capsys.readouterr().out
    assert run(*here, "2/2", "--results-dir", tmp_path / "other") == 0
    assert [path.name for path in (tmp_path / "other" / "tiny").iterdir()] == ["seed0_native.json"]
    capsys.readouterr()
    merging = [*typed, "--merge", tmp_path / "other"]
    assert run(*merging, "--dry-run") == 0
    shown = capsys.readouterr()
    assert f"1 result for {tmp_path / 'results' / 'tiny'} to be copied" in shown.err
    assert "tiny: 3 runs to train, 1 finished" in shown.out
    assert not (tmp_path / "results").exists()
    assert run(*merging, "--tables-only") == 0
    shown = capsys.readouterr()
    assert f"1 result for {tmp_path / 'results' / 'tiny'} copied" in shown.err
    assert "| native | 1 |" in shown.out


@pytest.mark.parametrize("option", ["--dry-run", "--tables-only"])
def test_folder_without_results_to_merge_is_refused(
    typed: list[Any], tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "all" / "m1" / "tiny"
    rows.mkdir(parents=True)
    for folder in (rows, rows.parent.parent):  # Too deep, too high.
        assert run(*typed, option, "--merge", folder) == 2
        message = capsys.readouterr().err
        assert f"--merge {folder}: there are no results in tiny/ below it" in message
        assert f"give {rows.parent}." in message
    assert run(*typed, option, "--merge", rows.parent) == 2
    assert "give another or omit it" in capsys.readouterr().err


def test_name_after_an_option_of_many_values_is_not_swallowed(
    typed: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("reproduce", "--merge", "m1", "table0") == 2
    assert "--merge took table0 for one of its values" in capsys.readouterr().err


def test_data_that_are_not_prepared_are_asked_for(
    typed: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*typed, "--data-dir", tmp_path / "nothing") == 2
    message = capsys.readouterr().err
    assert f"is not prepared in {tmp_path / 'nothing'}" in message
    assert "--data-dir" in message
    assert run(*typed, "--data-dir", tmp_path / "nothing", "--dry-run") == 0
    assert f"is not prepared in {tmp_path / 'nothing'}" in capsys.readouterr().out


def test_plan_is_one_json_object_even_where_a_row_is_damaged(
    typed: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*typed, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["num_runs"] == len(plan["settings"]["tiny"]["runs"]) == 4
    assert plan["settings"]["tiny"]["runs"][0] == {
        "row": "teacher",
        "seed": 0,
        "seconds": None,
        "is_kept": False,
    }
    assert plan["settings"]["tiny"]["missing_data"] is None

    damaged = tmp_path / "results" / "tiny" / "seed1_native.json"
    damaged.mkdir(parents=True)
    assert run(*typed, "--dry-run", "--json") == 2
    shown = capsys.readouterr()
    (unreadable,) = json.loads(shown.out)["settings"]["tiny"]["unreadable"]
    assert (unreadable["row"], unreadable["seed"]) == ("native", 1)
    assert f"some rows failed:\nnative, seed 1: {damaged}: cannot be read" in shown.err
    for option in ("--dry-run", "--tables-only"):
        assert run(*typed, option) == 2
        assert f"some rows failed:\nnative, seed 1: {damaged}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--num-seeds", 0], "num_seeds is 0; give 1 or more"),
        (["--num-steps", 0], "num_steps is 0; give 1 or more"),
        (["--num-workers", 0], "num_workers is 0; give 1 or more"),
        (["--num-draws", 99], "num_draws is 99; give 100 or more"),
        (["--shard", "3/2"], "such as 1/3"),
        (["--merge", "nowhere"], "nowhere: there is no such folder"),
    ],
)
def test_impossible_options_are_refused(
    typed: list[Any], options: list[Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*typed, *options, "--dry-run") == 2
    assert message in capsys.readouterr().err


def test_table_names_all_that_decides_its_numbers(
    typed: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--num-steps", 3, "--num-seeds", 1, "--num-draws", 400, "--num-workers", 2]
    assert run(*typed, *options, "--tables-only") == 0
    command = "mdjax reproduce table0 --num-seeds 1 --num-steps 3 --num-draws 400"
    assert f"`{command}`: percent" in capsys.readouterr().out
    assert (
        json.loads((tmp_path / "results" / "table0_small.json").read_text())["command"] == command
    )


def test_seeds_beyond_the_folds_and_too_few_draws_for_a_table_are_refused(
    typed: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = reproduce.TABLES[0]
    in_folds = {"small": replace(table.settings["small"], num_folds=2)}
    compared = tuple(replace(table.differences[0], meaning=f"{i}") for i in range(4))
    monkeypatch.setattr(
        reproduce, "TABLES", (replace(table, differences=compared, settings=in_folds),)
    )
    assert run(*typed, "--num-seeds", 3, "--dry-run") == 2
    assert "tiny has 2 folds, and seed s tests fold s: give at most 2." in capsys.readouterr().err
    assert run(*typed, "--num-draws", 158, "--dry-run") == 2
    assert "none of 4 differences that are judged together" in capsys.readouterr().err
    assert run(*typed, "--num-draws", 159, "--num-seeds", 2, "--dry-run") == 0


def test_tables_are_listed_and_a_wrong_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("reproduce") == 0
    listed = capsys.readouterr().out
    for item in (*declared.TABLES, *FIGURES):
        assert f"  {item.name} " in listed
    assert run("reproduce", "tabel4") == 2
    assert "did you mean table4?" in capsys.readouterr().err


@pytest.mark.parametrize("figure", FIGURES, ids=[figure.name for figure in FIGURES])
def test_declared_figure_is_complete(figure: Figure) -> None:
    for setting in figure.settings.values():
        assert set(figure.rows) <= set(create_all_rows(setting.recipe))


@pytest.mark.parametrize("table", declared.TABLES, ids=[table.name for table in declared.TABLES])
def test_declared_table_is_complete(table: Table) -> None:
    """Every row can be trained, every difference is between rows of the table."""
    assert set(table.settings) - {"medium"} == {"small", "paper"}
    for setting in table.settings.values():
        rows = create_all_rows(setting.recipe)
        assert set(table.num_seeds) <= set(rows)
        assert set(table.scores) & set(setting.scores)
        assert set(setting.lower_is_better) <= set(LOWER_IS_BETTER) & set(setting.scores)
        # Seeds beyond the folds would train and test the same images again.
        assert setting.num_folds == 0 or max(table.num_seeds.values()) <= setting.num_folds
        needed = setting.count_needed_draws(len(table.differences))
        assert needed <= reproduce.Reproduce.num_draws
    for row in table.rows:
        assert len(row.label) == len(table.headings)
        assert set(row.published) <= set(table.scores)
        assert row.row or row.published
    for difference in table.differences:
        assert {difference.minuend, difference.subtrahend} <= set(table.num_seeds)


@pytest.mark.parametrize("table", declared.TABLES, ids=[table.name for table in declared.TABLES])
def test_published_numbers_that_stand_twice_are_explained(table: Table) -> None:
    """Two rows with all numbers of a paper alike look like a copying error."""
    published = [tuple(row.published.items()) for row in table.rows if len(row.published) > 1]
    twice = {numbers for numbers in published if published.count(numbers) > 1}
    assert all(number.split()[0] in table.note for of_row in twice for _, number in of_row)


def test_rows_differ_unless_they_are_meant_to_be_one(tmp_path: Path) -> None:
    """In the small settings MD uses the MSE; the paper's uses F-MSE. Boxes have no contrast.

    Nothing else is a twin.
    """
    twin_of = {"small": "distilled-mse", "medium": "distilled-focal", "paper": "distilled-focal"}
    for table, of_task in (
        (declared.TABLE1, {"csknet-no-contrast": "csknet"}),
        (declared.TABLE2, {}),
    ):
        for scale, setting in table.settings.items():
            twin, rows = twin_of[scale], create_all_rows(setting.recipe)
            twins = {row: other for row, other in find_twins(rows).items() if row != other}
            assert twins == {twin: "distilled"} | of_task
            assert len(list_jobs(rows, tmp_path, [0])) == len(rows)


def test_scale_that_a_table_lacks_is_refused_and_all_leaves_it_out(
    typed: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {"small": reproduce.TABLES[0].settings["small"]}
    lacking = replace(reproduce.TABLES[0], name="table1", settings=small)
    monkeypatch.setattr(reproduce, "TABLES", (*reproduce.TABLES, lacking))
    monkeypatch.setattr(reproduce, "FIGURES", ())
    options = [*typed[2:], "--scale", "paper", "--dry-run"]
    assert run("reproduce", "table0", "table1", *options) == 2
    assert "there is no paper scale of table1" in capsys.readouterr().err
    assert run("reproduce", "all", *options) == 0
    assert "tiny: 4 runs to train" in capsys.readouterr().out


def test_names_are_unique() -> None:
    names = [item.name for item in (*declared.TABLES, *FIGURES)]
    assert len(set(names)) == len(names)


def test_interrupted_command_continues_and_gives_the_same_rows(
    typed: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = reproduce.TABLES[0]
    in_folds = replace(table.settings["small"], num_folds=2)
    native = replace(table, rows=table.rows[2:3], differences=(), settings={"small": in_folds})
    monkeypatch.setattr(reproduce, "TABLES", (native,))
    with stopping_after(2, stop_kindly):
        assert run(*typed, "--num-seeds", "1") == 130
    assert "The same command continues." in capsys.readouterr().err
    assert not (tmp_path / "results" / "tiny").exists()
    assert run(*typed, "--num-seeds", "1") == 0
    elsewhere = ["--runs-dir", tmp_path / "others", "--results-dir", tmp_path / "elsewhere"]
    assert run(*typed, "--num-seeds", "1", *elsewhere) == 0
    continued, whole = (
        json.loads((tmp_path / folder / "tiny" / "seed0_native.json").read_text())
        for folder in ("results", "elsewhere")
    )
    assert continued["configs"]["native"]["folds"]["num_folds"] == 2
    assert continued["images"] == whole["images"]
    assert continued["log"] == whole["log"]
    assert continued["result"]["scores"] == whole["result"]["scores"]
