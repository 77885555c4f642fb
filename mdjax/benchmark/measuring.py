"""Engines measured in turn: time, cold start, memory, and whether they answer alike."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mdjax.benchmark.agreement import measure_agreement
from mdjax.benchmark.engine import PRODUCT, Engine
from mdjax.benchmark.engines.serving import Job
from mdjax.benchmark.models import Models
from mdjax.benchmark.process import EngineError, EngineProcess
from mdjax.export.measuring import compare_outputs

TOLERANCE = 1e-3
"""Largest difference of an answer in 32 bits from JAX, relative to the largest value."""
MIN_SHARE = 0.999
"""Share of pixels or boxes that agree, where an answer in 32 bits has no numbers to compare."""
MIN_ROUNDS = 3
_PASSES = 3
"""Of a turn; the first one wakes threads and fills caches, and does not count."""
_NUMERIC = ("logits", "boxes", "raw")


@dataclass
class Measured:
    """An engine with a network.

    Attributes:
        models: The network.
        engine: The engine.
        rounds: Seconds of the passes of each turn; empty where it was not timed.
        cold_start_s: From the start of its process to the first answer; NaN if there was none.
        peak_bytes: The most memory of its process; None where the system does not tell.
        difference: From JAX, relative to the largest value; None where there are no numbers.
        share: Of the pixels or boxes that are as JAX says; None where there are none.
        problem: Why it was not timed; "" if it was.
    """

    models: Models
    engine: Engine
    rounds: list[list[float]] = field(default_factory=list)
    cold_start_s: float = float("nan")
    peak_bytes: float | None = None
    difference: float | None = None
    share: float | None = None
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.models.name}, {self.engine.name}"

    @property
    def medians(self) -> np.ndarray:
        """Median seconds of each turn."""
        return np.median(self.rounds, axis=1)


@dataclass(frozen=True)
class MeasuredGroup:
    """What took turns with each other.

    Attributes:
        measured: Each network with each engine.
        product: The product of two matrices; its seconds tell the peak of the machine.
    """

    measured: Sequence[Measured]
    product: Measured

    @property
    def peak_flops(self) -> float | None:
        """Operations a second of the product; None if it was not timed."""
        if not self.product.rounds:
            return None
        return 2 * self.product.engine.details["size"] ** 3 / float(np.median(self.product.rounds))


def measure_in_turn(
    networks: Sequence[Models],
    engines: Sequence[Engine],
    folder: Path,
    *,
    seconds: float,
    num_threads: int,
    show: Callable[[str], None],
) -> MeasuredGroup:
    """Start each engine in a process of its own, check its answer, and time all of them in turn.

    Args:
        networks: All with batches of one size.
        engines: Installed ones.
        folder: For their files.
        seconds: About how long passes are timed; at least `MIN_ROUNDS` rounds are.
        num_threads: Of each engine.
        show: Told what is done.
    """
    product_job = Job("", "", ("corner",), num_threads, False, PRODUCT.details)
    blank = Models("", {PRODUCT.name: product_job}, {}, {}, "", None, 0, 0, (0, 0), (0, 0), 1)
    product = Measured(blank, PRODUCT)
    measured = [Measured(models, engine) for models in networks for engine in engines]
    with contextlib.ExitStack() as stack:
        processes: list[tuple[Measured, EngineProcess]] = []
        for number, one in enumerate([product, *measured]):
            show(f"starting {one.engine.name} ({number + 1} of {len(measured) + 1})")
            if process := _start(one, folder / str(number)):
                processes.append((one, stack.enter_context(process)))
        show(f"timing {len(processes)} processes in turn for about {seconds:g} s")
        _time_in_turn(processes, product, seconds)
    return MeasuredGroup(measured, product)


def _start(one: Measured, folder: Path) -> EngineProcess | None:
    """Start an engine; None if it cannot run the network, fails, or answers something else."""
    models, engine = one.models, one.engine
    if engine.name in models.absent:
        one.problem = models.absent[engine.name]
        return None
    try:
        process = EngineProcess(engine, models.jobs[engine.name], folder)
    except EngineError as error:
        one.problem = str(error)
        return None
    one.cold_start_s, one.peak_bytes = process.cold_start_s, process.peak_bytes
    one.problem = _check(one, process)
    if one.problem:
        process.close()
        return None
    return process


def _check(one: Measured, process: EngineProcess) -> str:
    """Compare the first answer with that of JAX; say what is wrong with it."""
    models = one.models
    if not models.expected:
        return ""
    agreement = measure_agreement(models.head_name, [(models.expected, process.first_answer)])
    one.share = None if agreement is None else agreement.share
    if models.head_name in _NUMERIC:
        found = [process.first_answer[name] for name in models.expected]
        one.difference = compare_outputs(list(models.expected.values()), found)
    if not one.engine.is_exact:
        return ""
    if one.difference is not None and not one.difference <= TOLERANCE:
        return (
            f"answers differ from those of JAX by {one.difference:.1e} of the largest value, "
            f"{TOLERANCE:g} is allowed"
        )
    if one.difference is None and one.share is not None and one.share < MIN_SHARE:
        return f"only {one.share:.2%} of its answers are those of JAX, {MIN_SHARE:.1%} are needed"
    return ""


def _time_in_turn(
    processes: list[tuple[Measured, EngineProcess]], product: Measured, seconds: float
) -> None:
    """Time rounds of all; one that fails is left out from then on, and the product is not alone."""
    networks = [one for one, _ in processes if one is not product]
    end = time.perf_counter() + seconds
    num_rounds = 0
    while num_rounds < MIN_ROUNDS or time.perf_counter() < end:
        if all(one.problem for one in networks):
            return
        for one, process in processes:
            if one.problem:
                continue
            try:
                one.rounds.append(process.time_passes(_PASSES)[1:])
            except EngineError as error:
                one.problem, one.rounds = str(error), []
            one.peak_bytes = process.peak_bytes
        num_rounds += 1
