"""What networks cost: parameters, operations and time of an image, without trained weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from mdjax.data.folds import Folds
from mdjax.io.json_file import read_json_object, to_plain
from mdjax.models.network import Network
from mdjax.models.predictor import make_predictor
from mdjax.runs.config import TrainConfig
from mdjax.runs.results import describe_environment
from mdjax.runs.splits import open_splits
from mdjax.runs.stored_config import store_without_places
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


@dataclass(frozen=True)
class MeasuredCosts:
    """What networks cost, and what has to be the same for it to be so again.

    Attributes:
        networks: By name.
        machine: Where the milliseconds were measured.
        measured: What was measured, see `describe_networks`.
    """

    networks: Mapping[str, NetworkCost]
    machine: str
    measured: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything for programs, as `read_costs` reads it."""
        return {
            "costs": {name: vars(cost) for name, cost in self.networks.items()},
            "machine": self.machine,
            "measured_networks": self.measured,
        }


def describe_networks(configs: Mapping[str, TrainConfig], num_classes: int) -> dict[str, Any]:
    """Describe all that decides what networks cost, as JSON can hold it.

    Args:
        configs: Configurations by name.
        num_classes: Classes that they tell apart.
    """
    stored = {name: store_without_places(config) for name, config in configs.items()}
    sizes = {name: config.pipeline.image_size_hw for name, config in configs.items()}
    return to_plain(
        {
            "num_classes": num_classes,
            "networks": {
                name: {
                    "image_size_hw": sizes[name],
                    "network": values["network"],
                    "task": values["task"],
                }
                for name, values in stored.items()
            },
        }
    )


def read_costs(path: Path, measured: Mapping[str, Any]) -> MeasuredCosts | None:
    """Read what an earlier report says that networks cost.

    Args:
        path: JSON file of the report; there need not be one.
        measured: What they have to be of, see `describe_networks`.

    Returns:
        None if the report has none, or those of other networks, images or classes.

    Raises:
        MdjaxError: The file is damaged.
    """
    remedy = "Delete it; it is written again."
    values = read_json_object(path, remedy=remedy) if path.is_file() else {}
    if values.get("measured_networks") != measured:
        return None
    try:
        networks = {name: NetworkCost(**cost) for name, cost in values["costs"].items()}
        return MeasuredCosts(networks, values["machine"], measured)
    except (AttributeError, KeyError, TypeError) as error:
        raise MdjaxError(f"{path}: damaged ({error}). {remedy}") from error


def measure_costs(
    configs: Mapping[str, TrainConfig], num_classes: int, *, num_rounds: int = 20
) -> MeasuredCosts:
    """Measure several networks side by side; random weights cost as much as trained ones.

    Args:
        configs: Configurations by name.
        num_classes: Classes that they tell apart.
        num_rounds: Timed passes of each.
    """
    networks = {name: create_untrained(config, num_classes) for name, config in configs.items()}
    milliseconds = measure_milliseconds(networks, num_rounds=num_rounds)
    environment = describe_environment()
    return MeasuredCosts(
        {
            name: NetworkCost(
                count_parameters(loaded.variables["params"]),
                count_gflop(loaded.network, loaded.variables, loaded.config.pipeline.image_size_hw),
                milliseconds[name],
            )
            for name, loaded in networks.items()
        },
        machine=f"{environment['device']}, {environment['machine']}",
        measured=describe_networks(configs, num_classes),
    )


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
