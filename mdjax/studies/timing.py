"""Time of a forward pass, measured side by side."""

import time
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.runs.loading import LoadedNetwork


def measure_milliseconds(
    networks: Mapping[str, LoadedNetwork], *, num_rounds: int = 20, batch_size: int = 1
) -> dict[str, float]:
    """Measure the median time of one image for several networks.

    The networks take turns, so that a busy machine slows all of them alike; each run is waited
    for. Preparation of the images is not included.

    Args:
        networks: By the name of the row.
        num_rounds: Timed passes of each network.
        batch_size: Images of a pass.

    Returns:
        Milliseconds an image, by name.
    """
    passes = {name: _make_pass(loaded, batch_size) for name, loaded in networks.items()}
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for run in passes.values():
        run()  # compiles
    for _ in range(num_rounds):
        for name, run in passes.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: 1e3 * float(np.median(times)) / batch_size for name, times in seconds.items()}


def _make_pass(loaded: LoadedNetwork, batch_size: int) -> Any:
    h, w = loaded.config.pipeline.image_size_hw
    visible = jnp.full((batch_size, h, w, 3), 0.5)
    thermal = jnp.full((batch_size, h, w, 1), 0.5)
    variables = jax.device_put(dict(loaded.variables))

    @jax.jit
    def predict(variables: Any) -> Any:
        output: Any = loaded.network.apply(variables, visible, thermal, train=False)
        return output.prediction

    return lambda: jax.block_until_ready(predict(variables))
