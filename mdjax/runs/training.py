"""Train or distil from a configuration, read top to bottom."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from mdjax.config import config_to_dict
from mdjax.data.pipeline import make_train_batches, prefetch_to_devices
from mdjax.data.source import SplitSource, open_split
from mdjax.io.checkpoint import CheckpointStore, has_checkpoint, read_metadata, restore
from mdjax.io.json_file import restore_scores
from mdjax.io.metrics_log import MetricsLog, Progress, require_wandb
from mdjax.io.pretrained import initialise_from_resnet18
from mdjax.io.run_directory import RunDirectory
from mdjax.io.torch_file import read_tensors
from mdjax.models.config import FeatureLevelConfig
from mdjax.runs.config import DistillConfig, RunConfig
from mdjax.runs.loading import (
    LoadedNetwork,
    check_class_names,
    check_teacher_scores,
    create_network,
    load_network,
    open_validation_split,
    select_inputs_for,
)
from mdjax.runs.results import RunResult, create_result
from mdjax.runs.scoring import make_scorer
from mdjax.train.devices import create_data_mesh, make_batch_sharding, replicate
from mdjax.train.loop import NonFiniteLossError, run_training
from mdjax.train.state import Network, SelectInputs, TrainState, create_state, create_variables
from mdjax.train.step import (
    Metrics,
    Step,
    make_distill_step,
    make_gradient_norm_probe,
    make_train_step,
)
from mdjax.types import Batch

Print = Callable[[str], None]

# Settings that a resumed run may change: they do not touch the numbers.
MAY_DIFFER_ON_RESUME = (
    "data_dir",
    "teacher",
    "wandb",
    "loop.log_every",
    "loop.save_every",
    "loop.probe_every",
    "pipeline.cache_megabytes",
)


@dataclass(frozen=True)
class _Steps:
    step: Step
    probe: Callable[[TrainState, Any], Metrics]


def train(
    config: RunConfig, run_dir: Path, *, resume: bool = False, show: Print = print
) -> RunResult:
    """Train a network, or distil a student if the configuration is a `DistillConfig`.

    Args:
        config: What to do.
        run_dir: New directory for configuration, logs, checkpoints and the final table.
        resume: Continue the run in `run_dir` from its last checkpoint.
        show: Takes lines that a person should read.

    Returns:
        Scores on the validation and the test split after the last step.

    Raises:
        MdjaxError: Bad input, a used directory, a teacher that does not fit, a non-finite loss.
        InterruptedTraining: The run was asked to stop; its state is saved.
    """
    if config.wandb:
        require_wandb()
    if not resume:
        # Before the teacher is scored, which may take minutes.
        RunDirectory(run_dir).require_unused()

    # -- Data ---------------------------------------------------------------------------------
    train_split = open_split(config.dataset, "train", config.data_dir)
    test_split = open_split(config.dataset, "test", config.data_dir)
    val_split = open_validation_split(config.dataset, config.data_dir, show)
    class_names = config.task.get_class_names(train_split)
    truth_reader = config.task.create_truth_reader(train_split)
    main_metric = config.task.get_main_metric(class_names)
    mesh = create_data_mesh(config.batch_size)

    # -- Network and state --------------------------------------------------------------------
    network = create_network(config, len(class_names))
    select_inputs = select_inputs_for(config)
    optimiser = config.optimiser.create(config.loop.num_steps)
    example = next(
        make_train_batches(train_split, config.pipeline, truth_reader, batch_size=1, seed=0)
    )
    variables = create_variables(network, example, select_inputs=select_inputs, seed=config.seed)
    if config.pretrained:
        variables = _load_pretrained(variables, config.pretrained, show)
    state = create_state(variables, optimiser)

    # -- Steps (a distillation checks its teacher before anything is written) -------------------
    steps = _make_steps(
        config, network, state, example, select_inputs, optimiser, val_split, main_metric, show
    )

    # -- Run directory ------------------------------------------------------------------------
    config_values = config_to_dict(config, RunConfig)
    if resume:
        directory = RunDirectory.reopen(run_dir, config_values, may_differ=MAY_DIFFER_ON_RESUME)
    else:
        directory = RunDirectory.create(run_dir, config_values)
    store = CheckpointStore(run_dir)
    if resume and has_checkpoint(store.last):
        state = restore(store.last, state)
        show(f"Resuming {run_dir} after step {int(state.step)} of {config.loop.num_steps}")
    start_step = int(state.step)
    state = replicate(state, mesh)

    # -- Training -----------------------------------------------------------------------------
    metadata = {
        "config": config_values,
        "class_names": list(class_names),
        # What `predict` needs to read a camera's 16-bit files as the data set was read.
        "thermal_range_counts": train_split.metadata.get("thermal_range_counts"),
    }
    score = make_scorer(
        network,
        class_names,
        config.task,
        config.pipeline,
        select_inputs=select_inputs,
        batch_size=config.batch_size,
        mesh=mesh,
    )
    best_score: float | None = None
    if has_checkpoint(store.best):
        best_score = restore_scores(read_metadata(store.best)["scores"])[main_metric]

    def is_better(score: float, best: float | None) -> bool:
        if best is None or math.isnan(best):
            return True
        return score < best if config.task.is_lower_better else score > best

    def save(state: TrainState, scores: Mapping[str, float] | None) -> None:
        nonlocal best_score
        record = {**metadata, "step": int(state.step), "scores": dict(scores or {})}
        store.save_last(state, record)
        if scores is not None and is_better(scores[main_metric], best_score):
            best_score = scores[main_metric]
            store.save_best(state, record)

    batches = make_train_batches(
        train_split,
        config.pipeline,
        truth_reader,
        batch_size=config.batch_size,
        seed=config.seed,
        start_step=start_step,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    with (
        MetricsLog(directory, start_step=start_step, use_wandb=config.wandb) as log,
        Progress(
            num_steps=config.loop.num_steps, start_step=start_step, batch_size=config.batch_size
        ) as progress,
    ):
        try:
            state = run_training(
                state,
                steps.step,
                prefetch_to_devices(batches, make_batch_sharding(mesh)),
                config.loop,
                log=log.write,
                show=progress.update,
                save=save,
                evaluate=lambda state: score(state.variables, val_split).to_metrics(),
                probe=steps.probe,
            )
        except NonFiniteLossError as error:
            raise NonFiniteLossError(f"{error} {_describe_last_checkpoint(store)}") from error

    # -- Result -------------------------------------------------------------------------------
    result = create_result(
        run_dir=run_dir,
        config=config,
        evaluations={
            "val": score(state.variables, val_split),
            "test": score(state.variables, test_split),
        },
        params=state.params,
        main_metric=main_metric,
    )
    scores = result.scores["val"]
    store.save_inference(
        state.variables, {**metadata, "step": config.loop.num_steps, "scores": dict(scores)}
    )
    directory.write_result(result.to_dict(), result.format_table())
    return result


def _make_steps(
    config: RunConfig,
    network: Network,
    state: TrainState,
    example: Batch,
    select_inputs: SelectInputs,
    optimiser: Any,
    val_split: SplitSource,
    main_metric: str,
    show: Print,
) -> _Steps:
    has_guidance = isinstance(config.network, FeatureLevelConfig)
    task_terms = config.task.make_terms(has_guidance=has_guidance)
    if not isinstance(config, DistillConfig):
        return _Steps(
            make_train_step(
                network,
                optimiser,
                task_terms,
                select_inputs=select_inputs,
                seed=config.seed,
                num_microbatches=config.num_microbatches,
                compute_targets=config.task.compute_targets,
            ),
            make_gradient_norm_probe(
                network,
                task_terms,
                select_student_inputs=select_inputs,
                compute_targets=config.task.compute_targets,
            ),
        )
    teacher = load_network(config.teacher)
    check_class_names(teacher, val_split)
    transfer_terms = config.method.make_transfer_terms()

    def compare(variables: Any, teacher_variables: Any, batch: Batch) -> list[Any]:
        output = network.apply(variables, *select_inputs(batch), train=False)
        inputs = teacher.select_inputs(batch)
        teacher_output = teacher.network.apply(teacher_variables, *inputs, train=False)
        return [term.compute(output, teacher_output) for term in transfer_terms]

    # Networks that do not fit each other show it in their shapes, before anything is computed.
    jax.eval_shape(compare, state.variables, dict(teacher.variables), example)
    teacher_variables = replicate(dict(teacher.variables), create_data_mesh(config.batch_size))
    _check_teacher(config, teacher, teacher_variables, val_split, main_metric, show)
    return _Steps(
        make_distill_step(
            network,
            teacher.network,
            teacher_variables,
            optimiser,
            task_terms,
            transfer_terms,
            select_student_inputs=select_inputs,
            select_teacher_inputs=teacher.select_inputs,
            seed=config.seed,
            num_microbatches=config.num_microbatches,
            compute_targets=config.task.compute_targets,
            diagnostics=config.method.make_diagnostics(),
        ),
        make_gradient_norm_probe(
            network,
            task_terms,
            transfer_terms,
            select_student_inputs=select_inputs,
            teacher=teacher.network,
            teacher_variables=teacher_variables,
            select_teacher_inputs=teacher.select_inputs,
            compute_targets=config.task.compute_targets,
        ),
    )


def _check_teacher(
    config: DistillConfig,
    teacher: LoadedNetwork,
    teacher_variables: Mapping[str, Any],
    val_split: SplitSource,
    main_metric: str,
    show: Print,
) -> None:
    """Score the teacher on what the student will be trained on, before step 0."""
    score = make_scorer(
        teacher.network,
        teacher.class_names,
        config.task,
        config.pipeline,
        select_inputs=teacher.select_inputs,
        batch_size=config.batch_size,
        mesh=create_data_mesh(config.batch_size),
    )
    measured = score(teacher_variables, val_split).to_metrics()
    show(check_teacher_scores(teacher, measured, main_metric, config.teacher_score_tolerance))


def _describe_last_checkpoint(store: CheckpointStore) -> str:
    if not has_checkpoint(store.last):
        return "No checkpoint had been saved yet."
    return f"Last good checkpoint: {store.last}, step {read_metadata(store.last)['step']}."


def _load_pretrained(variables: Mapping[str, Any], path: Path, show: Print) -> dict[str, Any]:
    loaded = initialise_from_resnet18(
        variables["params"], variables["batch_stats"], read_tensors(path), source_name=str(path)
    )
    for line in loaded.lines:
        show(line)
    return {**variables, "params": loaded.params, "batch_stats": loaded.batch_stats}
