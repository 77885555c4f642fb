"""A whole run with PSPNet's auxiliary loss: cut, resumed, loaded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mdjax.io.json_file import read_json
from mdjax.io.metrics_log import read_metrics
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.loop import InterruptedTraining
from tests.conftest import SmallRuns
from tests.runs.small import run_quietly, stop_kindly, stopping_after


def read_leaves(run_dir: Path, checkpoint: str) -> dict[str, Any]:
    """Types, shapes and checksums of all arrays."""
    return read_json(run_dir / "checkpoints" / checkpoint / "leaves.json")


def test_auxiliary_head_is_resumed_and_not_exported(small_runs: SmallRuns, tmp_path: Path) -> None:
    native = small_runs.configs["native"]
    config = replace(native, task=SegmentationTask(auxiliary_weight=0.4))
    whole = run_quietly(config, tmp_path / "whole")
    with stopping_after(2, stop_kindly), pytest.raises(InterruptedTraining):
        run_quietly(config, tmp_path / "cut")
    run_quietly(config, tmp_path / "cut", resume=True)

    leaves = read_leaves(tmp_path / "whole", "last")
    assert "method_params/conv/kernel" in leaves
    assert leaves == read_leaves(tmp_path / "cut", "last")
    # What is exported, counted and scored is the network alone.
    assert set(read_leaves(tmp_path / "whole", "inference")) == set(
        read_leaves(small_runs.root / "native", "inference")
    )
    assert whole.num_parameters == small_runs.results["native"].num_parameters
    scores = evaluate_network(load_network(tmp_path / "cut", "inference")).to_metrics()
    np.testing.assert_equal(scores, dict(whole.scores["test"]))
    entries = read_metrics(tmp_path / "cut" / "metrics.jsonl")
    assert [x["step"] for x in entries if "train/loss/auxiliary" in x] == [1, 2, 3, 4]
