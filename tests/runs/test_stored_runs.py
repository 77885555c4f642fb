"""Run directories of earlier versions load, are scored, and go on, as they did then.

Those of version 0 were written at commit 45fc35a by `tests/golden/make_runs_v0.py`, which also says
what each of them scored there and which losses the two stopped ones would have had.
"""

import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.io.metrics_log import read_metrics
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.presets import get_preset
from mdjax.runs.config import DistillConfig
from mdjax.runs.loading import load_network
from mdjax.runs.results import read_result
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.stored_config import read_run_config, read_stored_config, store_config
from mdjax.studies.study import run_or_read
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.types import MdjaxError
from tests.conftest import SmallScenes
from tests.runs.small import run_quietly

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parent.parent / "golden" / "runs_v0"
EXPECTED = json.loads((FOLDER / "expected.json").read_text())
FINISHED = ("teacher", "native", "decision", "detector_teacher")
STOPPED = {"distilled": "teacher", "detector_distilled": "detector_teacher"}
# The scores count few pixels: one that rounding flips is a thousandth of a class.
TOLERANCE_POINTS = 0.3


def unpack(name: str, folder: Path) -> Path:
    with tarfile.open(FOLDER / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / name


@pytest.fixture
def place(tmp_path: Path, small_scenes: SmallScenes) -> Path:
    """A folder with the data beside which those runs were made."""
    (tmp_path / "data").symlink_to(small_scenes.data_dir)
    return tmp_path


def assert_scores(scores: Any, expected: Any) -> None:
    for metric, value in expected.items():
        np.testing.assert_allclose(scores[metric], value, atol=TOLERANCE_POINTS, err_msg=metric)


@pytest.mark.parametrize("name", FINISHED)
def test_finished_run_scores_what_it_did(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its data folder is found from any working directory, though it was stored relative to one."""
    run_dir = unpack(name, place)
    monkeypatch.chdir("/")
    loaded = load_network(run_dir)
    assert loaded.config.data_dir == place / "data"
    if isinstance(loaded.config.task, SegmentationTask):
        assert loaded.config.task.scored_size == "working"  # as it was then
    for split, expected in EXPECTED["scores"][name].items():
        assert_scores(evaluate_network(loaded, split=split).to_metrics(), expected)
    result = read_result(run_dir)
    assert result is not None
    assert_scores(result.scores["test"], EXPECTED["scores"][name]["test"])


@pytest.mark.parametrize("name", STOPPED)
def test_stopped_run_goes_on_with_the_same_numbers(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir, teacher = unpack(name, place), unpack(STOPPED[name], place)
    monkeypatch.chdir(place)
    config: Any = read_run_config(run_dir)
    assert isinstance(config, DistillConfig)
    assert config.teacher == place / teacher.name
    assert isinstance(config.method, ModalityDistillation)
    assert config.method.level == "c4"
    result = run_quietly(config, run_dir, resume=True)
    entries = read_metrics(run_dir / "metrics.jsonl")
    losses = {str(e["step"]): e["train/loss"] for e in entries if "train/loss" in e}
    expected = EXPECTED["losses"][name]
    assert losses == pytest.approx(expected, rel=2e-3)
    assert_scores(result.scores["test"], EXPECTED["scores"][name]["test"])
    # From now on it is resumed with the data and the teacher that it went on with.
    assert (run_dir / "provenance.json").is_file()


@pytest.mark.parametrize("checkpoint", ["last", "best", "inference"])
def test_every_checkpoint_is_read(checkpoint: Any, place: Path) -> None:
    run_dir = unpack("native", place)
    loaded = load_network(run_dir, checkpoint)
    assert loaded.step in (2, 4)
    by_path = load_network(run_dir / "checkpoints" / checkpoint)
    np.testing.assert_equal(by_path.variables, loaded.variables)


def test_finished_run_is_taken_for_what_it_is(place: Path, monkeypatch: Any) -> None:
    """A study reads it if its configuration is the same as it is read, not as text."""
    monkeypatch.chdir(place)
    run_dir = unpack("native", place)
    assert '"version"' not in (run_dir / "config.json").read_text()
    config: Any = read_run_config(run_dir)
    assert run_or_read(config, run_dir, show=lambda line: None).num_steps == 4
    shutil.rmtree(run_dir / "checkpoints")  # it is read, not resumed


def test_joint_training_of_decision_level_fusion_is_not_resumed(
    place: Path, monkeypatch: Any
) -> None:
    """It was another objective; what it has trained still predicts."""
    monkeypatch.chdir(place)
    run_dir = unpack("decision", place)
    with pytest.raises(MdjaxError, match=r"trained separately.*mdjax fuse"):
        run_quietly(read_run_config(run_dir), run_dir, resume=True)


def test_method_of_version_0_compares_the_level_of_its_network(tmp_path: Path) -> None:
    run_dir = unpack("distilled", tmp_path)
    values = json.loads((run_dir / "config.json").read_text())
    values["network"]["transfer_level"] = 5
    config = read_stored_config(values, run_dir, source=run_dir)
    assert config.network.transfer_level == 5
    assert config.method == ModalityDistillation(
        attention_weight=0.1,
        semantic_weight=0.3,
        semantic_loss="mse",
        mask_reduction="relative",
        level="c5",
    )


@pytest.mark.parametrize(("weight", "expected"), [(0.0, 1.0), (0.1, 0.1)])
def test_share_of_hard_pixels_of_version_2_is_kept_where_it_counts(
    tmp_path: Path, weight: float, expected: float
) -> None:
    config: Any = get_preset("msrs-small-csk")
    values = {**store_config(config, tmp_path), "version": 2}
    values["method"] |= {"hard_share": 0.1, "contrast_weight": weight}
    read = read_stored_config(values, tmp_path, source=tmp_path)
    assert read.method == replace(config.method, contrast_weight=weight, hard_share=expected)


def test_dropout_of_version_1_is_that_of_each_image(tmp_path: Path) -> None:
    values = {**store_config(get_preset("msrs-small-native"), tmp_path), "version": 1}
    values["network"] |= {"modality_dropout": 0.3}
    read = read_stored_config(values, tmp_path, source=tmp_path)
    assert read.network.modality_dropout == pytest.approx(0.21)


def test_configuration_of_the_future_is_refused(place: Path) -> None:
    run_dir = unpack("native", place)
    values = json.loads((run_dir / "config.json").read_text())
    (run_dir / "config.json").write_text(json.dumps({**values, "version": 99}))
    with pytest.raises(MdjaxError, match="has version 99, but this mdjax reads versions up to 3"):
        read_run_config(run_dir)
