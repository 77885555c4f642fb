"""A detector whose answers can be read off the images."""

from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from mdjax.data.pipeline import PipelineConfig
from mdjax.data.thermal_camera import ThermalCamera
from mdjax.models.config import ImageLevelConfig, NetworkConfig
from mdjax.models.modalities import Missing
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.tasks.detection import DetectionTask
from mdjax.types import AnchorPrediction, NetworkOutput
from tests.predict.image_files import SIZE_HW

CELL_PX = 16


class AnchorNetwork(nn.Module):
    """Takes a bright cell of 16x16 pixels for an object: score = sigmoid(8 (mean - 1/2)).

    The visible image decides for class 0, the thermal one for class 1; white scores 0.982.
    """

    num_classes: int

    def __call__(
        self, visible: jax.Array, thermal: jax.Array, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        del train, missing  # What is missing is black.
        brightness = [visible.mean(axis=-1), thermal[..., 0]][: self.num_classes]
        b, h, w = brightness[0].shape
        rows, columns = h // CELL_PX, w // CELL_PX
        stacked = jnp.concatenate([x[..., None] for x in brightness], axis=-1)
        cells = stacked.reshape(b, rows, CELL_PX, columns, CELL_PX, -1)
        logits = 8 * (cells.mean(axis=(2, 4)) - 0.5)
        y, x = np.mgrid[:rows, :columns].reshape(2, -1) * CELL_PX
        anchors = np.stack([x, y, x + CELL_PX, y + CELL_PX], axis=1).astype(np.float32)
        offsets = jnp.zeros((b, rows * columns, 4))
        return NetworkOutput(
            AnchorPrediction(logits.reshape(b, -1, self.num_classes), offsets, anchors)
        )


def create_loaded_detector(
    network: nn.Module | None = None,
    variables: Any = None,
    *,
    network_config: NetworkConfig | None = None,
    class_names: tuple[str, ...] = ("person",),
    **changes: Any,
) -> LoadedNetwork:
    """A detector as if it had been trained at `SIZE_HW`, on the data set in `changes`."""
    return LoadedNetwork(
        run_dir=Path("run"),
        config=TrainConfig(
            pipeline=PipelineConfig(image_size_hw=SIZE_HW, camera=ThermalCamera("16x")),
            network=network_config or ImageLevelConfig(),
            task=DetectionTask(class_names),
            batch_size=4,
            **changes,
        ),
        network=network or AnchorNetwork(len(class_names)),
        variables=variables or {},
        class_names=class_names,
        step=7,
        scores={},
    )


def make_cells_u8(*cells_yx: tuple[int, int], size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """A grey image, black but for white cells of the working size."""
    cell_h, cell_w = size_hw[0] * CELL_PX // SIZE_HW[0], size_hw[1] * CELL_PX // SIZE_HW[1]
    image_u8 = np.zeros(size_hw, np.uint8)
    for y, x in cells_yx:
        image_u8[y * cell_h : (y + 1) * cell_h, x * cell_w : (x + 1) * cell_w] = 255
    return image_u8
