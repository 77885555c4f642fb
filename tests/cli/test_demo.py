"""The demonstration from end to end, with tiny networks on a few tiny scenes."""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import pytest

from mdjax.cli import demo
from mdjax.cli.demo import Demonstration
from mdjax.cli.main import main
from tests.predict.image_files import read_image
from tests.runs.small import LOOP, SIZE_HW, shrink

pytestmark = pytest.mark.slow

# As many steps as `small_runs` have, so that the tests share their programs.
NUM_STEPS = str(LOOP.num_steps)
# What is patched here is not so in other processes.
IN_THIS_PROCESS = ["--num-workers", "1"]
NETWORKS = ["teacher", "student", "distilled"]


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_small(demonstration: Demonstration) -> Demonstration:
        recipe: Any = demonstration.recipe
        return dataclasses.replace(
            demonstration, recipe=lambda base, network: shrink(recipe(base, network))
        )

    prepare = functools.partial(demo.PrepareSynthetic, num_train=16, num_val=6, num_test=6)
    monkeypatch.setattr(demo, "PrepareSynthetic", prepare)
    monkeypatch.setattr(demo, "SEGMENTATION", make_small(demo.SEGMENTATION))
    monkeypatch.setattr(demo, "DETECTION", make_small(demo.DETECTION))


def test_demo_trains_compares_draws_and_says_what_the_gain_is_worth(
    small_demo: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["demo", "--out", str(tmp_path), *IN_THIS_PROCESS]
    arguments += ["--num-seeds", "1", "--num-steps", NUM_STEPS]
    assert main(arguments) == 0
    text = capsys.readouterr().out.replace("\n", " ")
    for name in NETWORKS:
        assert f"| {name} " in text
    assert "distilled - student (what distillation gives): " in text
    assert "one seed says nothing about the noise" in text
    picture = read_image(tmp_path / "comparison.png")
    assert picture.shape[0] > 6 * SIZE_HW[0]
    assert picture.std() > 10
    assert (tmp_path / "curves.png").is_file()
    assert "mAcc night" in (tmp_path / "table.txt").read_text()

    # A second call finds everything there, and tells the same as JSON.
    assert main([*arguments, "--json"]) == 0
    shown = capsys.readouterr()
    assert shown.err.count("finished before") == len(NETWORKS)
    summary = json.loads(shown.out.splitlines()[-1])
    assert list(summary["results"]) == NETWORKS
    assert set(summary["milliseconds_per_image"]) == set(NETWORKS)
    runs = [run for by_seed in summary["results"].values() for run in by_seed.values()]
    # A fair demonstration: everybody has the same number of steps.
    assert [run["num_steps"] for run in runs] == [LOOP.num_steps] * len(NETWORKS)
    scores = {
        name: by_seed["0"]["scores"]["test"]["mean_iou_9/all"]
        for name, by_seed in summary["results"].items()
    }
    gains = {
        entry["difference"]: entry["points"]
        for entry in summary["differences_percent_points"]
        if entry["metric"] == "mean_iou_9/all"
    }
    assert gains["distilled - student"] == pytest.approx(scores["distilled"] - scores["student"])


def test_demo_of_detection_has_its_own_table_and_picture(
    small_demo: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["demo", "--task", "detection", "--out", str(tmp_path), *IN_THIS_PROCESS]
    assert main([*arguments, "--num-seeds", "1", "--num-steps", NUM_STEPS]) == 0
    text = capsys.readouterr().out.replace("\n", " ")
    for name in NETWORKS:
        assert f"| {name} " in text
    assert "AP50 night" in text
    assert "one seed says nothing about the noise" in text
    picture = read_image(tmp_path / "comparison.png")
    assert picture.shape[0] > 6 * SIZE_HW[0]
    assert picture.std() > 10
    assert (tmp_path / "curves.png").is_file()
