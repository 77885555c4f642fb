"""`mdjax demo`: see modality distillation at work on generated scenes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import jax

from data_builders.synthetic import PrepareSynthetic
from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.figures.pictures import draw_boxes, draw_label_maps
from mdjax.io.json_file import write_json, write_text
from mdjax.io.metrics_log import read_metrics
from mdjax.models.config import ImageLevelConfig
from mdjax.recipes import configure_synthetic, configure_synthetic_detection
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.studies.experiment import StudyBudget
from mdjax.studies.report import Columns, create_report, load_first_networks
from mdjax.studies.rows import DISTILLED, STUDENT, TEACHER, Recipe, create_rows
from mdjax.studies.study import run_study
from mdjax.studies.workers import count_workers, share_gpus
from mdjax.types import MdjaxError
from mdjax.viz.curves import plot_training_curves


@dataclass(frozen=True)
class Demonstration:
    """The parts of a demonstration of one task.

    Attributes:
        recipe: Configures its networks.
        columns: Scores of the table.
        draw: Draws scenes through the networks.
        loss_terms: Loss terms whose curves are drawn.
    """

    recipe: Recipe
    columns: Columns
    draw: Callable[[Mapping[str, LoadedNetwork], Path], None]
    loss_terms: Sequence[str]


SEGMENTATION = Demonstration(
    recipe=configure_synthetic,
    columns=Columns(
        titles={
            "mean_accuracy_9/all": "mAcc all",
            "mean_accuracy_9/day": "mAcc day",
            "mean_accuracy_9/night": "mAcc night",
            "mean_iou_9/all": "mIoU all",
        },
        judged=("mean_accuracy_9/all", "mean_iou_9/all"),
    ),
    draw=draw_label_maps,
    loss_terms=("segmentation",),
)
DETECTION = Demonstration(
    recipe=configure_synthetic_detection,
    columns=Columns(
        titles={
            "ap50/all": "AP50 all",
            "ap50/day": "AP50 day",
            "ap50/night": "AP50 night",
            "ap/all": "AP all",
        },
        judged=("ap50/all",),
    ),
    draw=draw_boxes,
    loss_terms=("classification", "box"),
)


ROWS = (TEACHER, STUDENT, DISTILLED)


@dataclass(frozen=True)
class Demo:
    """Train a teacher and two students for a cheap camera on generated scenes, and compare them.

    Both students are the same network and see the thermal image of a camera with 16 times fewer
    pixels; one of them is distilled. All networks get the same steps, augmentation and schedule.
    One teacher is trained, with the first seed, and teaches the distilled students of all seeds.
    Run the command again to continue after an interruption.

    Attributes:
        task: Label every pixel, or find persons.
        out: Folder for scenes, runs, table and picture; `runs/demo` or `runs/demo_detection` by
            default.
        num_seeds: Number of trainings of each student.
        num_steps: Steps of each training; by default as in the preset.
        num_workers: Number of parallel trainings; by default one per core on a CPU, at most four.
        json: Print one JSON object instead of the table.
    """

    task: Literal["segmentation", "detection"] = "segmentation"
    out: Path | None = None
    num_seeds: int = 6
    num_steps: int | None = None
    num_workers: int | None = None
    json: bool = False


def run_demo(arguments: Sequence[str]) -> int:
    """Run `mdjax demo [options]`."""
    command = parse_options(Demo, arguments, prog="mdjax demo")
    share_gpus(command.num_workers or 2)  # By default one per GPU: there may be several.
    for name in ("num_seeds", "num_workers"):
        value = getattr(command, name)
        if value is not None and value < 1:
            raise MdjaxError(f"{name} is {value}; give 1 or more.")
    start = time.perf_counter()
    is_detection = command.task == "detection"
    demonstration = DETECTION if is_detection else SEGMENTATION
    out = command.out or Path("runs", "demo_detection" if is_detection else "demo")
    # Seeds share their programs: compile each network once.
    if jax.config.values["jax_compilation_cache_dir"] is None:
        jax.config.update("jax_compilation_cache_dir", str(out / "compiled"))
    base = demonstration.recipe(TrainConfig(), ImageLevelConfig)
    data = PrepareSynthetic(out / "data", image_size_hw=base.pipeline.image_size_hw).prepare()
    show_on_stderr(f"Generated scenes: {data.folder}")

    budget = StudyBudget(
        data_dir=out / "data", num_seeds=command.num_seeds, num_steps=command.num_steps
    )
    rows = create_rows(
        demonstration.recipe, lambda config: replace(budget.adjust(config), dataset=data.dataset)
    )
    try:
        results = run_study(
            {name: rows[name] for name in ROWS},
            out,
            seeds=range(command.num_seeds),
            show=show_on_stderr,
            num_workers=command.num_workers or count_workers(),
            shared_rows=[TEACHER],
        )
    except KeyboardInterrupt:
        show_on_stderr("The same command continues the demo.")
        raise
    if results.failures:
        raise MdjaxError("\n".join(map(str, results.failures)))
    networks = load_first_networks(results)
    report = create_report(results, demonstration.columns, networks=networks)
    picture = out / "comparison.png"
    demonstration.draw(networks, picture)
    curves = out / "curves.png"
    plot_training_curves(
        {name: read_metrics(out / "seed0" / name / "metrics.jsonl") for name in ROWS},
        curves,
        metrics=[
            *(f"train/loss/{term}" for term in demonstration.loss_terms),
            "train/focal_mask_perplexity_share",
        ],
    )
    summary = {
        "num_seeds": command.num_seeds,
        **report.values,
        "seconds": time.perf_counter() - start,
    }
    write_json(out / "demo.json", summary)
    text = "\n".join(
        [
            "Generated test scenes; the cheap camera has 16 times fewer pixels; the teacher sees",
            "the full thermal image. One teacher (first seed) teaches all distilled students.",
            report.format_text(),
            "",
            f"Picture: {picture}   Loss curves: {curves}",
        ]
    )
    write_text(out / "table.txt", text + "\n")
    if command.json:
        print_json(summary)
    else:
        print(text)
    return 0
