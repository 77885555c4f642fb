"""A trained network compiled for image pairs: what `mdjax predict` runs, and what is timed."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.models.modalities import Missing
from mdjax.runs.loading import LoadedNetwork
from mdjax.tasks.predictor import make_task_predictor
from mdjax.tasks.task import Task

PairPredictor = Callable[[np.ndarray, np.ndarray], Any]
"""From visible [b h w 3] and thermal [b h w 1] images on the host to predictions on the host."""


def compile_predictor(
    loaded: LoadedNetwork,
    *,
    batch_size: int,
    task: Task | None = None,
    missing: Missing = "none",
) -> PairPredictor:
    """Compile a network, with what its task makes of its output, for one shape.

    Args:
        loaded: From `load_network`.
        batch_size: Image pairs of a call.
        task: Another way to interpret, such as with another score threshold; that of the training
            by default.
        missing: Image that the network does without.

    Returns:
        A function that copies a pair to the device, predicts, and waits for what comes back.
    """
    task = task or loaded.config.task
    height, width = loaded.config.pipeline.image_size_hw
    predict: Any = make_task_predictor(loaded.network, task, (height, width), missing)
    variables = jax.device_put(dict(loaded.variables))
    shapes = (
        jax.ShapeDtypeStruct((batch_size, height, width, channels), jnp.float32)
        for channels in (3, 1)
    )
    compiled = predict.lower(variables, *shapes).compile()
    return lambda visible, thermal: jax.device_get(compiled(variables, visible, thermal))
