"""What each step of a simplification saves, and the check that it changes nothing."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import jax
import numpy as np

from mdjax.export.deployment import Deployment
from mdjax.export.graph import Graph
from mdjax.export.onnx_model import create_onnx_model
from mdjax.export.onnx_session import open_session
from mdjax.export.simplification import Step
from mdjax.types import MdjaxError

TOLERANCE = 1e-4
"""Largest difference that a step may make, relative to the largest value of an output."""

NUM_ROUNDS = 10

Run = Callable[[], Any]
"""Runs a program on images that it has, to the end."""


@dataclass(frozen=True)
class MeasuredStep:
    """What a step did.

    Attributes:
        name: Of the step.
        gflop: Billions of operations of one image pair, as XLA counts them.
        milliseconds: Time of one image pair with JAX on this machine: the median of batches,
            measured in turn with the other steps.
        onnx_milliseconds: The same of the ONNX model in ONNX Runtime; None if not measured.
        difference: Largest difference from the network as trained, relative to the largest value
            of the output.
    """

    name: str
    gflop: float
    milliseconds: float
    onnx_milliseconds: float | None
    difference: float


def measure_steps(
    steps: Sequence[Step],
    deployment: Deployment,
    *,
    batch_size: int = 1,
    onnx_opset: int | None = None,
    num_rounds: int = NUM_ROUNDS,
    seed: int = 0,
) -> list[MeasuredStep]:
    """Run the network after each step on the same random images.

    Args:
        steps: Of a simplification for so many images of a batch.
        deployment: The network.
        batch_size: Images of a batch.
        onnx_opset: Measure the ONNX models of this opset too, if ONNX Runtime is installed.
        num_rounds: Runs of each step; in each round, all are run in turn.
        seed: Of the images.

    Raises:
        MdjaxError: A step changes what the network says by more than `TOLERANCE`.
    """
    images = make_random_images(deployment, batch_size=batch_size, seed=seed)
    programs = [_compile(step.graph, images) for step in steps]
    outputs = [[np.asarray(x) for x in program(*images)] for program in programs]
    differences = [compare_outputs(outputs[0], answer) for answer in outputs]
    for step, difference in zip(steps, differences, strict=True):
        if not difference <= TOLERANCE:
            raise MdjaxError(
                f"{step.name}: the network would answer differently, by {difference:.1e} of "
                f"its largest value where {TOLERANCE:g} is allowed; report this."
            )
    in_jax = _measure([_make_jax_run(program, images) for program in programs], num_rounds)
    in_onnx: list[float] | list[None] = [None] * len(steps)
    if onnx_opset is not None and find_spec("onnxruntime") is not None:
        runs = [_make_onnx_run(step.graph, deployment, images, onnx_opset) for step in steps]
        in_onnx = _measure(runs, num_rounds)
    return [
        MeasuredStep(
            step.name,
            gflop=float(program.cost_analysis()["flops"]) / 1e9 / batch_size,
            milliseconds=of_jax / batch_size,
            onnx_milliseconds=None if of_onnx is None else of_onnx / batch_size,
            difference=difference,
        )
        for step, program, of_jax, of_onnx, difference in zip(
            steps, programs, in_jax, in_onnx, differences, strict=True
        )
    ]


def make_random_images(deployment: Deployment, *, batch_size: int = 1, seed: int = 0) -> list[Any]:
    """Make images of random pixels, as the inputs ask for."""
    rng = np.random.default_rng(seed)
    return [
        (rng.random(shape.shape) * deployment.input_max).astype(shape.dtype)
        for shape in deployment.list_shapes(batch_size)
    ]


def compare_outputs(expected: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> float:
    """Compute the largest difference of any output, relative to its largest value, or NaN."""
    differences = [
        np.max(np.abs(x.astype(np.float64) - y)) / max(float(np.max(np.abs(x))), 1e-12)
        for x, y in zip(expected, found, strict=True)
    ]
    return float(np.max(differences))  # Python's max() would lose a NaN that is not the first.


def _compile(graph: Graph, images: Sequence[Any]) -> Any:
    program: Any = jax.jit(graph.__call__)
    return program.lower(*images).compile()


def _make_jax_run(program: Any, images: Sequence[Any]) -> Run:
    return lambda: jax.block_until_ready(program(*images))


def _make_onnx_run(graph: Graph, deployment: Deployment, images: Sequence[Any], opset: int) -> Run:
    model = create_onnx_model(graph, deployment, opset=opset)
    run = open_session(model.SerializeToString())
    feed = {x.name: image for x, image in zip(deployment.inputs, images, strict=True)}
    return lambda: run(feed)


def _measure(runs: Sequence[Run], num_rounds: int) -> list[float]:
    """Median time of each in milliseconds, all in turn; a first round is not counted."""
    seconds = np.zeros((num_rounds + 1, len(runs)))
    for times in seconds:
        for i, run in enumerate(runs):
            start = time.perf_counter()
            run()
            times[i] = time.perf_counter() - start
    return [float(x) for x in 1e3 * np.median(seconds[1:], axis=0)]
