"""CSK-Net trained, and networks that have to do without an image, from files to scores."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mdjax.cli.main import EXIT_BAD_INPUT, main
from mdjax.io.metrics_log import read_metrics
from mdjax.models.config import CskNetConfig, ImageLevelConfig
from mdjax.presets import describe_network
from mdjax.runs.config import DistillConfig, MissingConfig
from mdjax.runs.loading import load_network
from mdjax.runs.missing import evaluate_run
from mdjax.runs.overview import list_runs
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.stored_config import read_run_config
from mdjax.runs.training import train
from mdjax.studies.study import run_or_read
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.predict.image_files import make_thermal_u8, read_image, write_thermal
from tests.runs.small import SIZE_HW, shrink_preset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def csknet(small_runs: SmallRuns, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CSK-Net, taught by the teacher there is, which is not the one it should have."""
    run_dir, native = tmp_path_factory.mktemp("runs") / "csknet", small_runs.configs["native"]
    place: dict[str, Any] = {"dataset": native.dataset, "data_dir": native.data_dir}
    shown: list[str] = []
    config = shrink_preset("synthetic-csk", **place, teacher=small_runs.root / "teacher")
    # To measure the gradient of each of the seven terms takes long to compile.
    config = replace(config, loop=replace(config.loop, probe_every=0))
    train(config, run_dir, show=shown.append)
    (warning,) = (line for line in shown if line.startswith("Warning"))
    assert "teacher sees the visible image and the full-resolution thermal image; this" in warning
    assert warning.endswith("to learn from a network that sees the visible image alone.")
    return run_dir


def test_terms_and_diagnostics_are_logged(csknet: Path) -> None:
    logged = read_metrics(csknet / "metrics.jsonl")
    terms = ("spectral_logits", "spectral_features", "contrast", "exchange")
    of_branches = ("segmentation", "segmentation_visible", "segmentation_thermal")
    names = {f"train/loss/{name}" for name in (*terms, *of_branches)}
    of_stages = [f"exchanged_thermal_stage{stage}" for stage in (2, 3, 4)]
    cosines = ("cosine_within_classes", "cosine_between_classes")
    watched = (
        *cosines,
        "exchanged_visible",
        "exchanged_thermal",
        *of_stages,
        "gate",
        "gate_decided",
    )
    names |= {f"train/{name}" for name in watched}
    (first,) = (line for line in logged if line["step"] == 1 and "train/loss" in line)
    assert names <= set(first)
    assert 0 < first["train/gate"] < 1


def test_scores_without_an_image(
    csknet: Path, small_runs: SmallRuns, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line says what Python measures, and what stands for the missing image."""
    scores = {}
    for run_dir, how in (
        (csknet, "its branch left out"),
        (small_runs.root / "native", "the mean image instead"),
    ):
        loaded = load_network(run_dir)
        expected = evaluate_network(loaded, missing="visible").to_metrics()
        assert main(["evaluate", str(run_dir), "--missing", "visible", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["missing"] == "visible"
        main_metric = "mean_accuracy_9/all"
        assert report["scores"][main_metric] == pytest.approx(expected[main_metric])
        assert main(["evaluate", str(run_dir), "--missing", "visible"]) == 0
        assert f"without the visible image ({how})" in capsys.readouterr().out
        scores[run_dir.name] = expected, evaluate_network(loaded).to_metrics()
    assert all(without != both for without, both in scores.values())


def test_nothing_is_said_of_a_thermal_camera_that_is_not_looked_at(
    csknet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(csknet), "--missing", "thermal"]) == 0
    title = capsys.readouterr().out.splitlines()[0]
    assert "thermal 16x" not in title
    assert "without the thermal image (its branch left out)" in title
    options = ["--missing", "thermal", "--resolution", "4x"]
    assert main(["evaluate", str(csknet), *options]) == EXIT_BAD_INPUT
    assert "another resolution changes nothing. Omit it" in capsys.readouterr().err
    nothing = ["--missing", "visible", "--resolution", "none"]
    assert main(["evaluate", str(csknet), *nothing]) == EXIT_BAD_INPUT
    assert "there is nothing to predict from. Omit one of the two" in capsys.readouterr().err


def test_test_without_an_image_is_a_run_of_a_study(csknet: Path, tmp_path: Path) -> None:
    """It holds the scores, no weights, and is not done twice."""
    config, run_dir = MissingConfig(csknet, "thermal"), tmp_path / "csknet-no-thermal"
    shown: list[str] = []
    result = run_or_read(config, run_dir, shown.append)
    loaded = load_network(csknet)
    expected = evaluate_network(loaded, missing="thermal").to_metrics()
    assert result.scores["test"]["mean_iou_9/all"] == pytest.approx(expected["mean_iou_9/all"])
    np.testing.assert_equal(evaluate_run(config, run_dir).to_metrics(), expected)
    assert read_run_config(run_dir) == config
    assert not (run_dir / "checkpoints").exists()
    assert "without the thermal image" in shown[-1]
    np.testing.assert_equal(run_or_read(config, run_dir, shown.append).scores, result.scores)
    assert "finished before" in shown[-1]
    assert main(["resume", str(run_dir)]) == EXIT_BAD_INPUT
    with pytest.raises(MdjaxError, match=f"no weights; give {csknet} and --missing thermal"):
        load_network(run_dir)
    (listed,) = list_runs(tmp_path)
    assert describe_network(listed.network, listed.missing) == "csknet, no thermal"


def test_the_only_image_cannot_be_missing(small_runs: SmallRuns) -> None:
    loaded = load_network(small_runs.root / "native")
    network = replace(ImageLevelConfig(), backbone=loaded.config.network.backbone)
    assert network.sees == ("visible", "thermal")
    alone = replace(
        loaded, config=shrink_preset("synthetic-thermal", data_dir=loaded.config.data_dir)
    )
    with pytest.raises(MdjaxError, match="sees only the thermal image; without it there is nothin"):
        evaluate_network(alone, missing="thermal")


def test_thermal_images_alone_are_predicted(csknet: Path, tmp_path: Path) -> None:
    """At the size of the thermal image; what the camera saw is not made coarser again."""
    thermal_u8 = make_thermal_u8(size_hw=(8, 12))
    write_thermal(tmp_path / "thermal" / "a.png", thermal_u8)
    arguments = ["predict", str(csknet), str(tmp_path / "thermal"), "--missing", "visible"]
    assert main([*arguments, "--out-dir", str(tmp_path / "out")]) == 0
    labels = read_image(tmp_path / "out" / "a_labels.png")
    assert labels.shape == (8, 12)
    loaded = load_network(csknet)
    # Scaled up without rounding to grey levels: half a level can decide a label.
    scaled = cv2.resize(thermal_u8 / np.float32(255), SIZE_HW[::-1], interpolation=cv2.INTER_LINEAR)
    output: Any = loaded.network.apply(
        loaded.variables,
        np.zeros((1, *SIZE_HW, 3), np.float32),
        scaled[None, ..., None],
        train=False,
        missing="visible",
    )
    logits: Any = np.asarray(output.prediction[0])
    expected = loaded.config.task.fit_to_image(logits, SIZE_HW, (8, 12))
    np.testing.assert_array_equal(labels, expected)


def test_csk_needs_its_network() -> None:
    config = shrink_preset("synthetic-csk")
    assert isinstance(config, DistillConfig)
    assert isinstance(config.network, CskNetConfig)
    with pytest.raises(MdjaxError, match="give the network csknet, or another method"):
        replace(config, network=ImageLevelConfig())
