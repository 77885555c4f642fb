"""Train or distil from a configuration, read top to bottom."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jax

from mdjax.data.pipeline import make_train_batches, prefetch_to_devices
from mdjax.io.checkpoint import CheckpointStore, has_checkpoint, read_metadata, restore
from mdjax.io.download import fetch_resnet18
from mdjax.io.metrics_log import MetricsLog, Progress, require_wandb
from mdjax.io.run_directory import RunDirectory
from mdjax.io.torch_file import read_tensors
from mdjax.methods.method import Method
from mdjax.models.backbones.resnet_weights import initialise_from_resnet18
from mdjax.models.config import DecisionLevelConfig
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.keeper import CheckpointKeeper
from mdjax.runs.loading import LoadedNetwork, create_network, select_inputs_for
from mdjax.runs.provenance import describe_provenance
from mdjax.runs.results import RunResult, create_result
from mdjax.runs.resuming import claim_run, require_same_config
from mdjax.runs.scoring import make_scorer
from mdjax.runs.splits import Splits, open_splits
from mdjax.runs.stored_config import store_config
from mdjax.runs.teachers import check_teachers, freeze, load_teachers
from mdjax.tasks.task import Evaluation
from mdjax.train.devices import create_data_mesh, make_batch_sharding, replicate
from mdjax.train.loop import NonFiniteLossError, run_training
from mdjax.train.optimiser import freeze_parameters
from mdjax.train.probe import make_gradient_norm_probe
from mdjax.train.state import (
    TrainState,
    create_method_variables,
    create_state,
    create_variables,
)
from mdjax.train.step import make_distill_step, make_forward
from mdjax.types import MdjaxError

Print = Callable[[str], None]


def train(
    config: TrainConfig, run_dir: Path, *, resume: bool = False, show: Print = print
) -> RunResult:
    """Train a network, or distil a student if the configuration is a `DistillConfig`.

    Args:
        config: What to do.
        run_dir: New directory for configuration, logs, checkpoints and the final table.
        resume: Continue the run in `run_dir` from its last checkpoint.
        show: Takes lines that a person should read.

    Returns:
        Scores after the last step on those of the splits "val" and "test" that the data set has.

    Raises:
        MdjaxError: Bad input, a used directory, a teacher that does not fit, a non-finite loss.
        InterruptedTraining: The run was asked to stop; its state is saved.

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
    terms = config.task.make_terms(has_guidance=config.network.has_guidance)
    teachers: dict[str, LoadedNetwork] = {}
    method_module, diagnostics = None, {}
    if isinstance(config, DistillConfig):
        teachers = load_teachers(config, splits)
        method: Method = config.method
        terms = (*terms, *method.make_terms())
        method_module = method.create_module()
        diagnostics = method.make_diagnostics()
    frozen = freeze(teachers, mesh)

    # -- State and step -----------------------------------------------------------------------
    parts: dict[str, Any] = {
        "select_inputs": select_inputs,
        "method_module": method_module,
        "compute_targets": config.task.compute_targets,
    }
    optimiser = freeze_parameters(
        config.optimiser.create(config.loop.num_steps),
        config.network.backbone.find_frozen(variables["params"]),
    )
    method_variables = create_method_variables(
        method_module, network, variables, frozen, example, select_inputs, seed=config.seed
    )
    state = create_state(variables, optimiser, method_variables)
    step = make_distill_step(
        network,
        frozen,
        optimiser,
        terms,
        seed=config.seed,
        num_microbatches=config.num_microbatches,
        diagnostics=diagnostics,
        **parts,
    )
    probe = make_gradient_norm_probe(network, terms, teachers=frozen, **parts)
    if isinstance(config, DistillConfig):
        # Networks that do not fit each other show it in their shapes, before anything is computed.
        shown = {name: teacher.variables for name, teacher in frozen.items()}
        forward = make_forward(network, frozen, terms, **parts)
        jax.eval_shape(forward, shown, state.trainable, state, example, jax.random.key(0))
        check_teachers(teachers, frozen, config, splits, mesh, show)

    provenance = describe_provenance(splits, teachers, config.pretrained)
    with claim_run(directory, config, provenance, is_resumed=resume):
        if goes_on:
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
        with (
            MetricsLog(directory, start_step=start_step, use_wandb=config.wandb) as log,
            Progress(
                num_steps=loop.num_steps, start_step=start_step, batch_size=config.batch_size
            ) as progress,
        ):
            try:
                state = run_training(
                    state,
                    step,
                    prefetch_to_devices(batches, make_batch_sharding(mesh)),
                    loop,
                    log=log.write,
                    show=progress.update,
                    save=keeper.save,
                    evaluate=evaluate,
                    scored_split=scored_split,
                    probe=probe,
                )
            except NonFiniteLossError as error:
                raise NonFiniteLossError(f"{error} {_describe_last_checkpoint(store)}") from error
            if loop.num_steps not in evaluations:  # The run was resumed after its last step.
                scores = evaluate(state)
                log.write(
                    loop.num_steps, {f"{scored_split}/{name}": x for name, x in scores.items()}
                )
                keeper.save(state, scores)

        # -- Result ---------------------------------------------------------------------------
        final = {
            name: evaluations[loop.num_steps]
            if name == scored_split
            else score(state.variables, split)
            for name, split in splits.scored.items()
        }
        result = create_result(
            run_dir=run_dir,
            config=config,
            evaluations=final,
            splits=splits,
            params=state.params,
            main_metric=main_metric,
            num_steps=loop.num_steps,
        )
        keeper.save_inference(state, result.scores[scored_split])
        directory.write_result(result.to_dict(), result.format_table())
    return result


def _check_config(config: TrainConfig) -> None:
    if config.wandb:
        require_wandb()
    if isinstance(config.network, DecisionLevelConfig):
        raise MdjaxError(
            "Decision-level fusion averages two networks that were trained apart: train one that "
            "sees visible and one that sees thermal images, then fuse them (mdjax fuse)."
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
            f"{name} has no split 'val': nothing is scored while training, and no checkpoint is "
            f"called best. The last one is scored on '{scored_split}'."
        )
    if splits.test is None:
        show(f"{name} has no split 'test': the result has no test scores.")


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
