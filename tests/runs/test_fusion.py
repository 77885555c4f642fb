"""Decision-level fusion: two networks trained apart, whose predictions are averaged."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from mdjax.cli.main import main
from mdjax.models.config import DecisionLevelConfig
from mdjax.models.predictor import make_predictor
from mdjax.runs.config import FuseConfig
from mdjax.runs.fusion import fuse
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.stored_config import read_run_config
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns, SmallScenes
from tests.models.factories import create_pair
from tests.runs.small import assert_refused, run_quietly, shrink_preset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def halves(small_scenes: SmallScenes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A visible-only and a thermal-only network."""
    folder = tmp_path_factory.mktemp("halves")
    for seed, name in enumerate(("visible", "thermal")):
        config = shrink_preset(
            f"synthetic-{name}", dataset=small_scenes.dataset, data_dir=small_scenes.data_dir
        )
        run_quietly(replace(config, seed=seed), folder / name)
    return {name: folder / name for name in ("visible", "thermal")}


@pytest.fixture(scope="module")
def fused(halves: dict[str, Path]) -> Path:
    run_dir = halves["visible"].parent / "fused"
    fuse(FuseConfig(**halves), run_dir, show=lambda _: None)
    return run_dir


def predict(run_dir: Path) -> np.ndarray:
    loaded = load_network(run_dir)
    images = create_pair(2, *loaded.config.pipeline.image_size_hw)
    output = make_predictor(loaded.network)(loaded.variables, *images)
    return np.asarray(jax.nn.softmax(output.prediction))


def test_fused_probabilities_are_the_mean_of_both(halves: dict[str, Path], fused: Path) -> None:
    expected = (predict(halves["visible"]) + predict(halves["thermal"])) / 2
    np.testing.assert_allclose(predict(fused), expected, atol=1e-5)


def test_fused_network_is_a_run_like_any_other(fused: Path, halves: dict[str, Path]) -> None:
    loaded = load_network(fused)
    assert isinstance(loaded.config.network, DecisionLevelConfig)
    scores = evaluate_network(loaded, split="val").to_metrics()
    np.testing.assert_equal(
        scores, {k: np.nan if v is None else v for k, v in loaded.scores.items()}
    )
    assert read_run_config(fused) == FuseConfig(**halves)
    assert set(json.loads((fused / "provenance.json").read_text())["teachers"]) == {
        "visible",
        "thermal",
    }


def test_command_fuses_and_prints_the_scores(
    halves: dict[str, Path], fused: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["fuse", *map(str, halves.values()), str(tmp_path / "run"), "--json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed["network"] == "DecisionLevel"
    assert printed["scores"] == json.loads((fused / "result.json").read_text())["scores"]


def test_two_of_a_kind_are_refused(halves: dict[str, Path], tmp_path: Path) -> None:
    config = FuseConfig(visible=halves["thermal"], thermal=halves["thermal"])
    with pytest.raises(MdjaxError, match="is a network of kind ThermalOnly; give one of kind Vis"):
        fuse(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_fusion_that_was_cut_is_finished(
    halves: dict[str, Path], fused: Path, tmp_path: Path
) -> None:
    """Killed before its result: the same call once more makes it whole, another one is refused."""
    run_dir = tmp_path / "fused"
    shutil.copytree(fused, run_dir)
    (run_dir / "result.json").unlink()
    shutil.rmtree(run_dir / "checkpoints")
    fuse(FuseConfig(**halves), run_dir, show=lambda _: None)
    np.testing.assert_array_equal(predict(run_dir), predict(fused))
    with pytest.raises(MdjaxError, match="already holds a run"):
        fuse(FuseConfig(**halves), run_dir, show=lambda _: None)


def test_networks_of_different_images_are_refused(
    halves: dict[str, Path], small_scenes: SmallScenes, tmp_path: Path
) -> None:
    config = shrink_preset(
        "synthetic-thermal", dataset=small_scenes.dataset, data_dir=small_scenes.data_dir
    )
    config = replace(config, pipeline=replace(config.pipeline, image_size_hw=(48, 64)))
    run_quietly(config, tmp_path / "thermal")
    with pytest.raises(
        MdjaxError, match=r"differ in pipeline\.image_size_hw; only networks with the same task"
    ):
        fuse(FuseConfig(halves["visible"], tmp_path / "thermal"), tmp_path / "run")


def test_fused_network_is_not_trained(small_runs: SmallRuns, tmp_path: Path) -> None:
    config = small_runs.configs["native"]
    config = replace(config, network=DecisionLevelConfig(config.network.backbone))
    assert_refused(config, tmp_path / "run", r"trained separately.*\(mdjax fuse\)")
