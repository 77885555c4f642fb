"""Kill a small run at random moments, resume it until it ends, and compare it with one left alone.

    python experiments/kills.py --num-kills 20   # a few minutes on two CPU cores

Scores, log (but for its rates), checkpoints and result must be equal bit for bit.
"""

import multiprocessing
import os
import random
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from data_builders.synthetic import PrepareSynthetic
from mdjax.io.array_folder import read_arrays
from mdjax.io.checkpoint import has_checkpoint, read_metadata
from mdjax.io.metrics_log import read_metrics
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.presets import TRAIN_PRESETS
from mdjax.runs.results import read_result
from mdjax.train.loop import TIMINGS, LoopConfig
from mdjax.types import MdjaxError

SIZE_HW = (32, 48)
# No two of these meet except at the end, so that kills cut log intervals and come between all.
LOOP = LoopConfig(num_steps=15, log_every=4, evaluate_every=5, save_every=3)
BACKBONE = ResNetConfig(width=0.0625, stem_stride=2, output_stride=8, blocks_per_stage=1)
CHECKPOINTS = ("last", "best", "inference")


@dataclass(frozen=True)
class Kills:
    """Kill a small run at random moments and compare it with one that was left alone.

    Attributes:
        num_kills: Kills in all; a run that ends earlier is followed by another one.
        seed: Of the moments.
        work_dir: New folder for data and runs; a temporary one by default.
    """

    num_kills: int = 20
    seed: int = 0
    work_dir: Path | None = None


def make_config(data_dir: Path) -> Any:
    """A run of few steps, which saves, logs and scores in each of them or between."""
    dataset = PrepareSynthetic(
        data_dir, num_train=8, num_val=4, num_test=4, image_size_hw=SIZE_HW
    ).prepare()
    config = TRAIN_PRESETS["synthetic-native"]
    return replace(
        config,
        dataset=dataset.dataset,
        data_dir=data_dir,
        pipeline=replace(config.pipeline, image_size_hw=SIZE_HW),
        network=replace(config.network, backbone=BACKBONE),
        optimiser=replace(config.optimiser, warmup_steps=1),
        loop=LOOP,
        batch_size=4,
    )


def run(config: Any, run_dir: Path, cache_dir: Path) -> None:
    """Train, or resume what is there; in a process of its own."""
    import jax

    from mdjax.runs.training import train

    jax.config.update("jax_disable_most_optimizations", True)
    jax.config.update("jax_compilation_cache_dir", str(cache_dir))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    is_begun = (run_dir / "config.json").is_file()
    train(config, run_dir, resume=is_begun, show=lambda line: None)


def find_state(run_dir: Path) -> tuple[Any, ...]:
    """What changes as soon as a run does anything."""
    metrics, last = run_dir / "metrics.jsonl", run_dir / "checkpoints" / "last" / "metadata.json"
    return tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in (metrics, last))


def describe_state(run_dir: Path) -> str:
    """Say how far a run had come."""
    last = run_dir / "checkpoints" / "last"
    entries = (
        read_metrics(run_dir / "metrics.jsonl") if (run_dir / "metrics.jsonl").is_file() else []
    )
    logged = entries[-1]["step"] if entries else 0
    if not has_checkpoint(last):
        return f"nothing saved, logged up to step {logged}"
    metadata = read_metadata(last)
    scored = "scored" if metadata["scores"] else "not scored"
    return f"step {metadata['step']} saved, {scored}, logged up to step {logged}"


def read_outcome(run_dir: Path) -> dict[str, Any]:
    """All that a run leaves, but for rates and its own name."""
    entries = [
        {name: x for name, x in entry.items() if name not in TIMINGS}
        for entry in read_metrics(run_dir / "metrics.jsonl")
    ]
    result = read_result(run_dir)
    if result is None:
        raise MdjaxError(f"{run_dir}: has no result.")
    outcome: dict[str, Any] = {"log": entries, "result": {**result.to_dict(), "run_dir": ""}}
    for name in CHECKPOINTS:
        folder = run_dir / "checkpoints" / name
        arrays = read_arrays(folder, ("variables", "training"))
        metadata = read_metadata(folder)
        outcome[f"{name} arrays"] = {key: (x.dtype, x.tobytes()) for key, x in arrays.items()}
        outcome[f"{name} metadata"] = {key: metadata[key] for key in ("step", "scores", "contents")}
    return outcome


def compare(ours: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Name the parts that differ; no value equals no value."""
    differing = []
    for part in expected:
        try:
            np.testing.assert_equal(ours[part], expected[part])
        except AssertionError:
            differing.append(part)
    return differing


def main() -> None:
    """Kill as often as asked."""
    options = tyro.cli(Kills)
    work_dir = options.work_dir or Path(tempfile.mkdtemp(prefix="mdjax-kills-"))
    config = make_config(work_dir / "data")
    # What others have compiled, where the environment names it.
    cache_dir = Path(os.environ.get("JAX_COMPILATION_CACHE_DIR", work_dir / "compiled"))
    # Each process is forked from one that has imported everything and computed nothing.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mdjax.runs.training"])

    def start(run_dir: Path) -> Any:
        process = context.Process(target=run, args=(config, run_dir, cache_dir))
        before = find_state(run_dir)
        process.start()
        while process.is_alive() and find_state(run_dir) == before:
            time.sleep(0.002)
        return process

    def run_to_the_end(run_dir: Path) -> float:
        process = start(run_dir)
        began = time.monotonic()
        process.join()
        if process.exitcode:
            raise MdjaxError(f"{run_dir}: ended with status {process.exitcode}.")
        return time.monotonic() - began

    run_to_the_end(work_dir / "warm-up")  # Fills the cache of compiled programs.
    seconds = run_to_the_end(work_dir / "whole")
    expected = read_outcome(work_dir / "whole")
    rng = random.Random(options.seed)
    num_kills = num_runs = 0
    failures: list[str] = []
    while num_kills < options.num_kills:
        run_dir = work_dir / f"killed{num_runs}"
        num_runs += 1
        while num_kills < options.num_kills:
            process = start(run_dir)
            process.join(rng.uniform(0, seconds))
            if not process.is_alive():
                break
            process.kill()
            process.join()
            num_kills += 1
            print(f"kill {num_kills}: {run_dir.name}, {describe_state(run_dir)}", flush=True)
        if not (run_dir / "result.json").is_file():
            run_to_the_end(run_dir)
        differing = compare(read_outcome(run_dir), expected)
        failures += [f"{run_dir}: {part} differs" for part in differing]
        print(f"{run_dir.name}: {', '.join(differing) or 'equal'}", flush=True)
    if failures:
        raise SystemExit("\n".join(failures))
    print(f"kills: {num_kills}, runs: {num_runs}, all equal to the uninterrupted one")


if __name__ == "__main__":
    main()
