"""Run directories as a training leaves them, without any training."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from mdjax.io.json_file import format_json
from mdjax.io.run_directory import RunDirectory
from mdjax.presets import get_preset
from mdjax.runs.config import TrainConfig, change_num_steps
from mdjax.runs.results import RunResult
from mdjax.runs.stored_config import store_config

DATASET = "synthetic/24x32/1.0.0"
SCORES = {
    "val": {"mean_accuracy_9/all": 41.25, "iou/car/day": 12.5},
    "test": {
        "iou/car/day": 31.0,
        "mean_accuracy_9/all": 100 / 3,
        "iou/bump/all": math.nan,
        "num_classes/all": 9.0,
    },
}
LOG = [
    {"step": 0, "gradient_norm/segmentation": 3.5},
    {"step": 10, "train/loss": 2.0, "train/gradient_norm": 1.0},
    {"step": 20, "train/loss": 0.5, "train/gradient_norm": None},
    {"step": 20, "val/mean_accuracy_9/all": 30.0, "val/iou/car/day": 1.0},
    {"step": 40, "val/mean_accuracy_9/all": 41.25, "val/iou/car/day": 2.0},
]


def make_run(
    run_dir: Path, preset: str = "synthetic-native", *, is_finished: bool = True, **changes: Any
) -> Path:
    """Write a run of 40 steps with the scores and the log above."""
    config = get_preset(preset)
    config = replace(change_num_steps(config, 40), **changes)
    directory = RunDirectory(run_dir)
    with directory.create(store_config(config, run_dir)):
        lines = "".join(f"{format_json(entry)}\n" for entry in LOG)
        directory.metrics_path.write_text(lines)
        if is_finished:
            directory.write_result(make_result(run_dir, config).to_dict(), "a table")
    return run_dir


def make_result(run_dir: Path, config: TrainConfig) -> RunResult:
    """The result of such a run."""
    return RunResult(
        run_dir=str(run_dir),
        network=type(config.network).__name__.removesuffix("Config"),
        num_parameters=1000,
        num_steps=40,
        main_metric="mean_accuracy_9/all",
        scores=SCORES,
        tables={},
        environment={},
        dataset=DATASET,
        scored={"test": "3 images", "val": "2 images"},
    )
