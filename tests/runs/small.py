"""Whole runs in seconds: presets made small, generated scenes."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data_builders.synthetic import PrepareSynthetic
from mdjax.io.metrics_log import MetricsLog
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.presets import DISTILL_PRESETS, TRAIN_PRESETS
from mdjax.runs.training import train
from mdjax.train.loop import LoopConfig
from mdjax.types import MdjaxError
from tests.conftest import SmallScenes

SIZE_HW = (32, 48)
LOOP = LoopConfig(num_steps=4, log_every=1, evaluate_every=2, save_every=2)


BACKBONE = ResNetConfig(width=0.0625, stem_stride=2, output_stride=8, blocks_per_stage=1)


def shrink(config: Any, **changes: Any) -> Any:
    """The same preset with tiny images, few channels and four steps of four pairs.

    All presets get the same tiny network, whose programs are compiled once for all of them.
    """
    return replace(
        config,
        pipeline=replace(config.pipeline, image_size_hw=SIZE_HW),
        network=replace(config.network, backbone=BACKBONE),
        optimiser=replace(config.optimiser, warmup_steps=1),
        **{"loop": LOOP, "batch_size": 4, **changes},
    )


def shrink_preset(name: str, **changes: Any) -> Any:
    """A preset by the name that the command line knows, see `shrink`."""
    return shrink((TRAIN_PRESETS | DISTILL_PRESETS)[name], **changes)


def run_quietly(config: Any, run_dir: Path, **options: Any) -> Any:
    """Train without a word."""
    return train(config, run_dir, show=lambda _: None, **options)


@contextlib.contextmanager
def stopping_after(step: int, stop: Callable[[], Any]) -> Iterator[None]:
    """Call `stop` as soon as the loss of a step is logged."""
    write = MetricsLog.write

    def write_and_stop(self: MetricsLog, at: int, metrics: Any) -> None:
        write(self, at, metrics)
        if at == step and "train/loss" in metrics:
            stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MetricsLog, "write", write_and_stop)
        yield


def stop_kindly() -> None:
    """Ask this process to stop, as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGTERM)


def assert_refused(config: Any, run_dir: Path, message: str) -> None:
    """A run that stops with this message and leaves no directory."""
    with pytest.raises(MdjaxError, match=message):
        run_quietly(config, run_dir)
    assert not run_dir.exists()


def prepare_small_scenes(data_dir: Path) -> SmallScenes:
    """16 scenes to train on, 6 to validate, 6 to test."""
    command = PrepareSynthetic(data_dir, num_train=16, num_val=6, num_test=6, image_size_hw=SIZE_HW)
    return SmallScenes(command.prepare().dataset, data_dir)
