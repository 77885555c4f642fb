"""Whole runs in seconds: presets made small, generated scenes, quick compilation."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest
from jax.experimental.compilation_cache import compilation_cache

from mdjax.models.backbones.resnet import ResNet18Config
from mdjax.presets import DISTILL_PRESETS, TRAIN_PRESETS
from mdjax.runs.training import train
from mdjax.train.loop import LoopConfig
from mdjax.types import MdjaxError

SIZE_HW = (32, 48)
LOOP = LoopConfig(num_steps=4, log_every=1, evaluate_every=2, save_every=2)


OPTIONS = ResNet18Config(width=0.0625, stem_stride=2, output_stride=8)


def shrink(config: Any, **changes: Any) -> Any:
    """The same preset with tiny images, few channels and four steps of four pairs.

    All presets get the same tiny network, whose programs are compiled once for all of them.
    """
    return replace(
        config,
        pipeline=replace(config.pipeline, image_size_hw=SIZE_HW),
        network=replace(config.network, backbone=OPTIONS),
        optimiser=replace(config.optimiser, warmup_steps=1),
        **{"loop": LOOP, "batch_size": 4, **changes},
    )


def shrink_preset(name: str, **changes: Any) -> Any:
    """A preset by the name that the command line knows, see `shrink`."""
    return shrink((TRAIN_PRESETS | DISTILL_PRESETS)[name], **changes)


def run_quietly(config: Any, run_dir: Path, **options: Any) -> Any:
    """Train without a word."""
    return train(config, run_dir, show=lambda _: None, **options)


def assert_refused(config: Any, run_dir: Path, message: str) -> None:
    """A run that stops with this message and leaves no directory."""
    with pytest.raises(MdjaxError, match=message):
        run_quietly(config, run_dir)
    assert not run_dir.exists()


@contextlib.contextmanager
def compile_quickly(cache_dir: Path) -> Iterator[None]:
    """Compile without most optimisations, and the same program only once, whoever builds it."""
    settings = {
        "jax_disable_most_optimizations": True,
        "jax_compilation_cache_dir": str(cache_dir),
        "jax_persistent_cache_min_compile_time_secs": 0.1,
    }
    before = {name: jax.config.values[name] for name in settings}
    _set(settings)
    try:
        yield
    finally:
        _set(before)


def _set(settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)
    # JAX decides once whether there is a cache; this makes it decide again.
    compilation_cache.reset_cache()
