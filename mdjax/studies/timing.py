"""Time of one image, measured side by side."""

import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.trained_network import PairPredictor

_SEED = 0


def measure_milliseconds(
    networks: Mapping[str, LoadedNetwork], *, num_rounds: int = 20, batch_size: int = 1
) -> dict[str, float]:
    """Measure the median time of one image for several networks.

    What is timed is what `mdjax predict` runs: the pair goes to the device, through the network and
    through what the task makes of its output (decoding and suppression of duplicates, logits), back
    to the host, and becomes boxes or a label map of the working size. Files are neither read nor
    written. The networks take turns, so that a busy machine slows all of them alike.

    Args:
        networks: By the name of the row.
        num_rounds: Timed passes of each network.
        batch_size: Images of a pass.

    Returns:
        Milliseconds an image, by name.
    """
    passes = {name: _make_pass(loaded, batch_size) for name, loaded in networks.items()}
    pairs = {name: _make_pair(loaded, batch_size) for name, loaded in networks.items()}
    for name, run in passes.items():
        run(*pairs[name])  # The first call also allocates.
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(num_rounds):
        for name, run in passes.items():
            start = time.perf_counter()
            run(*pairs[name])
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e3 * float(np.median(times)) / batch_size for name, times in seconds.items()}


def _make_pass(loaded: LoadedNetwork, batch_size: int) -> PairPredictor:
    predict = loaded.compile_predictor(batch_size=batch_size)
    task, size_hw = loaded.config.task, loaded.config.pipeline.image_size_hw

    def run(visible: np.ndarray, thermal: np.ndarray) -> list[Any]:
        interpreted = predict(visible, thermal)
        rows = [jax.tree.map(lambda x, i=i: x[i], interpreted) for i in range(batch_size)]
        return [task.fit_to_image(row, size_hw, size_hw) for row in rows]

    return run


def _make_pair(loaded: LoadedNetwork, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    height, width = loaded.config.pipeline.image_size_hw
    rng = np.random.default_rng(_SEED)
    visible = rng.random((batch_size, height, width, 3), np.float32)
    return visible, rng.random((batch_size, height, width, 1), np.float32)
