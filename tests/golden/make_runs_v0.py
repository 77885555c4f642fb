"""Write the run directories of `tests/golden/runs_v0`, with the code of commit 45fc35a.

    git worktree add ../v0 45fc35a && cp tests/golden/make_runs_v0.py ../v0 && cd ../v0
    python make_runs_v0.py OUT

They have no version and no type tags where there was no choice. Tiny networks on generated scenes
of 32x48 pixels, `synthetic/32x48_16_6_6_seed0`. Two distillations are stopped after step 2 of 4;
`expected.json` holds what every run scores, and the losses of the stopped ones had they gone on.
"""

import json
import os
import shutil
import signal
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from mdjax.models.resnet import ResNetOptions

from data_builders.synthetic import prepare_synthetic
from mdjax.io.metrics_log import read_metrics
from mdjax.presets import DISTILL_PRESETS, TRAIN_PRESETS
from mdjax.runs import training
from mdjax.runs.loading import load_network
from mdjax.runs.scoring import evaluate_network
from mdjax.train.loop import InterruptedTraining, LoopConfig
from mdjax.train.optimiser import SgdConfig

# The code that this script runs is that of the commit above.
# pyright: reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportIncompatibleMethodOverride=false

SIZE_HW = (32, 48)
LOOP = LoopConfig(num_steps=4, log_every=1, evaluate_every=2, save_every=2)
OPTIONS = ResNetOptions(width=1 / 64, stem_stride=2, output_stride=8)
STOPPED = ("distilled", "detector_distilled")
KEPT_SCORES = (
    *("miss_rate/all", "ap50/all", "ap/all"),
    *("mean_accuracy_9/all", "mean_iou_9/all", "mean_accuracy_9/day"),
)


def shrink(name: str, data: Any, **changes: Any) -> Any:
    config = (TRAIN_PRESETS | DISTILL_PRESETS)[name]
    return replace(
        config,
        dataset=data.dataset,
        data_dir=Path("data"),
        pipeline=replace(config.pipeline, image_size_hw=SIZE_HW),
        network=replace(config.network, options=OPTIONS),
        **{
            "optimiser": replace(config.optimiser, warmup_steps=1),
            "loop": LOOP,
            "batch_size": 4,
            **changes,
        },
    )


def stop_after(step: int) -> Any:
    log = training.MetricsLog

    class StoppingLog(log):
        def write(self, at: int, metrics: Any) -> None:
            super().write(at, metrics)
            if at == step and "train/loss" in metrics:
                os.kill(os.getpid(), signal.SIGTERM)

    training.MetricsLog = StoppingLog
    return log


def read_losses(run: str) -> dict[str, float]:
    return {
        e["step"]: e["train/loss"]
        for e in read_metrics(Path(run) / "metrics.jsonl")
        if "train/loss" in e
    }


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True)
    os.chdir(out)  # so that the paths in the configurations are relative
    data = prepare_synthetic(
        Path("data"), num_train=16, num_val=6, num_test=6, image_size_hw=SIZE_HW
    )
    configs = {
        "teacher": shrink("synthetic-teacher", data),
        "native": shrink("synthetic-native", data, optimiser=SgdConfig(warmup_steps=1)),
        "decision": shrink("synthetic-decision", data),
        "distilled": shrink("synthetic-md", data, teacher=Path("teacher")),
        "detector_teacher": shrink("synthetic-detection-teacher", data),
        "detector_distilled": shrink(
            "synthetic-detection-md", data, teacher=Path("detector_teacher")
        ),
    }
    expected: dict[str, Any] = {}
    for name, config in configs.items():
        if name in STOPPED:
            training.train(config, Path("whole"), show=lambda _: None)
            expected.setdefault("losses", {})[name] = read_losses("whole")
            scores = {
                s: evaluate_network(load_network(Path("whole")), split=s).to_metrics()
                for s in ("val", "test")
            }
            shutil.rmtree("whole")
            log = stop_after(2)
            try:
                training.train(config, Path(name), show=lambda _: None)
            except InterruptedTraining:
                pass
            finally:
                training.MetricsLog = log
        else:
            training.train(config, Path(name), show=lambda _: None)
            scores = {
                s: evaluate_network(load_network(Path(name)), split=s).to_metrics()
                for s in ("val", "test")
            }
        shutil.rmtree(Path(name) / "tensorboard")
        if name != "native":  # The others are kept small.
            for checkpoint in ("best", "inference"):
                shutil.rmtree(Path(name) / "checkpoints" / checkpoint, ignore_errors=True)
        keep = (
            "miss_rate/all",
            "ap50/all",
            "ap/all",
            "mean_accuracy_9/all",
            "mean_iou_9/all",
            "mean_accuracy_9/day",
        )
        expected.setdefault("scores", {})[name] = {
            s: {k: v for k, v in m.items() if k in keep} for s, m in scores.items()
        }
    for name in configs:
        with tarfile.open(f"{name}.tar.xz", "w:xz", preset=9) as archive:
            archive.add(name)
        shutil.rmtree(name)
    Path("expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    shutil.rmtree("data")


if __name__ == "__main__":
    main()
