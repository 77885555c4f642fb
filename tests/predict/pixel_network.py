"""Networks for tests of prediction, in memory and without training."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from data_builders.mfnet.layout import CLASS_NAMES
from mdjax.data.pipeline import PipelineConfig
from mdjax.data.thermal_camera import ThermalCamera
from mdjax.models.config import ImageLevelConfig, NetworkConfig
from mdjax.models.modalities import Missing
from mdjax.predict.labels import LabelPredictions, LabelWriter
from mdjax.predict.pairs import PairFiles
from mdjax.predict.prediction import predict_pairs
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.types import NetworkOutput
from tests.predict.image_files import SIZE_HW, to_float


class PixelNetwork(nn.Module):
    """Labels each pixel by itself from RGB and thermal; compiles in no time."""

    num_classes: int = len(CLASS_NAMES)

    @nn.compact
    def __call__(
        self, visible: Any, thermal: Any, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        visible, thermal = (0 * visible, thermal) if missing == "visible" else (visible, thermal)
        pair = jnp.concatenate([visible, thermal], axis=-1) - 0.5
        return NetworkOutput(nn.Conv(self.num_classes, (1, 1))(pair))


def create_loaded_network(
    network: nn.Module | None = None,
    config: NetworkConfig | None = None,
    *,
    resolution: str = "16x",
    class_names: tuple[str, ...] = CLASS_NAMES,
    thermal_range_counts: tuple[float, float] | None = None,
    training_view: str | None = None,
) -> LoadedNetwork:
    """A network with random weights, as if it had been trained at `SIZE_HW`."""
    network = network or PixelNetwork(len(class_names))
    height, width = SIZE_HW
    visible, thermal = jnp.zeros((1, height, width, 3)), jnp.zeros((1, height, width, 1))
    initialise = partial(network.init, jax.random.key(0), train=False)
    shapes: Any = jax.eval_shape(initialise, visible, thermal)
    # Compiling the initialisation of a ResNet takes longer than its prediction.
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: rng.normal(0.0, 0.3, leaf.shape), shapes["params"])
    statistics = jax.tree.map(lambda leaf: np.ones(leaf.shape), shapes.get("batch_stats", {}))
    variables = {"params": params, "batch_stats": statistics}
    return LoadedNetwork(
        run_dir=Path("run"),
        config=TrainConfig(
            pipeline=PipelineConfig(image_size_hw=SIZE_HW, camera=ThermalCamera(resolution)),
            network=config or ImageLevelConfig(),
        ),
        network=network,
        variables=jax.tree.map(np.float32, variables),
        class_names=class_names,
        step=7,
        scores={},
        thermal_range_counts=thermal_range_counts,
        training_view=training_view,
    )


def predict_labels(
    loaded: LoadedNetwork, pairs: Sequence[PairFiles], out_dir: Path, **options: Any
) -> LabelPredictions:
    writer = LabelWriter(out_dir, loaded.class_names, loaded.config.task)
    return predict_pairs(loaded, pairs, writer, **options)


def predict_labels_u8(
    loaded: LoadedNetwork, visible_u8: np.ndarray, thermal: np.ndarray
) -> np.ndarray:
    """What the network says about pairs at its working size; thermal in [0, 1]."""
    apply: Any = jax.jit(partial(loaded.network.apply, train=False))
    output = apply(dict(loaded.variables), to_float(visible_u8), thermal[..., None])
    return np.argmax(output.prediction, axis=-1)
