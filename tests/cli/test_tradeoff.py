"""`mdjax tradeoff`: cameras on a few generated scenes, with tiny networks."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.tables.rows import create_all_rows
from experiments.tables.settings import LABEL_SCORES, SETTINGS
from mdjax.cli import tradeoff
from mdjax.recipes import RECIPES, configure_synthetic
from mdjax.studies.jobs import list_jobs
from mdjax.studies.table import Setting
from mdjax.tradeoff.measured import list_titles
from mdjax.tradeoff.rows import declare_tradeoff
from mdjax.tradeoff.sensors import list_sensors
from tests.cli.running import run
from tests.conftest import SmallRuns, SmallScenes
from tests.runs.small import SIZE_HW, shrink


@pytest.fixture
def typed(small_scenes: SmallScenes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A command for two cameras, with all its folders."""

    def recipe(base: Any, network: Any) -> Any:
        return replace(shrink(configure_synthetic(base, network)), dataset=small_scenes.dataset)

    setting = Setting("tiny", recipe, LABEL_SCORES)
    monkeypatch.setattr(tradeoff, "SETTINGS", {"tiny": setting})
    folders = ["--data-dir", small_scenes.data_dir, "--runs-dir", tmp_path / "runs"]
    options = ["--results-dir", tmp_path / "results", "--num-seeds", 1]
    return ["tradeoff", "tiny", *folders, *options, "--resolutions", "16x"]


def test_cameras_are_compared_once_and_again_without_training(
    typed: list[Any], small_runs: SmallRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three of the five runs are finished in their directories; all are kept."""
    for row in ("teacher", "native", "distilled"):
        shutil.copytree(small_runs.root / row, tmp_path / "runs" / "tiny" / "seed0" / row)
    assert run(*typed, "--dry-run") == 0
    assert "tiny: 5 runs to train, 0 finished" in capsys.readouterr().out

    assert run(*typed, "--cross") == 0
    shown = capsys.readouterr()
    assert "5 of 5 runs done" in shown.err
    results = tmp_path / "results"
    kept = sorted(path.name for path in (results / "tiny").iterdir())
    rows = ("distilled", "distilled-full", "native", "native-full", "teacher")
    assert kept == sorted(f"seed0_{row}.json" for row in rows)
    assert (results / "tradeoff_tiny.png").is_file()
    assert (results / "tradeoff_tiny.md").read_text() == shown.out.removesuffix("\n")
    assert "| 16x (12x8) | 96 | native | 1 |" in shown.out
    assert "| full (48x32) | 1,536 | teacher | 1 |" in shown.out

    values = json.loads((results / "tradeoff_tiny.json").read_text())
    coarse, full = values["cameras"]
    row = json.loads((results / "tiny" / "seed0_native.json").read_text())
    scored = row["result"]["scores"]["test"]["mean_accuracy_9/all"]
    native = coarse["networks"]["native"]["scores"]["mAcc all"]["points"]
    assert native == pytest.approx(scored)
    loss = coarse["networks"]["native"]["losses"]["mAcc all"]["points"]
    best = full["networks"]["native"]["scores"]["mAcc all"]["points"]
    assert loss == pytest.approx(native - best)
    assert set(values["costs"]) == {"teacher", "visible-only", "native", "distilled"}
    assert all(cost["gflop"] > 0 for cost in values["costs"].values())
    assert values["costs"]["native"]["num_parameters"] == row["result"]["num_parameters"]
    # Seen as it was trained, a network has the score that was kept.
    crossed = {(x["row"], x["sees"]): x["score"] for x in values["cross"]["scores"]}
    assert len(crossed) == 8
    assert crossed["native", "16x"] == pytest.approx(native)
    assert crossed["native-full", "full"] == pytest.approx(best)

    assert shown.err.count("measuring what networks cost ...") == 1

    # Nothing is measured anew: the costs are those of the report before.
    values["costs"]["native"]["milliseconds"] = 123.5
    (results / "tradeoff_tiny.json").write_text(json.dumps(values))
    assert run(*typed, "--tables-only", "--json") == 0
    again = capsys.readouterr()
    assert "measuring" not in again.err
    assert "runs done" not in again.err
    rewritten = json.loads(again.out)
    assert rewritten["costs"] == values["costs"]
    assert rewritten["machine"] == values["machine"]
    assert "| 123.5 |" in (results / "tradeoff_tiny.md").read_text()
    (results / "tradeoff_tiny.json").unlink()
    assert run(*typed, "--tables-only") == 0
    shown = capsys.readouterr()
    assert "measuring" not in shown.err
    assert "Not measured: the same command without `--tables-only` measures them" in shown.out
    assert run(*typed, "--num-steps", "3") == 2
    assert "was trained with other settings" in capsys.readouterr().err


def test_kept_rows_and_prices_make_the_table_without_data_or_weights(
    typed: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.csv"
    prices.write_text("camera,width,height,price\nModule,12,8,350\n")
    options = ["--tables-only", "--noise", 0.05, "--cross", "--data-dir", tmp_path / "nothing"]
    assert run(*typed, *options, "--prices", prices, "--axis", "price", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert [(x["name"], x["price"]) for x in values["cameras"]] == [
        *(("none", 0.0), ("Module", 350.0), ("full", None))
    ]
    assert [x["noise_std"] for x in values["noises"]] == [0.0, 0.05]
    assert values["noises"][1]["networks"]["native"]["row"] == "native-noise-0.05"
    assert values["cameras"][0]["networks"]["native"]["row"] == "visible-only"
    assert values["recommendations"][0]["by"] == "cheapest"
    assert values["costs"] == {}
    assert values["cross"]["seed"] is None
    text = (tmp_path / "results" / "tradeoff_tiny.md").read_text()
    assert "| Module (12x8) | 96 | 350 | native | 0 | – |" in text  # noqa: RUF001
    assert "## Noise of the 16x camera" in text
    assert "There are no weights in the run directories; nothing is trained here." in text
    assert (tmp_path / "results" / "tradeoff_tiny.png").is_file()


def test_another_data_set_and_other_folds_have_their_own_folder(
    typed: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    folds = ["--dataset", "my/pairs", "--num-folds", 3]
    assert run(*typed, *folds, "--dry-run") == 0
    planned = capsys.readouterr().out
    assert "tiny-my_pairs-3-folds: 5 runs to train" in planned
    assert "the data set my/pairs is not prepared in" in planned
    assert run(*typed, *folds, "--num-seeds", 4, "--dry-run") == 2
    assert "tiny-my_pairs-3-folds has 3 folds" in capsys.readouterr().err


def test_plan_is_one_json_object(typed: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*typed, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["num_runs"] == len(plan["settings"]["tiny"]["runs"]) == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--axis", "price"], "an axis of prices needs a price list"),
        (["--within", "-1"], "within is -1.0; give 0 or more points"),
        (["--num-seeds", "0"], "num_seeds is 0"),
        (["--num-draws", "1"], "num_draws is 1; give 100 or more"),
        (
            ["--num-folds", "2", "--num-draws", "118", "--resolutions", "16x", "4x"],
            "none of 3 differences that are judged together could be beyond the noise; give 119",
        ),
        (["--resolutions", "640x480"], "larger than the thermal image"),
        (["--noise", "2"], "camera noise_std = 2.0"),
        (["--num-folds", "1"], "num_folds is 1"),
    ],
)
def test_impossible_options_are_refused(
    typed: list[Any], options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*typed, *options, "--dry-run") == 2
    assert message in capsys.readouterr().err


def test_recipes_are_listed_and_a_wrong_name_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("tradeoff") == 0
    listed = capsys.readouterr().out
    assert all(f"  {recipe}\n" in listed for recipe in RECIPES)
    assert run("tradeoff", "--resolutions", "4x", "mfnet-small") == 2
    assert "give mfnet-small before --resolutions" in capsys.readouterr().err
    assert run("tradeoff", "mfnet-smal") == 2
    assert "did you mean mfnet-small?" in capsys.readouterr().err


def test_there_is_a_setting_for_every_recipe() -> None:
    assert set(SETTINGS) == set(RECIPES)
    for name, setting in SETTINGS.items():
        assert setting.recipe is RECIPES[name][0]
        assert set(list_titles(setting)) <= set(setting.scores)


def test_rows_are_those_of_the_tables(tmp_path: Path) -> None:
    """Under the same name the same configuration: results are shared with `reproduce`."""
    sensors = list_sensors(["none", "64x", "16x", "4x", "full"], SIZE_HW)
    compared = declare_tradeoff(configure_synthetic, sensors, [])
    rows = compared.create_rows(configure_synthetic, lambda config: config)
    mine = {job.row: job.config for job in list_jobs(rows, tmp_path, [0])}
    tables = create_all_rows(configure_synthetic)
    theirs = {job.row: job.config for job in list_jobs(tables, tmp_path, [0])}
    wanted = compared.wanted_rows
    assert len(wanted) == 11
    assert {row: mine[row] for row in wanted} == {row: theirs[row] for row in wanted}
