"""A network of two convolutions, which compiles in no time, and batches for it."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from mdjax.types import Batch, NetworkOutput

NUM_CLASSES = 3


class TinyNetwork(nn.Module):
    """Returns logits, features and a mask; batch norm and dropout are optional."""

    has_batch_norm: bool = False
    dropout_rate: float = 0.0
    width: int = 4

    @nn.compact
    def __call__(self, visible, thermal, *, train: bool) -> NetworkOutput:
        features = nn.Conv(self.width, (3, 3), name="encoder")(
            jnp.concatenate([visible, thermal], -1)
        )
        if self.has_batch_norm:
            features = nn.BatchNorm(use_running_average=not train, name="norm")(features)
        mask = nn.sigmoid(nn.Conv(1, (1, 1), name="attention")(features))
        hidden = nn.Dropout(self.dropout_rate, deterministic=not train)(nn.relu(features))
        logits = nn.Conv(NUM_CLASSES, (1, 1), name="head")(hidden)
        return NetworkOutput(logits, {"c4": features}, mask)


def make_batch(seed: int = 0, size: int = 4, height: int = 6, width: int = 8) -> Batch:
    rng = np.random.default_rng(seed)

    def image(channels: int) -> np.ndarray:
        return rng.random((size, height, width, channels), np.float32)

    return Batch(
        visible=image(3),
        thermal_full=image(1),
        thermal_camera=image(1),
        truth=rng.integers(0, NUM_CLASSES, (size, height, width)).astype(np.uint8),
        image_size_hw=np.full((size, 2), (height, width), np.int32),
        is_night=np.arange(size) % 2 == 1,
        is_valid=np.ones(size, bool),
    )


def init_tiny(network: Any, seed: int = 0) -> Any:
    batch = make_batch()
    return network.init(jax.random.key(seed), batch.visible, batch.thermal_full, train=False)
