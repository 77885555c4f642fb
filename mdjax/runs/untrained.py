"""Networks that nobody has trained: what they cost is known before they learn anything."""

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp

from mdjax.io.checkpoint import save_variables
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork, create_network
from mdjax.runs.stored_config import store_config
from mdjax.train.state import create_variables


def create_untrained(config: TrainConfig, num_classes: int) -> LoadedNetwork:
    """Build the network of a configuration with random weights, as if it had been loaded."""
    network = create_network(config, num_classes)
    height, width = config.pipeline.image_size_hw
    variables = create_variables(
        network,
        (jnp.zeros((1, height, width, 3)), jnp.zeros((1, height, width, 1))),
        select_inputs=lambda pair: pair,
        seed=0,
    )
    return LoadedNetwork(
        run_dir=Path(),
        config=config,
        network=network,
        variables=variables,
        class_names=tuple(map(str, range(num_classes))),
        step=0,
        scores={},
    )


def save_untrained(loaded: LoadedNetwork, run_dir: Path) -> LoadedNetwork:
    """Save a network that was never trained, so that `load_network` finds it.

    Args:
        loaded: From `create_untrained`.
        run_dir: A new folder for its only checkpoint, "last".

    Returns:
        The network with its directory.
    """
    metadata = {
        "config": store_config(loaded.config, run_dir),
        "class_names": list(loaded.class_names),
        "step": 0,
        "scores": {},
    }
    save_variables(CheckpointStore(run_dir).last, loaded.variables, metadata)
    return replace(loaded, run_dir=run_dir)
