"""A network of a run directory as it was trained, in JAX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from mdjax.benchmark.engines.serving import Job, Run, serve
from mdjax.benchmark.resizing import change_sizes
from mdjax.export.deployment import deploy
from mdjax.runs.loading import load_network


def load(job: Job) -> Run:
    """Load the checkpoint; the first pass compiles."""
    details = job.details
    loaded = load_network(Path(details["run_dir"]), details["checkpoint"])
    deployment = deploy(change_sizes(loaded, details["size_hw"], details["resolution"]))
    program: Any = jax.jit(deployment.run)

    def run(images: Mapping[str, np.ndarray]) -> Any:
        return jax.device_get(program(*(images[x.name] for x in deployment.inputs)))

    return run


if __name__ == "__main__":
    serve(load, answers_channels_first=False)
