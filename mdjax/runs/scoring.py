"""Scores of networks on splits, for training, for teachers and for `mdjax evaluate`."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jax.sharding import Mesh

from mdjax.data.pipeline import PipelineConfig, make_evaluation_batches, prefetch_to_devices
from mdjax.data.source import SplitSource
from mdjax.models.modalities import THERMAL, VISIBLE, Missing
from mdjax.models.network import Network, SelectInputs
from mdjax.runs.agreement import require_same_evaluation_everywhere
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork, check_class_names
from mdjax.runs.splits import open_scored_split
from mdjax.runs.trained_network import TrainedNetwork
from mdjax.tasks.predictor import make_task_predictor
from mdjax.tasks.task import Evaluation, Task
from mdjax.train.devices import (
    create_data_mesh,
    list_local_rows,
    make_batch_sharding,
    read_local_rows,
    replicate,
)
from mdjax.train.processes import gather
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
    missing: Missing = "none",
) -> Scorer:
    """Build a function (variables, split) that scores a network on a whole split.

    Every image passes through the network at the working size of the pipeline; the task determines
    the size at which it is scored. All splits share one program.
    """
    sharding = make_batch_sharding(mesh)
    rows = list_local_rows(sharding, batch_size)
    predict = make_task_predictor(network, task, pipeline.image_size_hw, missing)

    def score(variables: Mapping[str, Any], split: SplitSource) -> Evaluation:
        tally = task.create_tally(split, class_names)
        batches = make_evaluation_batches(
            split,
            pipeline,
            task.create_truth_reader(split),
            batch_size=batch_size,
            rows=rows,
        )
        on_host, on_devices = itertools.tee(batches)
        for i, batch in enumerate(prefetch_to_devices(on_devices, sharding)):
            found = read_local_rows(predict(variables, *select_inputs(batch)), sharding)
            tally.add(found, next(on_host), [i * batch_size + row for row in rows])
        # Each process has counted its own rows; together they are the split.
        for counted in gather(tally.counted):
            tally.counted |= counted
        return tally.compute()

    return score


def describe_thermal(config: TrainConfig, resolution: str | None = None) -> str:
    """Describe the thermal image that a network sees, for tables, such as "thermal 16x"."""
    if not config.network.sees_thermal:
        return "no thermal"
    if config.network.sees_full_thermal:
        return "full thermal"
    return f"thermal {resolution or config.pipeline.camera.resolution}"


def describe_missing(config: TrainConfig, missing: Missing) -> str:
    """Say what a network sees in the place of a missing image; "" if none is missing."""
    if missing == "none":
        return ""
    if missing not in list_seen(config):
        return f"without the {missing} image, which this network does not see"
    how = "its branch left out" if config.network.leaves_missing_out else "the mean image instead"
    return f"without the {missing} image ({how})"


def list_seen(config: TrainConfig) -> tuple[str, ...]:
    """List the images that a network's answer depends on."""
    has_camera = config.network.sees_full_thermal or config.pipeline.camera.resolution != "none"
    return tuple(name for name in config.network.sees if name != THERMAL or has_camera)


def require_image(loaded: TrainedNetwork, missing: Missing) -> None:
    """Refuse to take the only image that a network sees.

    Raises:
        MdjaxError: Nothing would be left.
    """
    if list_seen(loaded.config) == (missing,):
        raise MdjaxError(
            f"{loaded.source}: this network sees only the {missing} image; without it there is "
            "nothing to predict from."
        )


def evaluate_network(
    loaded: LoadedNetwork,
    *,
    split: str = "test",
    data_dir: Path | None = None,
    dataset: str | None = None,
    resolution: str | None = None,
    task: Task | None = None,
    batch_size: int | None = None,
    missing: Missing = "none",
) -> Evaluation:
    """Score a trained network on a split.

    Every process of JAX's distributed runtime calls this with the same arguments, scores its part
    of the images, and returns the scores of all.

    Args:
        loaded: From `load_network`.
        split: Name of the split.
        data_dir: Folder of prepared data sets; by default as in training.
        dataset: Prepared data set with the same classes; by default as in training.
        resolution: Resolution of another thermal camera than in training, with otherwise the same
            properties, to see what this network would lose with it.
        task: Another way to score, with the same classes; by default as in training.
        batch_size: Image pairs per batch; by default as in training.
        missing: Image that the network has to do without, see `describe_missing`.

    Raises:
        MdjaxError: The data set is missing or has other classes, a resolution is given for a
            network that does not see the cheap camera's image, or nothing is left to see.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> loaded = mdjax.load_network(Path("runs/distilled"))
        >>> scores = mdjax.evaluate_network(loaded, split="val").to_metrics()
        >>> 0 <= scores["mean_accuracy_9/all"] <= 100
        True
    """
    config = loaded.config
    require_image(loaded, missing)
    if resolution == "none" and missing == VISIBLE:
        raise MdjaxError(
            f"{loaded.run_dir}: without the visible image and with a thermal camera of resolution "
            '"none" there is nothing to predict from. Omit one of the two.'
        )
    if resolution is not None and missing == THERMAL:
        raise MdjaxError(
            f"{loaded.run_dir}: without the thermal image another resolution changes nothing. Omit "
            "it."
        )
    if resolution is not None and not config.network.sees_camera:
        raise MdjaxError(
            f"{loaded.run_dir}: this network ({describe_thermal(config)}) does not see the cheap "
            "camera's image; another resolution changes nothing. Omit it."
        )
    source = open_scored_split(config, split, dataset=dataset, data_dir=data_dir)
    check_class_names(loaded, source)
    pipeline = config.pipeline
    if resolution is not None:
        pipeline = replace(pipeline, camera=replace(pipeline.camera, resolution=resolution))
    batch_size = config.batch_size if batch_size is None else batch_size
    task = task or config.task
    require_same_evaluation_everywhere(
        loaded.variables,
        source,
        {
            "split": split,
            "missing": missing,
            "batch_size": batch_size,
            "task": task,
            "pipeline": pipeline,
        },
    )
    mesh = create_data_mesh(batch_size)
    score = make_scorer(
        loaded.network,
        loaded.class_names,
        task,
        pipeline,
        select_inputs=loaded.select_inputs,
        batch_size=batch_size,
        mesh=mesh,
        missing=missing,
    )
    return score(replicate(dict(loaded.variables), mesh), source)
