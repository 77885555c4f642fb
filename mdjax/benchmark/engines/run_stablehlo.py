"""An exported StableHLO program in JAX, without mdjax."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export

from mdjax.benchmark.engines.serving import Job, Run, serve


def load(job: Job) -> Run:
    """Read the program; the first pass compiles."""
    exported = export.deserialize(bytearray(Path(job.model).read_bytes()))
    program: Any = jax.jit(exported.call)

    def run(images: Mapping[str, np.ndarray]) -> Any:
        answers = jax.device_get(program(*(images[name] for name in job.details["input_names"])))
        return [answers[name] for name in job.output_names]

    return run


if __name__ == "__main__":
    serve(load, answers_channels_first=False)
