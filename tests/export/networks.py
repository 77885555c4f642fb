"""Small trained networks to export, in memory and without training."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mdjax.models.config import MdStudentConfig, NetworkConfig
from mdjax.ops.anchors import AnchorOptions
from mdjax.recipes import configure_mfnet_small, configure_msrs_small
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork, create_network
from mdjax.tasks.detection import DetectionTask
from tests.runs.small import BACKBONE, SIZE_HW

CLASS_NAMES = ("unlabelled", "car", "person")


def create_loaded(
    network: type[NetworkConfig] = MdStudentConfig,
    *,
    detects: bool = False,
    size_hw: tuple[int, int] = SIZE_HW,
    configured: NetworkConfig | None = None,
    **changes: Any,
) -> LoadedNetwork:
    """A network with random weights and statistics, as if it had been trained and scored."""
    configure = configure_msrs_small if detects else configure_mfnet_small
    config = configure(TrainConfig(), network)
    config = replace(
        config,
        pipeline=replace(config.pipeline, image_size_hw=size_hw),
        network=configured or network(BACKBONE),
    )
    if detects:
        config = replace(config, task=DetectionTask(anchors=AnchorOptions((8, 16, 24))))
    names = ("person",) if detects else CLASS_NAMES
    module = create_network(config, len(names))
    shapes: Any = jax.eval_shape(
        partial(module.init, jax.random.key(0), train=False),
        *(jax.ShapeDtypeStruct((1, *size_hw, channels), np.float32) for channels in (3, 1)),
    )
    rng = np.random.default_rng(0)

    def fill(path: Any, leaf: Any) -> np.ndarray:
        if path[-1].key == "var":
            return rng.uniform(0.5, 2.0, leaf.shape).astype(np.float32)
        scale = 1 / np.sqrt(np.prod(leaf.shape[:-1])) if len(leaf.shape) == 4 else 0.3
        mean = 1.0 if path[-1].key == "scale" else 0.0
        return rng.normal(mean, scale, leaf.shape).astype(np.float32)

    loaded = LoadedNetwork(
        run_dir=Path("run"),
        config=config,
        network=module,
        variables=jax.tree_util.tree_map_with_path(fill, shapes),
        class_names=names,
        step=7,
        scores={"ap50/all" if detects else "mean_accuracy_3/all": 50.0},
        scored_split="test",
    )
    return replace(loaded, **changes)
