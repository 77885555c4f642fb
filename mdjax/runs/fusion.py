"""Decision-level fusion: averages the predictions of two separately trained networks."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from mdjax.io.checkpoint import save_variables
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.run_directory import RunDirectory
from mdjax.models.config import DecisionLevelConfig, ThermalOnlyConfig, VisibleOnlyConfig
from mdjax.runs.config import FuseConfig, TrainConfig
from mdjax.runs.loading import LoadedNetwork, create_network, load_network, select_inputs_for
from mdjax.runs.provenance import describe_provenance
from mdjax.runs.results import RunResult, create_result
from mdjax.runs.resuming import begin_untrained, claim_run
from mdjax.runs.scoring import make_scorer
from mdjax.runs.splits import open_splits
from mdjax.runs.stored_config import store_config
from mdjax.train.devices import create_data_mesh, replicate
from mdjax.types import MdjaxError

# What the two trainings must share. Of the pipeline, what scoring reads: size and camera.
_SHARED = ("dataset", "folds", "task")


def fuse(config: FuseConfig, run_dir: Path, *, show: Callable[[str], None] = print) -> RunResult:
    """Combine a visible-only and a thermal-only network, score them and save the result.

    Nothing is trained: their predictions are averaged, probabilities for label maps, probabilities
    and offsets of each anchor for boxes.

    Args:
        config: The two runs.
        run_dir: New directory, or that of the same fusion, interrupted; it can be evaluated and
            used to predict like that of a training.
        show: Receives messages for the user.

    Raises:
        MdjaxError: A run is missing or of another kind, the two do not fit together, or the
            directory is in use.
    """
    directory = RunDirectory(run_dir)
    is_cut = begin_untrained(directory, config)
    visible = _load(config.visible, VisibleOnlyConfig)
    thermal = _load(config.thermal, ThermalOnlyConfig)
    _check_same(visible, thermal)
    shared = {field.name: getattr(thermal.config, field.name) for field in fields(TrainConfig)}
    network_config = DecisionLevelConfig(thermal.config.network.backbone)
    merged = TrainConfig(**{**shared, "network": network_config, "pretrained": None})
    splits = open_splits(merged.dataset, merged.data_dir, merged.folds)
    network = create_network(merged, len(thermal.class_names))
    variables = _merge_variables(visible.variables, thermal.variables)
    mesh = create_data_mesh(merged.batch_size)
    score = make_scorer(
        network,
        thermal.class_names,
        merged.task,
        merged.pipeline,
        select_inputs=select_inputs_for(merged),
        batch_size=merged.batch_size,
        mesh=mesh,
    )
    on_devices = replicate(variables, mesh)
    evaluations = {name: score(on_devices, split) for name, split in splits.scored.items()}
    result = create_result(
        run_dir=run_dir,
        config=merged,
        evaluations=evaluations,
        splits=splits,
        params=variables["params"],
        main_metric=merged.task.get_main_metric(thermal.class_names),
        num_steps=thermal.step,
        is_trained=False,
    )
    scored_split = next(iter(evaluations))
    provenance = describe_provenance(splits, {"visible": visible, "thermal": thermal})
    with claim_run(directory, config, provenance, is_resumed=is_cut):
        metadata = {
            "config": store_config(merged, run_dir),
            "class_names": list(thermal.class_names),
            "thermal_range_counts": thermal.thermal_range_counts,
            "view": thermal.training_view,
            "step": thermal.step,
            "scores": dict(result.scores[scored_split]),
            "scored_split": scored_split,
        }
        store = CheckpointStore(run_dir)
        for path in (store.last, store.inference):
            save_variables(path, variables, metadata)
        directory.write_result(result.to_dict(), result.format_table())
    show(f"{run_dir}: {config.visible} and {config.thermal}, predictions averaged")
    return result


def _load(run_dir: Path, kind: type[Any]) -> LoadedNetwork:
    loaded = load_network(run_dir)
    if not isinstance(loaded.config.network, kind):
        name = type(loaded.config.network).__name__.removesuffix("Config")
        wanted = kind.__name__.removesuffix("Config")
        raise MdjaxError(f"{run_dir}: is a network of kind {name}; give one of kind {wanted}.")
    return loaded


def _check_same(visible: LoadedNetwork, thermal: LoadedNetwork) -> None:
    differing = [
        name for name in _SHARED if getattr(visible.config, name) != getattr(thermal.config, name)
    ]
    differing += [
        f"pipeline.{name}"
        for name in ("image_size_hw", "camera")
        if getattr(visible.config.pipeline, name) != getattr(thermal.config.pipeline, name)
    ]
    if visible.config.network.backbone != thermal.config.network.backbone:
        differing.append("network.backbone")
    if visible.class_names != thermal.class_names:
        differing.append("classes")
    if differing:
        raise MdjaxError(
            f"{visible.run_dir} and {thermal.run_dir} differ in {', '.join(differing)}; only "
            "networks with the same task, data set and size can be fused. Train one of them again "
            "with the settings of the other."
        )


def _merge_variables(visible: Mapping[str, Any], thermal: Mapping[str, Any]) -> dict[str, Any]:
    return {
        collection: {
            "visible_network": visible[collection],
            "thermal_network": thermal[collection],
        }
        for collection in visible
    }
