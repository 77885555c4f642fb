"""`mdjax demo`: watch modality distillation happen on generated scenes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro

from data_builders.synthetic import prepare_synthetic
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.data.mfnet import PALETTE_RGB
from mdjax.data.pipeline import make_evaluation_batches
from mdjax.data.source import open_split
from mdjax.data.truth import LabelMapReader
from mdjax.io.json_file import write_json, write_text
from mdjax.io.metrics_log import read_metrics
from mdjax.metrics.confusion import predict_labels
from mdjax.presets import configure_synthetic
from mdjax.runs.comparison import describe_gain, estimate_gain, format_comparison
from mdjax.runs.config import DistillConfig
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.runs.study import DISTILLED, NATIVE, TEACHER, run_study
from mdjax.runs.timing import measure_milliseconds
from mdjax.types import Batch, MdjaxError
from mdjax.viz import ComparisonRow, make_comparison_figure, plot_training_curves

SCENE_SIZE_HW = (72, 96)
NUM_SCENES_SHOWN = 6
METRICS = {
    "mean_accuracy_9/all": "mAcc all",
    "mean_accuracy_9/day": "mAcc day",
    "mean_accuracy_9/night": "mAcc night",
    "mean_iou_9/all": "mIoU all",
}
GAIN_METRICS = ("mean_accuracy_9/all", "mean_iou_9/all")


@dataclass(frozen=True)
class Demo:
    """Train teacher, visible-only, native and distilled student on generated scenes, and compare.

    All students see the thermal image of a camera with 16 times fewer pixels and get the same
    steps, augmentation and schedule. Run it again to continue after an interruption.

    Attributes:
        out: Folder for scenes, runs, table and picture.
        num_seeds: Trainings of each network.
        num_steps: Steps of each training; that of the preset by default.
        json: Print one JSON object instead of the table.
    """

    out: Path = Path("runs/demo")
    num_seeds: int = 3
    num_steps: int | None = None
    json: bool = False


def run_demo(arguments: Sequence[str]) -> int:
    """Run `mdjax demo [options]`."""
    command = tyro.cli(Demo, args=arguments, prog="mdjax demo")
    if command.num_seeds < 1:
        raise MdjaxError(f"num_seeds is {command.num_seeds}; give 1 or more.")
    start = time.perf_counter()
    # Seeds share their programs: compile each network once.
    jax.config.update("jax_compilation_cache_dir", str(command.out / "compiled"))
    data = prepare_synthetic(command.out / "data", image_size_hw=SCENE_SIZE_HW)
    show_on_stderr(f"Generated scenes: {data.folder}")

    def adjust(config: Any) -> Any:
        num_steps = command.num_steps or config.loop.num_steps
        return replace(
            config,
            dataset=data.dataset,
            data_dir=command.out / "data",
            loop=replace(config.loop, num_steps=num_steps, evaluate_every=0),
            optimiser=replace(
                config.optimiser, warmup_steps=min(config.optimiser.warmup_steps, num_steps // 4)
            ),
        )

    results = run_study(
        configure_synthetic,
        command.out,
        seeds=range(command.num_seeds),
        adjust=adjust,
        show=show_on_stderr,
    )
    networks = {name: load_network(command.out / "seed0" / name) for name in results}
    milliseconds = measure_milliseconds(networks)
    table = format_comparison(results, split="test", metrics=METRICS, milliseconds=milliseconds)
    gains = {
        metric: estimate_gain(results[DISTILLED], results[NATIVE], split="test", metric=metric)
        for metric in GAIN_METRICS
    }
    verdicts = [describe_gain(gain, metric) for metric, gain in gains.items()]
    picture = command.out / "comparison.png"
    draw_comparison(networks, picture)
    curves = command.out / "curves.png"
    plot_training_curves(
        {name: read_metrics(command.out / "seed0" / name / "metrics.jsonl") for name in results},
        curves,
        metrics=["train/loss/segmentation"],
    )
    summary = {
        "num_seeds": command.num_seeds,
        "results": {name: [run.to_dict() for run in runs] for name, runs in results.items()},
        "milliseconds_per_image": milliseconds,
        "gain_percent_points": {metric: vars(gain) for metric, gain in gains.items()},
        "seconds": time.perf_counter() - start,
    }
    write_json(command.out / "demo.json", summary)
    text = "\n".join(
        [
            f"Generated test scenes, percent, mean ± standard error of {command.num_seeds} seeds;",
            "the cheap camera has 16 times fewer pixels; the teacher sees the full thermal image.",
            "",
            table,
            "",
            *verdicts,
            "",
            f"Picture: {picture}   Loss curves: {curves}",
        ]
    )
    write_text(command.out / "table.txt", text + "\n")
    if command.json:
        print_json(summary)
    else:
        print(text)
    return 0


def draw_comparison(
    networks: dict[str, LoadedNetwork], path: Path, num_scenes: int = NUM_SCENES_SHOWN
) -> None:
    """Draw test scenes, half of them at night: images, ground truth, predictions, F-MSE mask."""
    student, teacher, native = networks[DISTILLED], networks[TEACHER], networks[NATIVE]
    config = student.config
    if not isinstance(config, DistillConfig):
        raise MdjaxError(f"{student.run_dir} is no distillation.")
    split = open_split(config.dataset, "test", config.data_dir)
    batch = _pick_scenes(
        next(
            make_evaluation_batches(split, config.pipeline, LabelMapReader(), batch_size=len(split))
        ),
        num_scenes,
    )
    student_output = _apply(student, batch)
    mask = config.method.compute_mask(student_output, _apply(teacher, batch))
    predictions = {
        "native": predict_labels(_apply(native, batch).prediction),
        "distilled": predict_labels(student_output.prediction),
    }
    rows = [
        ComparisonRow(
            name="night" if batch.is_night[i] else "day",
            visible_u8=_to_u8(batch.visible[i]),
            thermal_camera_u8=_to_u8(batch.thermal_camera[i, ..., 0]),
            labels_u8=np.asarray(batch.label_maps[i]),
            predictions_u8={
                title: np.asarray(labels[i], np.uint8) for title, labels in predictions.items()
            },
            heat=np.asarray(mask[i, ..., 0]),
        )
        for i in range(num_scenes)
    ]
    make_comparison_figure(rows, path, class_names=student.class_names, palette=PALETTE_RGB)


def _pick_scenes(batch: Batch, num_scenes: int) -> Batch:
    # The scenes with most classes tell most, by day and by night.
    variety = np.array([len(np.unique(labels)) for labels in batch.label_maps])
    night, day = np.flatnonzero(batch.is_night), np.flatnonzero(~np.asarray(batch.is_night))
    chosen = [
        group[np.argsort(-variety[group], kind="stable")][: num_scenes // 2]
        for group in (day, night)
    ]
    indices = np.concatenate(chosen)
    return jax.tree.map(lambda x: x[indices], batch)


def _apply(loaded: LoadedNetwork, batch: Batch) -> Any:
    return loaded.network.apply(dict(loaded.variables), *loaded.select_inputs(batch), train=False)


def _to_u8(image: Any) -> np.ndarray:
    return np.round(np.asarray(image) * 255).astype(np.uint8)
