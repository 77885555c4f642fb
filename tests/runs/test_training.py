"""Whole runs on generated scenes, and what stops one before it can do harm."""

import json
import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from mdjax.io.checkpoint import read_metadata, restore_variables
from mdjax.io.json_file import read_json
from mdjax.io.metrics_log import read_metrics
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.backbones.resnet_weights import fit_input_channels
from mdjax.runs import training
from mdjax.runs.loading import load_network
from mdjax.runs.results import read_result
from mdjax.runs.scoring import evaluate_network
from mdjax.runs.stored_config import read_stored_config
from mdjax.runs.training import train
from mdjax.train.loop import TIMINGS, InterruptedTraining, LoopConfig, NonFiniteLossError
from mdjax.types import MdjaxError
from tests.conftest import SmallRuns, SmallScenes, release_memory
from tests.runs.small import (
    assert_refused,
    run_quietly,
    shrink_preset,
    stop_kindly,
    stopping_after,
)

RUNS = ("teacher", "native", "distilled")
METRIC = "mean_accuracy_9/all"


def read_leaf_names(checkpoint: Path) -> set[str]:
    return set(read_json(checkpoint / "leaves.json"))


def read_all_arrays(run_dir: Path, checkpoint: str = "last") -> Any:
    return restore_variables(run_dir / "checkpoints" / checkpoint)


def assert_same_numbers(ours: Any, theirs: Any) -> None:
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


# -- What a run leaves behind -----------------------------------------------------------------


@pytest.mark.parametrize("name", RUNS)
def test_run_directory_holds_everything(small_runs: SmallRuns, name: str) -> None:
    run_dir, config = small_runs.root / name, small_runs.configs[name]
    assert {path.name for path in run_dir.iterdir()} == {
        *("config.json", "provenance.json", "metrics.jsonl", "tensorboard", "checkpoints"),
        *("result.json", "table.txt", ".lock"),
    }
    written = json.loads((run_dir / "config.json").read_text())
    assert read_stored_config(written, run_dir, source=run_dir) == config
    assert any(path.stat().st_size > 0 for path in (run_dir / "tensorboard").iterdir())
    for checkpoint in ("last", "best", "inference"):
        metadata = read_metadata(run_dir / "checkpoints" / checkpoint)
        assert metadata["config"] == written
        assert metadata["scored_split"] == "val"
        assert metadata["class_names"][:3] == ["unlabelled", "car", "person"]
        assert metadata["thermal_range_counts"] is None
        assert math.isfinite(metadata["scores"][METRIC])
    assert read_metadata(run_dir / "checkpoints" / "last")["step"] == config.loop.num_steps
    assert "mean accuracy, 9 classes" in (run_dir / "table.txt").read_text()


@pytest.mark.parametrize("name", RUNS)
def test_result_is_read_back_as_it_was(small_runs: SmallRuns, name: str) -> None:
    result, read = small_runs.results[name], read_result(small_runs.root / name)
    assert read is not None
    # Tables are for people, and not read back; NaN equals NaN here.
    assert str(replace(read, tables=result.tables)) == str(result)


def test_every_loss_term_is_logged_at_every_entry(small_runs: SmallRuns) -> None:
    terms = {
        "teacher": ("segmentation", "guidance_intra", "guidance_inter"),
        "native": ("segmentation",),
        "distilled": ("segmentation", "attention_transfer", "semantic_transfer"),
    }
    for name, expected in terms.items():
        entries = read_metrics(small_runs.root / name / "metrics.jsonl")
        trained = {entry["step"]: entry for entry in entries if "train/loss" in entry}
        assert list(trained) == [1, 2, 3, 4]
        for entry in trained.values():
            logged = {key for key in entry if key.startswith("train/loss/")}
            assert logged == {f"train/loss/{term}" for term in expected}
        scored = [entry["step"] for entry in entries if f"val/{METRIC}" in entry]
        assert scored == [2, 4]
        is_distilled = "train/focal_mask_perplexity_share" in trained[1]
        assert is_distilled == (name == "distilled")


def test_students_checkpoint_holds_no_teacher(small_runs: SmallRuns) -> None:
    checkpoints = small_runs.root / "distilled" / "checkpoints"
    for name in ("last", "best", "inference"):
        text = " ".join(read_leaf_names(checkpoints / name))
        assert "residual" in text
        assert "stream" not in text
        assert "gaff" not in text
    assert not any("opt_state" in name for name in read_leaf_names(checkpoints / "inference"))
    # Beyond the native student: the 1x1 attention and the residual block.
    ours = read_all_arrays(small_runs.root / "distilled")["params"]
    native = read_all_arrays(small_runs.root / "native")["params"]
    assert set(ours) - set(native) == {"attention", "residual"}


@pytest.mark.parametrize("name", RUNS)
def test_loaded_network_reaches_the_recorded_scores_exactly(
    small_runs: SmallRuns, name: str
) -> None:
    loaded = load_network(small_runs.root / name)
    for split in ("val", "test"):
        scores = evaluate_network(loaded, split=split).to_metrics()
        np.testing.assert_equal(scores, dict(small_runs.results[name].scores[split]))
    recorded = {key: math.nan if x is None else x for key, x in loaded.scores.items()}
    np.testing.assert_equal(recorded, dict(small_runs.results[name].scores["val"]))


def test_variables_for_inference_are_those_of_the_last_state(small_runs: SmallRuns) -> None:
    run_dir = small_runs.root / "distilled"
    assert_same_numbers(read_all_arrays(run_dir, "last"), read_all_arrays(run_dir, "inference"))
    best = read_metadata(run_dir / "checkpoints" / "best")["scores"][METRIC]
    last = read_metadata(run_dir / "checkpoints" / "last")["scores"][METRIC]
    assert best >= last


def test_distillation_without_weights_is_the_student_alone(
    small_runs: SmallRuns, small_scenes: SmallScenes, tmp_path: Path
) -> None:
    """The control `student`: what a teacher that teaches nothing adds is nothing."""
    place: dict[str, Any] = {"dataset": small_scenes.dataset, "data_dir": small_scenes.data_dir}
    silent = shrink_preset(
        "synthetic-md",
        **place,
        teacher=small_runs.root / "teacher",
        method=ModalityDistillation(attention_weight=0, semantic_weight=0),
    )
    taught = run_quietly(silent, tmp_path / "silent")
    alone = run_quietly(shrink_preset("synthetic-student", **place), tmp_path / "alone")
    # Two programs, so that rounding may differ.
    jax.tree.map(
        lambda ours, theirs: np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4),
        read_all_arrays(tmp_path / "silent"),
        read_all_arrays(tmp_path / "alone"),
    )
    assert taught.num_parameters == alone.num_parameters


# -- Interruption and resuming -----------------------------------------------------------------


class Killed(BaseException):
    """Stands for a process that ends in the middle of a step."""


def kill() -> None:
    raise Killed


@pytest.mark.parametrize(
    ("log_step", "stop", "error", "saved_step"),
    [(2, stop_kindly, InterruptedTraining, 3), (3, kill, Killed, 2)],
    ids=["sigterm", "kill"],
)
def test_resumed_run_equals_the_uninterrupted_one(
    small_runs: SmallRuns,
    tmp_path: Path,
    log_step: int,
    stop: Any,
    error: Any,
    saved_step: int,
) -> None:
    config, whole_dir, run_dir = small_runs.configs["native"], small_runs.root / "native", tmp_path
    with stopping_after(log_step, stop), pytest.raises(error):
        run_quietly(config, run_dir)
    assert read_metadata(run_dir / "checkpoints" / "last")["step"] == saved_step
    result = run_quietly(config, run_dir, resume=True)

    assert_same_numbers(read_all_arrays(run_dir), read_all_arrays(whole_dir))
    np.testing.assert_equal(dict(result.scores), dict(small_runs.results["native"].scores))
    ours, whole = (
        [
            {name: x for name, x in entry.items() if name not in TIMINGS}
            for entry in read_metrics(folder / "metrics.jsonl")
        ]
        for folder in (run_dir, whole_dir)
    )
    assert ours == whole


def test_finished_run_is_resumed_without_a_step(small_runs: SmallRuns, tmp_path: Path) -> None:
    run_dir = Path(shutil.copytree(small_runs.root / "native", tmp_path / "run"))
    result = run_quietly(small_runs.configs["native"], run_dir, resume=True)
    np.testing.assert_equal(dict(result.scores), dict(small_runs.results["native"].scores))


def test_resuming_with_another_configuration_is_refused(small_runs: SmallRuns) -> None:
    config = replace(small_runs.configs["native"], seed=5)
    with pytest.raises(MdjaxError, match=r"another configuration.*\n.*seed: 0 in the run, 5 now"):
        run_quietly(config, small_runs.root / "native", resume=True)


def test_resuming_where_no_run_is_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match="no run to resume here"):
        run_quietly(small_runs.configs["native"], tmp_path / "run", resume=True)


def test_used_directory_is_refused_and_left_alone(small_runs: SmallRuns) -> None:
    run_dir = small_runs.root / "native"
    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")}
    with pytest.raises(MdjaxError, match=r"already holds a run.*mdjax resume"):
        run_quietly(small_runs.configs["native"], run_dir)
    assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")} == before


def test_used_directory_is_noticed_before_the_teacher_is_looked_at(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    config = replace(small_runs.configs["distilled"], teacher=tmp_path / "nowhere")
    with pytest.raises(MdjaxError, match="already holds a run"):
        run_quietly(config, small_runs.root / "distilled")


# -- Numbers that go wrong, and extras -----------------------------------------------------------


def test_non_finite_loss_names_step_term_and_last_good_checkpoint(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    """A rate of 1e30 makes the weights of step 1 so large that the loss of step 2 is not a number.

    The remedy, a lower rate, is the run `native` itself.
    """
    config = small_runs.configs["native"]
    config = replace(
        config,
        optimiser=replace(config.optimiser, learning_rate=1e30, warmup_steps=0),
        loop=LoopConfig(num_steps=4, save_every=1, evaluate_every=0),
    )
    with pytest.raises(
        NonFiniteLossError,
        match=r"Step 2: loss/segmentation is (nan|inf).*lower learning rate.*"
        r"Last good checkpoint: .*/last, step 1\.",
    ):
        run_quietly(config, tmp_path / "run")
    assert read_metadata(tmp_path / "run" / "checkpoints" / "last")["step"] == 1


def test_missing_wandb_is_noticed_before_anything_is_written(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    config = replace(small_runs.configs["native"], wandb=True)
    assert_refused(config, tmp_path / "run", r"mdjax\[wandb\]")


def make_torchvision_tensors() -> dict[str, np.ndarray]:
    """ResNet-18's tensors by torchvision's names, random."""
    rng = np.random.default_rng(0)
    tensors = {}

    def add(name: str, outputs: int, inputs: int, size: int, norm: str) -> None:
        tensors[f"{name}.weight"] = rng.normal(0, 0.05, (outputs, inputs, size, size))
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            tensors[f"{norm}.{leaf}"] = rng.uniform(0.5, 1.5, outputs)

    add("conv1", 64, 3, 7, "bn1")
    inputs = 64
    for stage, outputs in enumerate((64, 128, 256, 512), start=1):
        for block in (0, 1):
            prefix = f"layer{stage}.{block}"
            add(f"{prefix}.conv1", outputs, inputs, 3, f"{prefix}.bn1")
            add(f"{prefix}.conv2", outputs, outputs, 3, f"{prefix}.bn2")
            if inputs != outputs:
                add(f"{prefix}.downsample.0", outputs, inputs, 1, f"{prefix}.downsample.1")
            inputs = outputs
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


class OptimiserSeenError(Exception):
    """Ends a training where its optimiser is made."""


def test_optimiser_is_told_the_stages_and_the_rate_of_the_backbone(
    small_runs: SmallRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def look(config: Any, num_steps: int, stages: Any, *, frozen_stages: int) -> Any:
        seen.update(config=config, num_steps=num_steps, stages=stages, frozen=frozen_stages)
        raise OptimiserSeenError

    monkeypatch.setattr(training, "create_optimiser", look)
    config = small_runs.configs["native"]
    config = replace(
        config,
        optimiser=replace(config.optimiser, backbone_rate_factor=0.1),
        network=replace(config.network, backbone=replace(config.network.backbone, frozen_stages=2)),
    )
    with pytest.raises(OptimiserSeenError):
        run_quietly(config, tmp_path / "run")
    assert seen["config"].backbone_rate_factor == 0.1
    assert (seen["num_steps"], seen["frozen"]) == (config.loop.num_steps, 2)
    assert set(jax.tree.leaves(seen["stages"]["backbone"])) == {1, 2, 3}
    assert set(jax.tree.leaves(seen["stages"]["trunk"])) == {4}
    assert set(jax.tree.leaves(seen["stages"]["head"])) == {0}


def test_training_starts_from_pretrained_weights(small_scenes: SmallScenes, tmp_path: Path) -> None:
    """A rate of 1e-30 leaves the weights as they were loaded, bit for bit."""
    release_memory()  # The one network of full width.
    tensors = make_torchvision_tensors()
    save_file(tensors, tmp_path / "resnet18.safetensors")
    config = shrink_preset(
        "synthetic-native",
        dataset=small_scenes.dataset,
        data_dir=small_scenes.data_dir,
        pretrained=tmp_path / "resnet18.safetensors",
        batch_size=2,
    )
    backbone = replace(config.network.backbone, width=1.0, blocks_per_stage=2)
    tiny_rate = {"learning_rate": 1e-30, "warmup_start": 1e-30, "final_learning_rate": 1e-30}
    config = replace(
        config,
        network=replace(config.network, backbone=backbone),
        optimiser=replace(config.optimiser, warmup_steps=0, **tiny_rate),
        loop=LoopConfig(num_steps=1),
    )
    lines: list[str] = []
    train(config, tmp_path / "run", show=lines.append)
    assert any("conv1: 3 → 6 input channels, kernels duplicated and halved" in x for x in lines)
    params = read_all_arrays(tmp_path / "run", "inference")["params"]
    kernel = tensors["conv1.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(
        params["backbone"]["conv1"]["kernel"], fit_input_channels(kernel, 6)[0]
    )
    np.testing.assert_array_equal(
        params["trunk"]["layer4_block1"]["conv2"]["kernel"],
        tensors["layer4.1.conv2.weight"].transpose(2, 3, 1, 0),
    )


def test_missing_pretrained_file_is_refused(small_runs: SmallRuns, tmp_path: Path) -> None:
    config = replace(small_runs.configs["native"], pretrained=tmp_path / "nothing.pth")
    assert_refused(config, tmp_path / "run", r"nothing\.pth")
