"""`mdjax evaluate`: score a trained network on a split."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json
from mdjax.cli.together import joining
from mdjax.models.modalities import Missing
from mdjax.runs.detection_files import check_detection_files, write_evaluation
from mdjax.runs.loading import LoadedNetwork, load_network
from mdjax.runs.results import describe_environment
from mdjax.runs.scoring import describe_missing, describe_thermal, evaluate_network
from mdjax.tasks.detection_scores import DetectionEvaluation
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.tasks.segmentation_scores import ScoredSize
from mdjax.tasks.task import Evaluation, Task
from mdjax.train.joining import ProcessOptions
from mdjax.train.processes import is_first_process
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Evaluate:
    """Score a trained network on a split: day, night and all.

    Attributes:
        run_dir: Run directory, or the folder of a checkpoint.
        split: Split to score.
        checkpoint: The last state (the paper's protocol), or the best on the validation split.
        data_dir: Folder of prepared data sets; by default as in training.
        dataset: Prepared data set with the same classes; by default as in training.
        resolution: Resolution of another thermal camera than in training, such as 64x or
            lepton-3.5; its other properties stay the same.
        scored_size: For networks that label pixels: score at the size of the label files, or at
            the working size; by default as in training.
        batch_size: Image pairs per batch; by default as in training.
        missing: Image that the network has to do without: CSK-Net and decision-level fusion leave
            out what would look at it, all others see the mean image in its place.
        detections: For detectors of one class: file for the detections in KAIST's format, with
            lines of image (its position in the split, from 1), x, y, w, h, score.
        curve: For detectors: PNG file for the plot of miss rate over false positives per image;
            the numbers go to a .csv file of the same name.
        json: Print one JSON object instead of the table.
        processes: The other processes, often on other machines, that score this split too.
    """

    run_dir: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN_DIR")]]
    split: str = "test"
    checkpoint: Literal["last", "best", "inference"] = "last"
    data_dir: Path | None = None
    dataset: str | None = None
    resolution: str | None = None
    scored_size: ScoredSize | None = None
    batch_size: int | None = None
    missing: Missing = "none"
    detections: Path | None = None
    curve: Path | None = None
    json: bool = False
    processes: ProcessOptions = field(default_factory=ProcessOptions)


def run_evaluate(arguments: Sequence[str]) -> int:
    """Run `mdjax evaluate RUN_DIR [options]`."""
    command: Evaluate = parse_options(Evaluate, arguments, prog="mdjax evaluate")
    with joining(command.processes, command="evaluate", remedy="Start all processes again."):
        loaded, evaluation = _evaluate(command)
    if is_first_process():
        _tell(command, loaded, evaluation)
    return 0


def _evaluate(command: Evaluate) -> tuple[LoadedNetwork, Evaluation]:
    loaded = load_network(command.run_dir, command.checkpoint)
    task = _choose_task(loaded, command.scored_size)
    if is_first_process():
        check_detection_files(loaded, detections=command.detections, curve=command.curve)
    evaluation = evaluate_network(
        loaded,
        split=command.split,
        data_dir=command.data_dir,
        dataset=command.dataset,
        resolution=command.resolution,
        task=task,
        batch_size=command.batch_size,
        missing=command.missing,
    )
    return loaded, evaluation


def _tell(command: Evaluate, loaded: LoadedNetwork, evaluation: Evaluation) -> None:
    height, width = loaded.config.pipeline.image_size_hw
    title = (
        f"{command.run_dir}, data set {command.dataset or loaded.config.dataset}, "
        f"split {command.split}, checkpoint {command.checkpoint} "
        f"(step {loaded.step}), network at {width}x{height}"
    )
    thermal = None
    if command.missing != "thermal":
        thermal = describe_thermal(loaded.config, command.resolution)
        title += f", {thermal}"
    if command.missing != "none":
        title += f", {describe_missing(loaded.config, command.missing)}"
    if command.json:
        print_json(
            {
                "run_dir": command.run_dir,
                "network": type(loaded.config.network).__name__.removesuffix("Config"),
                "step": loaded.step,
                "split": command.split,
                "thermal": thermal,
                "missing": command.missing,
                "image_size_hw": loaded.config.pipeline.image_size_hw,
                "checkpoint": command.checkpoint,
                "scored": evaluation.describe(),
                "scores": evaluation.to_metrics(),
                "environment": describe_environment(),
            }
        )
    else:
        print(f"{title}, {evaluation.describe()}")
        print(evaluation.format_table())
    # Last: a full disk does not take the scores with it.
    if isinstance(evaluation, DetectionEvaluation):
        write_evaluation(
            evaluation,
            title=title,
            detections=command.detections,
            curve=command.curve,
        )


def _choose_task(loaded: LoadedNetwork, scored_size: ScoredSize | None) -> Task:
    task = loaded.config.task
    if scored_size is None:
        return task
    if not isinstance(task, SegmentationTask):
        raise MdjaxError(
            f"{loaded.run_dir}: this network finds objects, whose boxes are always scored in "
            "pixels of the image files; omit --scored-size."
        )
    return replace(task, scored_size=scored_size)
