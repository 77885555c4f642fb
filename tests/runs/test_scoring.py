"""What another camera and another scored size change, and what they leave alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mdjax.cli.main import main
from mdjax.runs import scoring
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns


@pytest.fixture
def pipelines(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Records through which pipelines images are read."""
    recorded: list[Any] = []
    make = scoring.make_evaluation_batches

    def record(split: Any, pipeline: Any, *arguments: Any, **options: Any) -> Any:
        recorded.append(pipeline)
        return make(split, pipeline, *arguments, **options)

    monkeypatch.setattr(scoring, "make_evaluation_batches", record)
    return recorded


def test_resolution_changes_nothing_else_of_the_camera(
    small_runs: SmallRuns, pipelines: list[Any]
) -> None:
    loaded = load_network(small_runs.root / "native")
    camera = replace(
        loaded.config.pipeline.camera, resolution="2x", noise_std=0.1, fixed_pattern_seed=7
    )
    pipeline = replace(loaded.config.pipeline, camera=camera)
    loaded = replace(loaded, config=replace(loaded.config, pipeline=pipeline))
    evaluate_network(loaded, resolution="4x")
    assert pipelines == [replace(pipeline, camera=replace(camera, resolution="4x"))]


def test_scored_size_is_an_option(
    small_runs: SmallRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scenes are as large as the images of their own network, and larger than those of another."""
    loaded = load_network(small_runs.root / "native")
    pipeline = replace(loaded.config.pipeline, image_size_hw=(16, 24))
    smaller = replace(loaded, config=replace(loaded.config, pipeline=pipeline))
    for size, text in (("working", "scored at 24x16"), ("labels", "scored at 48x32")):
        task = replace(loaded.config.task, scored_size=size)
        assert text in evaluate_network(smaller, task=task).describe()
    for size in ("working", "labels"):
        run_dir = str(small_runs.root / "native")
        assert main(["evaluate", run_dir, "--scored-size", size]) == 0
        assert "scored at 48x32" in capsys.readouterr().out


def test_run_whose_data_folder_is_gone_asks_for_it(small_runs: SmallRuns, tmp_path: Path) -> None:
    loaded = load_network(small_runs.root / "native")
    data_dir = loaded.config.data_dir
    loaded = replace(loaded, config=replace(loaded.config, data_dir=tmp_path / "gone"))
    with pytest.raises(MdjaxError, match=r"gone: the data folder of this run .* give --data-dir"):
        evaluate_network(loaded)
    assert evaluate_network(loaded, data_dir=data_dir).to_metrics()
