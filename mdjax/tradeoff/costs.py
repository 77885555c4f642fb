"""What networks cost: parameters, operations and time of an image, without trained weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from mdjax.data.folds import Folds
from mdjax.models.network import Network
from mdjax.models.predictor import make_predictor
from mdjax.runs.config import TrainConfig
from mdjax.runs.splits import open_splits
from mdjax.runs.untrained import create_untrained
from mdjax.studies.per_image import ImageResult
from mdjax.studies.timing import measure_milliseconds
from mdjax.tasks.detection import DetectionTask
from mdjax.train.state import count_parameters
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class NetworkCost:
    """What a network costs.

    Attributes:
        num_parameters: Trainable parameters.
        gflop: Billions of operations of a forward pass of one image pair, as XLA counts them in the
            compiled program: a multiplication with an addition is two.
        milliseconds: Median time of one image pair on this machine, as of `measure_milliseconds`.
    """

    num_parameters: int
    gflop: float
    milliseconds: float


def measure_costs(
    configs: Mapping[str, TrainConfig], num_classes: int, *, num_rounds: int = 20
) -> dict[str, NetworkCost]:
    """Measure several networks side by side; random weights cost as much as trained ones.

    Args:
        configs: Configurations by name.
        num_classes: Classes that they tell apart.
        num_rounds: Timed passes of each.
    """
    networks = {name: create_untrained(config, num_classes) for name, config in configs.items()}
    milliseconds = measure_milliseconds(networks, num_rounds=num_rounds)
    return {
        name: NetworkCost(
            count_parameters(loaded.variables["params"]),
            count_gflop(loaded.network, loaded.variables, loaded.config.pipeline.image_size_hw),
            milliseconds[name],
        )
        for name, loaded in networks.items()
    }


def find_num_classes(
    config: TrainConfig, images: Mapping[str, Mapping[int, Sequence[ImageResult]]]
) -> int | None:
    """Find how many classes networks tell apart, from the data or else from kept results.

    Args:
        config: Names task and data set.
        images: What was scored of each test image, by row and seed.

    Returns:
        None if neither tells.
    """
    try:
        train = open_splits(config.dataset, config.data_dir, Folds()).train
        return len(config.task.get_class_names(train))
    except MdjaxError:
        pass
    if isinstance(config.task, DetectionTask):
        return len(config.task.classes)
    results = (image for of_row in images.values() for found in of_row.values() for image in found)
    return next((len(image["confusion"]) for image in results), None)


def count_gflop(
    network: Network, variables: Mapping[str, Any], image_size_hw: tuple[int, int]
) -> float:
    """Count the operations of a forward pass of one image pair, in billions.

    What the task makes of the prediction, such as the suppression of duplicates, is not counted.

    Args:
        network: Called with a visible and a thermal image.
        variables: Its variables; only their shapes matter.
        image_size_hw: Rows and columns of the images.
    """
    predict: Any = make_predictor(network, lambda output: output.prediction)
    shapes = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in _list_shapes(image_size_hw))
    cost: Any = predict.lower(dict(variables), *shapes).compile().cost_analysis()
    return float(cost["flops"]) / 1e9


def _list_shapes(image_size_hw: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
    """Shapes of a visible and of a thermal image."""
    return (1, *image_size_hw, 3), (1, *image_size_hw, 1)
