"""Speed and memory: pipeline against training step, student against teacher, memory at full size.

    mdjax prepare mfnet --raw DIR
    python experiments/benchmark.py

Figures that are compared are measured in turns, so that a busy machine slows both alike; medians
are printed. The memory of a step at 640x480 is what XLA's compiled program states: nothing of that
size is run.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import tyro

from mdjax.data.pipeline import make_train_batches
from mdjax.data.source import open_split
from mdjax.data.truth import LabelMapReader
from mdjax.io.json_file import write_json
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.config import FeatureLevelConfig, ImageLevelConfig, MdStudentConfig
from mdjax.presets import configure_mfnet, configure_mfnet_small
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.loading import create_network, select_inputs_for
from mdjax.runs.results import describe_environment
from mdjax.train.state import create_state, create_variables
from mdjax.train.step import make_distill_step
from mdjax.types import Batch

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
    figures["pipeline"] = compare_pipeline_with_step(arguments)
    figures["forward_640x480"] = compare_forward_passes(arguments.num_rounds)
    figures["memory_640x480_batch_16"] = estimate_step_memory()
    for title, values in figures.items():
        print(title)
        for name, value in values.items():
            shown = f"{value:.3f}" if isinstance(value, float) else value
            print(f"  {name:44}{shown}")
    write_json(RESULTS_PATH, figures)


def make_step_and_state(config: DistillConfig, example: Any) -> tuple[Any, Any]:
    """Build a distillation step with an untrained teacher; speed does not depend on weights."""
    teacher_config = TrainConfig(network=FeatureLevelConfig(config.network.options))
    teacher = create_network(teacher_config, NUM_CLASSES)
    student = create_network(config, NUM_CLASSES)
    select_teacher = select_inputs_for(teacher_config)
    select_student = select_inputs_for(config)
    optimiser = config.optimiser.create(config.loop.num_steps)
    method = ModalityDistillation()
    step = make_distill_step(
        student,
        teacher,
        create_variables(teacher, example, select_inputs=select_teacher, seed=0),
        optimiser,
        config.task.make_terms(has_guidance=False),
        method.make_transfer_terms(),
        select_student_inputs=select_student,
        select_teacher_inputs=select_teacher,
        seed=0,
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


def compare_forward_passes(num_rounds: int) -> dict[str, float]:
    """Time one 640x480 pair, full width, batch 1, for teacher, native and distilled student."""
    passes: dict[str, Callable[[], Any]] = {}
    figures: dict[str, float] = {}
    for name, network in {
        "teacher": FeatureLevelConfig,
        "native": ImageLevelConfig,
        "distilled": MdStudentConfig,
    }.items():
        config = configure_mfnet(TrainConfig(), network)
        module = create_network(config, NUM_CLASSES)
        example = _make_example(1, config.pipeline.image_size_hw)
        select = select_inputs_for(config)
        variables = create_variables(module, example, select_inputs=select, seed=0)

        @jax.jit
        def predict(variables: Any, inputs: Any, module: Any = module) -> Any:
            return module.apply(variables, *inputs, train=False).prediction

        inputs = jax.device_put(select(example))
        compiled = predict.lower(variables, inputs).compile()
        cost: Any = compiled.cost_analysis()
        figures[f"{name}_gflop"] = cost["flops"] / 1e9
        passes[name] = lambda run=compiled, v=variables, i=inputs: jax.block_until_ready(run(v, i))
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
    example = _make_example(1, config.pipeline.image_size_hw)
    step, state = make_step_and_state(config, example)
    batch = jax.eval_shape(lambda: _make_example(config.batch_size, config.pipeline.image_size_hw))
    update, constants = step.func, step.args  # `make_distill_step` returns a partial
    stats = update.lower(*constants, state, batch).compile().memory_analysis()
    gigabytes: dict[str, float] = {
        "temporary_gb": stats.temp_size_in_bytes / 1e9,
        "arguments_gb": stats.argument_size_in_bytes / 1e9,
        "outputs_beyond_donated_gb": (stats.output_size_in_bytes - stats.alias_size_in_bytes) / 1e9,
    }
    return gigabytes | {"total_gb": sum(gigabytes.values())}


def _make_example(size: int, image_size_hw: tuple[int, int]) -> Batch:
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
