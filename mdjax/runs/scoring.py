"""Scores of networks on splits, for training, for teachers and for `mdjax evaluate`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from mdjax.data.pipeline import PipelineConfig, make_evaluation_batches, prefetch_to_devices
from mdjax.data.source import SplitSource
from mdjax.models.network import Network, SelectInputs
from mdjax.models.predictor import make_predictor
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork, check_class_names
from mdjax.runs.splits import open_scored_split
from mdjax.tasks.task import Evaluation, Task
from mdjax.train.devices import create_data_mesh, make_batch_sharding, replicate
from mdjax.types import MdjaxError

Scorer = Callable[[Mapping[str, Any], SplitSource], Evaluation]


def make_scorer(
    network: Network,
    class_names: tuple[str, ...],
    task: Task,
    pipeline: PipelineConfig,
    *,
    select_inputs: SelectInputs,
    batch_size: int,
    mesh: Mesh,
) -> Scorer:
    """Build a function (variables, split) that scores a network on a whole split.

    Every image passes through the network at the working size of the pipeline; at which size it is
    scored is up to the task. All splits share one program.
    """
    size_hw = pipeline.image_size_hw
    predict = make_predictor(network, lambda output: task.interpret(output.prediction, size_hw))

    def score(variables: Mapping[str, Any], split: SplitSource) -> Evaluation:
        tally = task.create_tally(split, class_names)
        batches = make_evaluation_batches(
            split, pipeline, task.create_truth_reader(split), batch_size=batch_size
        )
        for batch in prefetch_to_devices(batches, make_batch_sharding(mesh)):
            tally.add(jax.device_get(predict(variables, *select_inputs(batch))), batch)
        return tally.compute()

    return score


def describe_thermal(config: TrainConfig, resolution: str | None = None) -> str:
    """Say which thermal image a network is shown, for tables: "full thermal", "thermal 16x"."""
    if not config.network.sees_thermal:
        return "no thermal"
    if config.network.sees_full_thermal:
        return "full thermal"
    return f"thermal {resolution or config.pipeline.camera.resolution}"


def evaluate_network(
    loaded: LoadedNetwork,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    dataset: str | None = None,
    resolution: str | None = None,
    task: Task | None = None,
    batch_size: int | None = None,
) -> Evaluation:
    """Score a trained network on a split.

    Args:
        loaded: From `load_network`.
        split: Name of the split.
        data_dir: Folder of prepared data sets; that of the training by default.
        dataset: Prepared data set with the same classes; that of the training by default.
        resolution: Of another thermal camera than in training, alike in all else: what would this
            network lose with it?
        task: Another way to score, with the same classes; that of the training by default.
        batch_size: That of the training by default.

    Raises:
        MdjaxError: The data set is not there or has other classes, or a resolution is given for a
            network that does not see what the cheap camera sees.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> loaded = mdjax.load_network(Path("runs/distilled"))
        >>> scores = mdjax.evaluate_network(loaded, split="val").to_metrics()
        >>> 0 <= scores["mean_accuracy_9/all"] <= 100
        True
    """
    config = loaded.config
    if resolution is not None and not config.network.sees_camera:
        raise MdjaxError(
            f"{loaded.run_dir}: this network ({describe_thermal(config)}) does not see what the "
            "cheap camera sees; another resolution changes nothing. Leave it away."
        )
    source = open_scored_split(config, split, dataset=dataset, data_dir=data_dir)
    check_class_names(loaded, source)
    pipeline = config.pipeline
    if resolution is not None:
        pipeline = replace(pipeline, camera=replace(pipeline.camera, resolution=resolution))
    batch_size = config.batch_size if batch_size is None else batch_size
    mesh = create_data_mesh(batch_size)
    score = make_scorer(
        loaded.network,
        loaded.class_names,
        task or config.task,
        pipeline,
        select_inputs=loaded.select_inputs,
        batch_size=batch_size,
        mesh=mesh,
    )
    return score(replicate(dict(loaded.variables), mesh), source)
