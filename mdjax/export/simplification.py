"""The steps that make an exported network cheaper without changing what it says."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from mdjax.export.coarse_grids import convolve_coarse_grids
from mdjax.export.deployment import Deployment
from mdjax.export.folding import fold_after_convolutions, fold_before_convolutions
from mdjax.export.graph import Graph, trace
from mdjax.types import MdjaxError

TOLERANCE = 1e-4
"""Largest difference that a step may make, relative to the largest value of an output."""


@dataclass(frozen=True)
class Step:
    """A network after one step.

    Attributes:
        name: What the step does.
        graph: The network.
    """

    name: str
    graph: Graph


@dataclass(frozen=True)
class MeasuredStep:
    """What a step did.

    Attributes:
        name: Of the step.
        gflop: Billions of operations of one image pair, as XLA counts them.
        milliseconds: Median time of a batch with JAX on this machine, measured in turn.
        difference: Largest difference from the network as trained, relative to the largest value
            of the output.
    """

    name: str
    gflop: float
    milliseconds: float
    difference: float


def simplify(deployment: Deployment, batch_size: Any = 1) -> list[Step]:
    """Trace a network and simplify it step by step; the last step is what is exported."""
    graph = trace(deployment.run, *deployment.list_shapes(batch_size))
    steps = [Step("as trained", graph)]
    graph = fold_after_convolutions(graph)
    steps.append(Step("batch normalisation in the convolutions", graph))
    graph = fold_before_convolutions(graph, input_max=deployment.input_max)
    steps.append(Step("normalisation and one thermal channel in conv1", graph))
    graph = convolve_coarse_grids(graph)
    steps.append(Step("pooled grids convolved before they are enlarged", graph))
    return steps


def measure_steps(
    steps: Sequence[Step], deployment: Deployment, *, num_rounds: int = 10, seed: int = 0
) -> list[MeasuredStep]:
    """Run the network after each step on the same random images.

    Raises:
        MdjaxError: A step changes what the network says by more than `TOLERANCE`.
    """
    images = make_random_images(deployment, seed=seed)
    programs = [_compile(step.graph, images) for step in steps]
    outputs = [[np.asarray(x) for x in program(*images)] for program in programs]
    seconds: list[list[float]] = [[] for _ in programs]
    for _ in range(num_rounds):
        for program, times in zip(programs, seconds, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(program(*images))
            times.append(time.perf_counter() - start)
    measured = [
        MeasuredStep(
            step.name,
            gflop=float(program.cost_analysis()["flops"]) / 1e9,
            milliseconds=1e3 * float(np.median(times)),
            difference=compare_outputs(outputs[0], answer),
        )
        for step, program, times, answer in zip(steps, programs, seconds, outputs, strict=True)
    ]
    for step in measured:
        if not step.difference <= TOLERANCE:
            raise MdjaxError(
                f"{step.name}: the network would answer differently, by {step.difference:.1e} of "
                f"its largest value where {TOLERANCE:g} is allowed; report this."
            )
    return measured


def make_random_images(deployment: Deployment, *, batch_size: int = 1, seed: int = 0) -> list[Any]:
    """Make images of random pixels, as the inputs ask for."""
    rng = np.random.default_rng(seed)
    return [
        (rng.random(shape.shape) * deployment.input_max).astype(shape.dtype)
        for shape in deployment.list_shapes(batch_size)
    ]


def compare_outputs(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """Compute the largest difference of any output, relative to its largest value."""
    return max(
        float(np.max(np.abs(x.astype(np.float64) - y)) / max(float(np.max(np.abs(x))), 1e-12))
        for x, y in zip(expected, found, strict=True)
    )


def _compile(graph: Graph, images: Sequence[Any]) -> Any:
    program: Any = jax.jit(graph.__call__)
    return program.lower(*images).compile()
