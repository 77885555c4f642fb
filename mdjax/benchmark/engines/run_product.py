"""A product of two matrices in JAX: what the processor computes at best."""

from typing import Any

import jax
import jax.numpy as jnp

from mdjax.benchmark.engines.serving import Job, Run, serve


def load(job: Job) -> Run:
    """Make square matrices of the size in the job."""
    matrix = jnp.ones((job.details["size"], job.details["size"]))
    product: Any = jax.jit(lambda x: x @ x)
    return lambda _: [jax.block_until_ready(product(matrix))[0, 0]]


if __name__ == "__main__":
    serve(load, answers_channels_first=False)
