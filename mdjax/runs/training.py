"""Train or distil from a configuration, read top to bottom."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jax

from mdjax.data.pipeline import make_train_batches, prefetch_to_devices
from mdjax.io.checkpoint import has_checkpoint, read_metadata, restore
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.download import fetch_resnet18
from mdjax.io.metrics_log import MetricsLog, Progress, require_wandb
from mdjax.io.run_directory import RunDirectory
from mdjax.io.torch_file import read_tensors
from mdjax.methods.method import Method
from mdjax.models.backbones.resnet_weights import initialise_from_resnet18
from mdjax.models.config import DecisionLevelConfig
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.keeper import CheckpointKeeper, SavedProgress, read_progress
from mdjax.runs.loading import LoadedNetwork, create_network, select_inputs_for
from mdjax.runs.provenance import describe_provenance
from mdjax.runs.results import RunResult, create_result
from mdjax.runs.resuming import claim_run, require_same_config
from mdjax.runs.scoring import make_scorer
from mdjax.runs.splits import Splits, open_splits
from mdjax.runs.stored_config import store_config
from mdjax.runs.teachers import check_teachers, freeze, load_teachers
from mdjax.tasks.task import Evaluation
from mdjax.train.beside import Objective, add_objectives
from mdjax.train.devices import create_data_mesh, make_batch_sharding, replicate
from mdjax.train.loop import LogWindow, NonFiniteLossError, run_training
from mdjax.train.optimiser import create_optimiser
from mdjax.train.probe import make_gradient_norm_probe
from mdjax.train.state import (
    TrainState,
    create_method_variables,
    create_state,
    create_variables,
)
from mdjax.train.step import make_distill_step, make_forward
from mdjax.types import MdjaxError, format_count

Print = Callable[[str], None]


def train(
    config: TrainConfig, run_dir: Path, *, resume: bool = False, show: Print = print
) -> RunResult:
    """Train a network, or distil a student if the configuration is a `DistillConfig`.

    Args:
        config: Configuration of the run.
        run_dir: New directory for configuration, logs, checkpoints and the final table.
        resume: Continue the run in `run_dir` from its last checkpoint.
        show: Receives messages for the user.

    Returns:
        Scores after the last step on those of the splits "val" and "test" that the data set has.

    Raises:
        MdjaxError: Bad input, a directory in use, an unsuitable teacher, a non-finite loss.
        InterruptedTraining: The run was interrupted by a signal; its state is saved.

    Example:
        >>> from dataclasses import replace
        >>> from pathlib import Path
        >>> import mdjax
        >>> config = mdjax.load_network(Path("runs/native")).config  # or mdjax.get_preset(...)
        >>> result = mdjax.train_network(replace(config, seed=1), Path("runs/native_seed1"))
        >>> sorted(result.scores)
        ['test', 'val']
    """
    # -- What can be refused at once ----------------------------------------------------------
    _check_config(config)
    directory, store = RunDirectory(run_dir), CheckpointStore(run_dir)
    if resume:
        require_same_config(run_dir, config)
        directory.require_idle()
    else:
        directory.require_unused()
    # A run that was cut before its first checkpoint begins again.
    goes_on = resume and has_checkpoint(store.last)

    # -- Data ---------------------------------------------------------------------------------
    splits = open_splits(config.dataset, config.data_dir, config.folds)
    scored_split = next(iter(splits.scored))
    _say_what_is_missing(splits, scored_split, show)
    class_names = config.task.get_class_names(splits.train)
    truth_reader = config.task.create_truth_reader(splits.train)
    main_metric = config.task.get_main_metric(class_names)
    mesh = create_data_mesh(config.batch_size)
    example = next(
        make_train_batches(splits.train, config.pipeline, truth_reader, batch_size=1, seed=0)
    )

    # -- Network, teachers, method ------------------------------------------------------------
    network = create_network(config, len(class_names))
    select_inputs = select_inputs_for(config)
    variables = create_variables(network, example, select_inputs=select_inputs, seed=config.seed)
    if config.pretrained and not goes_on:
        variables = _load_pretrained(variables, config.pretrained, show)
    objective = Objective(
        config.task.make_terms(
            has_guidance=config.network.has_guidance, branches=config.network.branches
        ),
        config.task.create_module(len(class_names), config.network.backbone),
    )
    teachers: dict[str, LoadedNetwork] = {}
    if isinstance(config, DistillConfig):
        teachers = load_teachers(config, splits)
        method: Method = config.method
        objective = add_objectives(
            objective,
            Objective(method.make_terms(), method.create_module(), method.make_diagnostics()),
        )
    terms, module = objective.terms, objective.module
    frozen = freeze(teachers, mesh)

    # -- State and step -----------------------------------------------------------------------
    parts: dict[str, Any] = {
        "select_inputs": select_inputs,
        "method_module": module,
        "compute_targets": config.task.compute_targets,
    }
    backbone = config.network.backbone
    optimiser = create_optimiser(
        config.optimiser,
        config.loop.num_steps,
        backbone.find_stages(variables["params"]),
        frozen_stages=backbone.frozen_stages,
    )
    method_variables = create_method_variables(
        module, network, variables, frozen, example, select_inputs, seed=config.seed
    )
    state = create_state(variables, optimiser, method_variables)
    step = make_distill_step(
        network,
        frozen,
        optimiser,
        terms,
        seed=config.seed,
        num_microbatches=config.num_microbatches,
        diagnostics=objective.diagnostics,
        **parts,
    )
    probe = make_gradient_norm_probe(network, terms, teachers=frozen, **parts)
    if isinstance(config, DistillConfig):
        # Networks that do not fit each other show it in their shapes, before anything is computed.
        shown = {name: teacher.variables for name, teacher in frozen.items()}
        forward = make_forward(network, frozen, terms, **parts)
        jax.eval_shape(forward, shown, state.trainable, state, example, jax.random.key(0))
        check_teachers(teachers, frozen, config, splits, mesh, show)

    provenance = describe_provenance(splits, teachers, None if goes_on else config.pretrained)
    with claim_run(directory, config, provenance, is_resumed=resume):
        progress = SavedProgress(LogWindow(), is_scored=False)
        if goes_on:
            progress = read_progress(store)
            state = restore(store.last, state)
            show(f"Resuming {run_dir} after step {int(state.step)} of {config.loop.num_steps}")
        start_step = int(state.step)
        state = replicate(state, mesh)
        score = make_scorer(
            network,
            class_names,
            config.task,
            config.pipeline,
            select_inputs=select_inputs,
            batch_size=config.batch_size,
            mesh=mesh,
        )
        keeper = CheckpointKeeper(
            store,
            {
                "config": store_config(config, run_dir),
                "class_names": list(class_names),
                # What `predict` needs to read a camera's 16-bit files as the data set was read.
                "thermal_range_counts": splits.train.metadata.get("thermal_range_counts"),
                "scored_split": scored_split,
            },
            main_metric,
            is_lower_better=config.task.is_lower_better,
            keeps_best=splits.val is not None,
        )

        # -- Training -------------------------------------------------------------------------
        evaluations: dict[int, Evaluation] = {}

        def evaluate(state: TrainState) -> Mapping[str, float]:
            evaluation = score(state.variables, splits.scored[scored_split])
            if not evaluations:
                _say_what_has_no_value(evaluation, scored_split, main_metric, show)
            evaluations[int(state.step)] = evaluation
            return evaluation.to_metrics()

        batches = make_train_batches(
            splits.train,
            config.pipeline,
            truth_reader,
            batch_size=config.batch_size,
            seed=config.seed,
            start_step=start_step,
        )
        # Without a split for it, nothing is scored while training.
        loop = config.loop if splits.val else replace(config.loop, evaluate_every=0)
        with _explaining_what_is_saved(store, loop.num_steps):
            with (
                MetricsLog(directory, start_step=start_step, use_wandb=config.wandb) as log,
                Progress(
                    num_steps=loop.num_steps, start_step=start_step, batch_size=config.batch_size
                ) as shown,
            ):
                state = run_training(
                    state,
                    step,
                    prefetch_to_devices(batches, make_batch_sharding(mesh)),
                    loop,
                    log=log.write,
                    show=shown.update,
                    save=keeper.save,
                    evaluate=evaluate,
                    add_scores=keeper.add_scores,
                    scored_split=scored_split,
                    probe=probe,
                    window=progress.window,
                    is_scored=progress.is_scored,
                )

            # -- Result -----------------------------------------------------------------------
            final: dict[str, Evaluation] = {}
            for name, split in splits.scored.items():
                known = evaluations.get(loop.num_steps) if name == scored_split else None
                final[name] = known or score(state.variables, split)
                if name != scored_split:
                    _say_what_has_no_value(final[name], name, main_metric, show)
            result = create_result(
                run_dir=run_dir,
                config=config,
                evaluations=final,
                splits=splits,
                params=state.params,
                main_metric=main_metric,
                num_steps=loop.num_steps,
            )
            keeper.save_inference(result.scores[scored_split])
            directory.write_result(result.to_dict(), result.format_table())
    return result


@contextlib.contextmanager
def _explaining_what_is_saved(store: CheckpointStore, num_steps: int) -> Iterator[None]:
    """Say what is left of the work when something fails, and how it goes on."""
    try:
        yield
    except NonFiniteLossError as error:
        raise NonFiniteLossError(f"{error} {_describe_last_checkpoint(store)}") from error
    except Exception as error:
        saved_step = read_metadata(store.last)["step"] if has_checkpoint(store.last) else None
        if saved_step != num_steps:
            raise
        reason = str(error)
        if not isinstance(error, MdjaxError | OSError):
            first = next(iter(reason.splitlines()), "")
            reason = f"A bug in mdjax: {type(error).__name__}: {first}"
        raise MdjaxError(
            f"{reason}\nThe training is done ({format_count(num_steps, 'step')}) and its last "
            f"state is saved ({store.last}): nothing is lost. Once this is fixed, the same "
            "command with --resume finishes the run without further training; mdjax evaluate can "
            "score it now."
        ) from error


def _check_config(config: TrainConfig) -> None:
    if config.wandb:
        require_wandb()
    if isinstance(config.network, DecisionLevelConfig):
        raise MdjaxError(
            "Decision-level fusion averages two networks that were trained separately: train one "
            "that sees visible and one that sees thermal images, then fuse them (mdjax fuse)."
        )
    stride = config.network.backbone.output_stride
    height, width = config.pipeline.image_size_hw
    if min(height, width) < 2 * stride:
        raise MdjaxError(
            f"pipeline.image_size_hw is {height} {width}: too small for this network, whose last "
            f"features are {stride} times coarser. Give {2 * stride} or more rows and columns, or "
            "lower network.backbone.output_stride."
        )


def _say_what_is_missing(splits: Splits, scored_split: str, show: Print) -> None:
    name = splits.train.dataset_name
    if splits.val is None:
        show(
            f"{name} has no split 'val': nothing is scored during training, and there is no best "
            f"checkpoint. The last one is scored on '{scored_split}'."
        )
    if splits.test is None:
        show(f"{name} has no split 'test': the result has no test scores.")


def _say_what_has_no_value(
    evaluation: Evaluation, split: str, main_metric: str, show: Print
) -> None:
    if math.isnan(evaluation.to_metrics()[main_metric]):
        reason = evaluation.explain_missing_value()
        best = " No checkpoint is kept as the best." if split == "val" else ""
        show(f"{main_metric} has no value on the split {split!r}: {reason}{best}")


def _describe_last_checkpoint(store: CheckpointStore) -> str:
    if not has_checkpoint(store.last):
        return "No checkpoint had been saved yet."
    return f"Last good checkpoint: {store.last}, step {read_metadata(store.last)['step']}."


def _load_pretrained(
    variables: Mapping[str, Any], source: Literal["imagenet"] | Path, show: Print
) -> dict[str, Any]:
    path = fetch_resnet18(show=show) if source == "imagenet" else source
    loaded = initialise_from_resnet18(
        variables["params"], variables["batch_stats"], read_tensors(path), source_name=str(path)
    )
    for line in loaded.lines:
        show(line)
    return {**variables, "params": loaded.params, "batch_stats": loaded.batch_stats}
