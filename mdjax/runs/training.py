"""Train or distil from a configuration, read top to bottom."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jax

from mdjax.config import require_finite
from mdjax.data.pipeline import make_train_batches, prefetch_to_devices
from mdjax.io.checkpoint import restore
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.download import fetch_resnet18
from mdjax.io.metrics_log import require_wandb
from mdjax.io.run_directory import RunDirectory
from mdjax.io.torch_file import read_tensors
from mdjax.methods.method import Method
from mdjax.models.backbones.resnet_weights import initialise_from_resnet18
from mdjax.models.config import DecisionLevelConfig
from mdjax.runs.agreement import (
    require_same_config_everywhere,
    require_same_provenance_everywhere,
)
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.runs.keeper import CheckpointKeeper, SavedProgress, read_progress
from mdjax.runs.loading import LoadedNetwork, create_network, select_inputs_for
from mdjax.runs.provenance import describe_provenance
from mdjax.runs.results import RunResult, create_result
from mdjax.runs.resuming import check_directory, claim_run
from mdjax.runs.scoring import make_scorer
from mdjax.runs.splits import open_splits
from mdjax.runs.stored_config import store_config
from mdjax.runs.teachers import check_teachers, freeze, load_teachers
from mdjax.runs.telling import (
    Print,
    explaining_what_is_saved,
    say_nothing,
    say_what_has_no_value,
    say_what_is_missing,
)
from mdjax.runs.writing import hold_in_first_process, open_writers
from mdjax.tasks.task import Evaluation
from mdjax.train.beside import Objective, add_objectives
from mdjax.train.devices import (
    create_data_mesh,
    list_local_rows,
    make_batch_sharding,
    replicate,
)
from mdjax.train.loop import LogWindow, run_training
from mdjax.train.optimiser import create_optimiser
from mdjax.train.probe import make_gradient_norm_probe
from mdjax.train.processes import ask_first_process, is_first_process
from mdjax.train.state import (
    TrainState,
    create_method_variables,
    create_state,
    create_variables,
)
from mdjax.train.step import make_distill_step, make_forward
from mdjax.train.terms import watch_output
from mdjax.types import MdjaxError


def train(
    config: TrainConfig, run_dir: Path, *, resume: bool = False, show: Print = print
) -> RunResult:
    """Train a network, or distil a student if the configuration is a `DistillConfig`.

    Every process of JAX's distributed runtime calls this with the same configuration; the first one
    alone reads and writes the run directory.

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
    require_same_config_everywhere(config)
    show = show if is_first_process() else say_nothing
    directory, store = RunDirectory(run_dir), CheckpointStore(run_dir)
    goes_on = ask_first_process(lambda: check_directory(directory, config, is_resumed=resume))

    # -- Data ---------------------------------------------------------------------------------
    splits = open_splits(config.dataset, config.data_dir, config.folds)
    scored_split = next(iter(splits.scored))
    say_what_is_missing(splits, scored_split, show)
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
        source, drawn = config.pretrained, variables
        variables = ask_first_process(lambda: _load_pretrained(drawn, source, show))
    objective = Objective(
        config.task.make_terms(
            has_guidance=config.network.has_guidance, branches=config.network.branches
        ),
        config.task.create_module(len(class_names), config.network.backbone),
        watch_output(config.network.watched),
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
    provenance = describe_provenance(splits, teachers, None if goes_on else config.pretrained)
    require_same_provenance_everywhere(provenance)
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

    with hold_in_first_process(lambda: claim_run(directory, config, provenance, is_resumed=resume)):
        progress = SavedProgress(LogWindow(), is_scored=False)
        if goes_on:
            created = state
            progress, state = ask_first_process(
                lambda: (read_progress(store), restore(store.last, created))
            )
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
                # So that it can tell of images that were not cut as those of the data set.
                "view": splits.train.metadata.get("view"),
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
                say_what_has_no_value(evaluation, scored_split, main_metric, show)
            evaluations[int(state.step)] = evaluation
            return evaluation.to_metrics()

        sharding = make_batch_sharding(mesh)
        batches = make_train_batches(
            splits.train,
            config.pipeline,
            truth_reader,
            batch_size=config.batch_size,
            seed=config.seed,
            start_step=start_step,
            rows=list_local_rows(sharding, config.batch_size),
        )
        # Without a split for it, nothing is scored while training.
        loop = config.loop if splits.val else replace(config.loop, evaluate_every=0)
        with explaining_what_is_saved(store, loop.num_steps):
            with open_writers(directory, config, keeper, start_step=start_step) as writers:
                state = run_training(
                    state,
                    step,
                    prefetch_to_devices(batches, sharding),
                    loop,
                    log=writers.log,
                    show=writers.show,
                    save=writers.save,
                    evaluate=evaluate,
                    add_scores=writers.add_scores,
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
                    say_what_has_no_value(final[name], name, main_metric, show)
            result = create_result(
                run_dir=run_dir,
                config=config,
                evaluations=final,
                splits=splits,
                params=state.params,
                main_metric=main_metric,
                num_steps=loop.num_steps,
            )
            if is_first_process():
                keeper.save_inference(result.scores[scored_split])
                directory.write_result(result.to_dict(), result.format_table())
    return result


def _check_config(config: TrainConfig) -> None:
    require_finite(config)
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
