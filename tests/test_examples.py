"""Each file in `examples` runs; here on little data and for few steps."""

import ast
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mdjax
from mdjax.runs.results import read_result
from mdjax.viz.files import save_rgb_png
from tests.conftest import PROJECT_ROOT, SmallRuns, SmallScenes
from tests.predict.image_files import make_thermal_u8, make_visible_u8, write_thermal
from tests.predict.video_files import write_frames
from tests.runs.small import LOOP, shrink_preset

FOLDER = PROJECT_ROOT / "examples"
MAX_STATEMENTS = 10


def run_example(name: str, *arguments: Any) -> dict[str, Any]:
    """Run a file as a program; returns its names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        return runpy.run_path(str(FOLDER / name), run_name="__main__")


def test_readme_lists_every_example() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in FOLDER.glob("*.py")]
    assert [name for name in names if f"\n- [{name}]({name}): " not in text] == []
    assert text.count("\n- ") == len(names)


@pytest.mark.parametrize("name", ["train.py", "evaluate.py", "predict.py", "live.py"])
def test_example_needs_ten_lines_at_most(name: str) -> None:
    """Statements that do something: no documentation, no imports, no signature of `main`."""
    tree = ast.parse((FOLDER / name).read_text(encoding="utf-8"))
    statements = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt)
        and not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    assert 0 < len(statements) <= MAX_STATEMENTS


def test_teacher_and_student_are_trained(
    small_runs: SmallRuns,
    small_scenes: SmallScenes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The networks are those of the shared runs, so that their programs are compiled already."""
    monkeypatch.setattr(mdjax, "get_preset", shrink_preset, raising=False)
    options = ("--dataset", small_scenes.dataset, "--data-dir", small_scenes.data_dir)
    run_example("train.py", *options, "--runs-dir", tmp_path, "--num-steps", LOOP.num_steps)
    assert "MdStudent, " in capsys.readouterr().out
    result = read_result(tmp_path / "student")
    assert result is not None
    np.testing.assert_equal(result.scores, dict(small_runs.results["distilled"].scores))


def test_own_networks_are_distilled(capsys: pytest.CaptureFixture[str]) -> None:
    losses = run_example("distil_own_networks.py")["losses"]
    assert len(losses) == 20
    assert losses[-1] < losses[0]
    assert capsys.readouterr().out.startswith(f"loss {losses[0]:.3f} at the first step")


def test_network_is_scored_with_other_cameras(
    small_runs: SmallRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    run_example("evaluate.py", small_runs.root / "distilled")
    lines = capsys.readouterr().out.splitlines()
    score = small_runs.results["distilled"].scores["test"]["mean_accuracy_9/all"]
    assert lines[0] == f"  16x: mean_accuracy_9/all {score:.2f} %"
    assert [line.split(":")[0].strip() for line in lines] == ["16x", "64x", "256x"]


def test_one_pair_is_predicted(
    small_runs: SmallRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visible_u8, thermal_u8 = make_visible_u8(), make_thermal_u8(0, (8, 12))
    save_rgb_png(visible_u8, tmp_path / "a.png")
    heat = write_thermal(tmp_path / "heat.png", thermal_u8)
    names = run_example("predict.py", small_runs.root / "distilled", tmp_path / "a.png", heat)
    predict = mdjax.make_image_predictor(mdjax.load_network(small_runs.root / "distilled"))
    found = names["main"](small_runs.root / "distilled", tmp_path / "a.png", heat)
    np.testing.assert_array_equal(found, predict(visible_u8, thermal_u8))
    assert found.shape == visible_u8.shape[:2]
    assert capsys.readouterr().out == f"{found}\n"


def test_frames_are_predicted_until_a_camera_ends(
    small_runs: SmallRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Videos stand for the cameras; the thermal one ends after two frames."""
    visible = write_frames(tmp_path / "v.avi", [make_visible_u8(i) for i in range(3)])
    thermal = write_frames(tmp_path / "t.avi", [make_thermal_u8(i, (8, 12)) for i in range(2)])
    run_example("live.py", small_runs.root / "distilled", visible, thermal)
    predict = mdjax.make_image_predictor(mdjax.load_network(small_runs.root / "distilled"))
    expected = [predict(make_visible_u8(i), make_thermal_u8(i, (8, 12))) for i in range(2)]
    assert capsys.readouterr().out == f"0 {expected[0]}\n1 {expected[1]}\n"


@pytest.mark.parametrize("name", ["evaluate.py", "predict.py", "live.py"])
def test_example_without_arguments_says_which_it_needs(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run_example(name)
    assert "Required options" in capsys.readouterr().err
