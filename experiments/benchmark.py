"""Speed and memory: pipeline and step, student and teacher, memory at full size, boxes.

    mdjax prepare mfnet --raw DIR
    python experiments/benchmark.py

Figures that are compared are measured in turns, so that a busy machine slows both alike; medians
are printed. The memory of a step at 640x480 is what XLA's compiled program states: nothing of that
size is run.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

from mdjax.data.pipeline import make_train_batches
from mdjax.data.source import open_split
from mdjax.data.truth import LabelMapReader
from mdjax.io.json_file import write_json
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig, MdStudentConfig
from mdjax.models.predictor import make_predictor
from mdjax.ops.nms import NmsOptions, compute_detections
from mdjax.recipes import (
    configure_kaist,
    configure_mfnet,
    configure_mfnet_small,
    configure_msrs_small,
)
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.loading import create_network, select_inputs_for
from mdjax.runs.results import describe_environment
from mdjax.studies.rows import Recipe
from mdjax.train.state import create_state, create_variables
from mdjax.train.step import make_distill_step
from mdjax.train.teacher import Teacher
from mdjax.types import AnchorPrediction, Batch, Objects

NUM_CLASSES = 9
RESULTS_PATH = Path(__file__).parent / "results" / "benchmark.json"


@dataclass(frozen=True)
class Arguments:
    """What to measure with.

    Attributes:
        data_dir: Folder of prepared data sets, with MFNet.
        num_rounds: Timed repetitions.
    """

    data_dir: Path = Path("data")
    num_rounds: int = 9


def main() -> None:
    """Measure, print the table and write the JSON."""
    arguments = tyro.cli(Arguments, description=__doc__)
    figures: dict[str, Any] = {"environment": describe_environment()}
    rounds = arguments.num_rounds
    figures["pipeline"] = compare_pipeline_with_step(arguments)
    figures["forward_640x480"] = compare_forward_passes(configure_mfnet, NUM_CLASSES, rounds)
    figures["memory_640x480_batch_16"] = estimate_step_memory()
    figures["detector_forward_640x512"] = compare_forward_passes(configure_kaist, 1, rounds)
    # Not the 16 pairs of the paper, which two cores take long over: both times grow with the batch.
    figures["detector_640x512_batch_2"] = measure_box_shares(configure_kaist, 2, rounds)
    figures["detector_192x144_batch_8"] = measure_box_shares(configure_msrs_small, 8, rounds)
    figures["post_processing"] = time_post_processing(rounds)
    for title, values in figures.items():
        print(title)
        for name, value in values.items():
            shown = f"{value:.3f}" if isinstance(value, float) else value
            print(f"  {name:44}{shown}")
    write_json(RESULTS_PATH, figures)


def make_step_and_state(
    config: DistillConfig, example: Any, num_classes: int = NUM_CLASSES
) -> tuple[Any, Any]:
    """Build a distillation step with an untrained teacher; speed does not depend on weights."""
    teacher_config = replace(config, network=FeatureLevelConfig(config.network.backbone))
    teacher = create_network(teacher_config, num_classes)
    student = create_network(config, num_classes)
    select_teacher = select_inputs_for(teacher_config)
    select_student = select_inputs_for(config)
    optimiser = config.optimiser.create(config.loop.num_steps)
    method = ModalityDistillation()
    teacher_variables = create_variables(teacher, example, select_inputs=select_teacher, seed=0)
    step = make_distill_step(
        student,
        {"teacher": Teacher(teacher, teacher_variables, select_teacher)},
        optimiser,
        (*config.task.make_terms(has_guidance=False), *method.make_terms()),
        select_inputs=select_student,
        seed=0,
        compute_targets=config.task.compute_targets,
    )
    variables = create_variables(student, example, select_inputs=select_student, seed=0)
    return step, create_state(variables, optimiser)


def compare_pipeline_with_step(arguments: Arguments) -> dict[str, float]:
    """Compare what the input pipeline delivers with what a distillation step consumes."""
    config = configure_mfnet_small(DistillConfig(), MdStudentConfig)
    source = open_split("mfnet", "train", arguments.data_dir)
    batches = make_train_batches(
        source, config.pipeline, LabelMapReader(), batch_size=config.batch_size, seed=0
    )
    num_batches = len(source) // config.batch_size
    first_epoch = _time(lambda: [next(batches) for _ in range(num_batches)])
    batch = next(batches)
    step, state = make_step_and_state(config, batch)
    state, metrics = step(state, batch)  # compiles
    jax.block_until_ready(metrics)
    step_seconds, pipeline_seconds = [], []
    for _ in range(arguments.num_rounds):
        start = time.perf_counter()
        state, metrics = step(state, batch)
        jax.block_until_ready(metrics)
        step_seconds.append(time.perf_counter() - start)
        pipeline_seconds.append(_time(lambda: [next(batches) for _ in range(num_batches)]))
    consumed = config.batch_size / statistics.median(step_seconds)
    delivered = config.batch_size * num_batches / statistics.median(pipeline_seconds)
    return {
        "step_consumes_pairs_per_second": consumed,
        "pipeline_delivers_pairs_per_second": delivered,
        "ratio": delivered / consumed,
        "first_epoch_decoding_pairs_per_second": config.batch_size * num_batches / first_epoch,
        "first_epoch_ratio": config.batch_size * num_batches / first_epoch / consumed,
    }


def compare_forward_passes(recipe: Recipe, num_classes: int, num_rounds: int) -> dict[str, float]:
    """Time one pair, batch 1, for teacher, native and distilled student."""
    passes: dict[str, Callable[[], Any]] = {}
    figures: dict[str, float] = {}
    for name, network in {
        "teacher": FeatureLevelConfig,
        "native": ImageLevelConfig,
        "distilled": MdStudentConfig,
    }.items():
        config = recipe(TrainConfig(), network)
        module = create_network(config, num_classes)
        example = make_example(1, config.pipeline.image_size_hw)
        select = select_inputs_for(config)
        variables = create_variables(module, example, select_inputs=select, seed=0)

        inputs = jax.device_put(select(example))
        predict: Any = make_predictor(module, lambda output: output.prediction)
        compiled = predict.lower(variables, *inputs).compile()
        cost: Any = compiled.cost_analysis()
        figures[f"{name}_gflop"] = cost["flops"] / 1e9
        passes[name] = lambda run=compiled, v=variables, i=inputs: jax.block_until_ready(run(v, *i))
        passes[name]()
    seconds: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(num_rounds):
        for name, run in passes.items():
            seconds[name].append(_time(run))
    for name, times in seconds.items():
        figures[f"{name}_ms"] = 1e3 * statistics.median(times)
    for name in ("native", "distilled"):
        ratios = [s / t for s, t in zip(seconds[name], seconds["teacher"], strict=True)]
        figures[f"{name}_over_teacher_time"] = statistics.median(ratios)
        figures[f"{name}_over_teacher_flop"] = figures[f"{name}_gflop"] / figures["teacher_gflop"]
    return figures


def estimate_step_memory() -> dict[str, float]:
    """Read the memory of a full-size distillation step from its compiled program."""
    config = configure_mfnet(DistillConfig(), MdStudentConfig)
    example = make_example(1, config.pipeline.image_size_hw)
    step, state = make_step_and_state(config, example)
    batch = jax.eval_shape(lambda: make_example(config.batch_size, config.pipeline.image_size_hw))
    update, constants = step.func, step.args  # `make_distill_step` returns a partial
    stats = update.lower(*constants, state, batch).compile().memory_analysis()
    gigabytes: dict[str, float] = {
        "temporary_gb": stats.temp_size_in_bytes / 1e9,
        "arguments_gb": stats.argument_size_in_bytes / 1e9,
        "outputs_beyond_donated_gb": (stats.output_size_in_bytes - stats.alias_size_in_bytes) / 1e9,
    }
    return gigabytes | {"total_gb": sum(gigabytes.values())}


def measure_box_shares(recipe: Recipe, batch_size: int, num_rounds: int) -> dict[str, float]:
    """Compare what is done with boxes with the steps that it is part of.

    Assignment with a distillation step of the MD student; decoding and NMS with its detection of
    one pair, network included. Both in turns.
    """
    config = recipe(DistillConfig(), MdStudentConfig)
    size_hw = config.pipeline.image_size_hw
    batch = replace_truth(make_example(batch_size, size_hw), size_hw)
    step, state = make_step_and_state(config, batch, num_classes=1)
    student = create_network(config, 1)
    select = select_inputs_for(config)
    variables = create_variables(student, batch, select_inputs=select, seed=0)

    run_network = make_predictor(student)

    @jax.jit
    def suppress(prediction: Any) -> Any:
        return compute_detections(prediction, size_hw)

    @jax.jit
    def detect(variables: Any, inputs: Any) -> Any:
        return suppress(run_network(variables, *inputs).prediction)

    assign = jax.jit(config.task.compute_targets)
    output = run_network(variables, *select(batch))
    single_inputs = jax.tree.map(lambda x: x[:1], select(batch))
    single_output = run_network(variables, *single_inputs)

    def run_step() -> None:
        nonlocal state
        state, metrics = step(state, batch)
        jax.block_until_ready(metrics)

    parts: dict[str, Callable[[], Any]] = {
        "step": run_step,
        "assignment": lambda: jax.block_until_ready(assign(output, batch)),
        "detection": lambda: jax.block_until_ready(detect(variables, single_inputs)),
        "nms": lambda: jax.block_until_ready(suppress(single_output.prediction)),
    }
    milliseconds = _time_in_turns(parts, num_rounds)
    return {
        "num_anchors": len(output.prediction.anchors_xyxy_px),
        **{f"{name}_ms": value for name, value in milliseconds.items()},
        "assignment_over_step": milliseconds["assignment"] / milliseconds["step"],
        "nms_over_detection": milliseconds["nms"] / milliseconds["detection"],
    }


def time_post_processing(num_rounds: int) -> dict[str, float]:
    """Time decoding and NMS of 16,000 anchors where little is found, and where everything is.

    Boxes and scores are random: hardly one suppresses another, so that all rows are filled, which
    takes the most turns.
    """
    rng = np.random.default_rng(0)
    corners = rng.uniform((0, 0), (600, 440), (16_000, 2))
    sides = rng.uniform((16, 32), (40, 72), (16_000, 2))
    anchors = jnp.asarray(np.concatenate([corners, corners + sides], axis=1), jnp.float32)
    detect = jax.jit(lambda prediction: compute_detections(prediction, (512, 640), NmsOptions()))
    parts: dict[str, Callable[[], Any]] = {}
    for name, mean_logit in {"few_scores": -9.0, "all_scores": 0.0}.items():
        logits = jnp.asarray(rng.normal(mean_logit, 2, (1, 16_000, 1)), jnp.float32)
        offsets = jnp.asarray(rng.normal(0, 0.5, (1, 16_000, 4)), jnp.float32)
        prediction = AnchorPrediction(logits, offsets, anchors)
        parts[name] = lambda p=prediction: jax.block_until_ready(detect(p))
    return {f"{name}_ms": value for name, value in _time_in_turns(parts, num_rounds).items()}


def replace_truth(batch: Batch, image_size_hw: tuple[int, int]) -> Batch:
    """Put ten persons into each image, as many as the fullest one of MSRS has."""
    rng = np.random.default_rng(0)
    shape = (len(batch.is_night), 10)
    h, w = image_size_hw
    heights = rng.uniform(h / 16, h / 3, shape)
    left, top = rng.uniform(0, 0.8 * w, shape), rng.uniform(0, 0.6 * h, shape)
    boxes = np.stack([left, top, left + 0.4 * heights, top + heights], axis=-1)
    truth = Objects(
        boxes_xyxy_px=jnp.asarray(boxes, jnp.float32),
        class_ids=jnp.zeros(shape, jnp.int32),
        is_ignored=jnp.zeros(shape, bool),
        is_valid=jnp.ones(shape, bool),
    )
    return replace(batch, truth=truth)


def _time_in_turns(parts: dict[str, Callable[[], Any]], num_rounds: int) -> dict[str, float]:
    """Median milliseconds of each; the first call, which compiles, does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in parts}
    for run in parts.values():
        run()
    for _ in range(num_rounds):
        for name, run in parts.items():
            seconds[name].append(_time(run))
    return {name: 1e3 * statistics.median(times) for name, times in seconds.items()}


def make_example(size: int, image_size_hw: tuple[int, int]) -> Batch:
    """Make a batch of grey image pairs."""
    h, w = image_size_hw
    return Batch(
        visible=jnp.full((size, h, w, 3), 0.5),
        thermal_full=jnp.full((size, h, w, 1), 0.5),
        thermal_camera=jnp.full((size, h, w, 1), 0.5),
        truth=jnp.zeros((size, h, w), jnp.uint8),
        image_size_hw=jnp.array([[h, w]] * size),
        is_night=jnp.zeros(size, bool),
        is_valid=jnp.ones(size, bool),
    )


def _time(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
