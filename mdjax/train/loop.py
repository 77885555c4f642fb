"""The training loop: the one place where steps meet clocks, files and signals."""

import contextlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import jax

from mdjax.train.processes import SharedFlag
from mdjax.train.state import TrainState
from mdjax.train.step import Metrics, Step
from mdjax.types import MdjaxError

TIMINGS = ("train/steps_per_second", "train/data_wait_share")
"""Logged beside the losses; unlike these, they differ between equal runs."""


class InterruptedTraining(KeyboardInterrupt):
    """The run was interrupted and has saved its state; `step` steps are done."""

    def __init__(self, step: int):
        super().__init__(f"Stopped after step {step}; the state is saved, resume to continue.")
        self.step = step


class NonFiniteLossError(MdjaxError):
    """The loss of a step, or its gradient, is not finite; nothing of that step was saved."""


@dataclass(frozen=True)
class LoopConfig:
    """Number of steps, and how often to log, score and save, in steps.

    Attributes:
        num_steps: Steps of the whole training.
        log_every: Average the training metrics over this many steps and log them.
        evaluate_every: Score the validation split this often; 0: only after the last step.
        save_every: Save a checkpoint this often; also after the last step, on SIGINT and SIGTERM.
        probe_every: Measure the gradient norm of each unweighted loss this often; 0: never.
    """

    num_steps: int = 14_000
    log_every: int = 50
    evaluate_every: int = 1_000
    save_every: int = 500
    probe_every: int = 0

    def __post_init__(self):
        for name in ("num_steps", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise MdjaxError(f"{name} is {getattr(self, name)}; give 1 or more.")
        for name in ("evaluate_every", "probe_every"):
            if getattr(self, name) < 0:
                raise MdjaxError(f"{name} is {getattr(self, name)}; give 0 (never) or more.")


@dataclass(frozen=True)
class LogWindow:
    """What was measured since the last log entry; saved with a state, so that no entry is cut.

    Attributes:
        sums: Of each training metric over these steps.
        num_steps: How many they are.
        seconds: How long they took.
        waiting_seconds: How long of it the training waited for the next batch.
    """

    sums: Mapping[str, float] = field(default_factory=dict)
    num_steps: int = 0
    seconds: float = 0.0
    waiting_seconds: float = 0.0


def run_training(
    state: TrainState,
    step: Step,
    batches: Iterator[Any],
    config: LoopConfig,
    *,
    log: Callable[[int, Mapping[str, float]], None],
    show: Callable[[int, float], None],
    save: Callable[[TrainState, LogWindow], None],
    evaluate: Callable[[TrainState], Mapping[str, float]],
    add_scores: Callable[[Mapping[str, float]], None],
    scored_split: str = "val",
    probe: Callable[[TrainState, Any], Metrics] | None = None,
    window: LogWindow | None = None,
    is_scored: bool = False,
) -> TrainState:
    """Train from the state's step to the last one.

    A state is saved before it is logged and scored: if that fails, the state is not lost, and the
    rest is done first when the training continues from it.

    Args:
        state: Where to begin; donated to the first step.
        step: From `make_train_step` or `make_distill_step`.
        batches: Training batches from the state's step on.
        config: How often what happens.
        log: Records metrics after a number of steps.
        show: Shows how far the training is, and its loss.
        save: Saves a state, with what was measured since the last log entry.
        evaluate: Scores a state, on the validation split as a rule.
        add_scores: Notes the scores of the state that was saved last.
        scored_split: Name of the split, under which the scores are logged.
        probe: Measures gradient norms, see `make_gradient_norm_probe`.
        window: As it was saved with the state; a new training has none.
        is_scored: Whether the scores of the state were noted.

    Returns:
        The state after the last step.

    Raises:
        NonFiniteLossError: The loss is not finite; the state of that step is never saved.
        InterruptedTraining: SIGINT or SIGTERM came; the state is saved.
    """
    done = int(state.step)
    measured = _MetricsWindow(window or LogWindow())

    def log_window() -> None:
        if measured.num_steps and (done == config.num_steps or _is_due(done, config.log_every)):
            log(done, measured.take_means())

    def score(state: TrainState) -> None:
        if done == config.num_steps or _is_due(done, config.evaluate_every):
            with measured.stop_clock():
                scores = evaluate(state)
                log(done, {f"{scored_split}/{name}": x for name, x in scores.items()})
                add_scores(scores)

    if done:  # What a kill may have left undone after the state was saved.
        log_window()
        if not is_scored:
            score(state)
    stop_wanted = SharedFlag()
    with _catch_stop_signals() as stop:
        while done < config.num_steps:
            with measured.wait_for_data():
                batch = next(batches)
            if probe and config.probe_every and done % config.probe_every == 0:
                measured.flush()  # The step before is training: its time counts.
                with measured.stop_clock():
                    norms = jax.device_get(probe(state, batch))
                log(done, {name: float(x) for name, x in norms.items()})
            state, metrics = step(state, batch)
            done += 1
            # Metrics are read one step late, so that the device never waits for the host.
            measured.add(done, metrics)
            is_last = done == config.num_steps
            # Asked once a step: a signal that comes later stops the next one, which is saved too.
            # Any process may get it; all of them stop after the same step.
            is_stopped = stop_wanted.show(stop.is_set())
            is_due = (_is_due(done, config.evaluate_every), _is_due(done, config.save_every))
            is_saved = is_last or is_stopped or any(is_due)
            if is_saved or _is_due(done, config.log_every):
                measured.flush()
            if measured.last_loss is not None:
                show(measured.last_step, measured.last_loss)
            if is_saved:
                with measured.stop_clock():
                    save(state, measured.describe())
            log_window()
            if is_stopped and not is_last:
                raise InterruptedTraining(done)
            score(state)
    return state


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


class _MetricsWindow:
    """Collects the metrics of the steps since the last log entry, and checks each of them."""

    def __init__(self, begun: LogWindow) -> None:
        self.last_step = 0
        self.last_loss: float | None = None
        self.num_steps = begun.num_steps
        self._pending: tuple[int, Metrics] | None = None
        self._sums = dict(begun.sums)
        self._start_time = time.perf_counter() - begun.seconds
        self._waiting_seconds = begun.waiting_seconds

    @contextlib.contextmanager
    def wait_for_data(self) -> Iterator[None]:
        """Note how long this takes; a device that still computes a step is not idle meanwhile."""
        started = time.perf_counter()
        yield
        self._waiting_seconds += time.perf_counter() - started

    @contextlib.contextmanager
    def stop_clock(self) -> Iterator[None]:
        """Leave out of the rate what is no training: scoring, saving, probing."""
        stopped = time.perf_counter()
        yield
        self._start_time += time.perf_counter() - stopped

    def add(self, step: int, metrics: Metrics) -> None:
        previous, self._pending = self._pending, (step, metrics)
        if previous:
            self._read(*previous)

    def flush(self) -> None:
        if self._pending:
            self._read(*self._pending)
            self._pending = None

    def describe(self) -> LogWindow:
        """What a run that goes on from here has to know."""
        seconds = time.perf_counter() - self._start_time
        return LogWindow(dict(self._sums), self.num_steps, seconds, self._waiting_seconds)

    def take_means(self) -> dict[str, float]:
        now = time.perf_counter()
        means = {f"train/{name}": total / self.num_steps for name, total in self._sums.items()}
        seconds = now - self._start_time
        rate, wait = TIMINGS
        means |= {rate: self.num_steps / seconds, wait: self._waiting_seconds / seconds}
        self._sums, self.num_steps, self._start_time = {}, 0, now
        self._waiting_seconds = 0.0
        return means

    def _read(self, step: int, metrics: Metrics) -> None:
        values = {name: float(x) for name, x in jax.device_get(metrics).items()}
        _check_finite(step, values)
        self.last_step, self.last_loss = step, values["loss"]
        for name, x in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + x
        self.num_steps += 1


def _check_finite(step: int, values: Mapping[str, float]) -> None:
    bad = [name for name, x in values.items() if not math.isfinite(x)]
    if not bad:
        return
    # The loss is the sum of its terms: name the terms, if one of them is to blame.
    terms = [name for name in bad if name.startswith("loss/")] or bad
    raise NonFiniteLossError(
        f"Step {step}: {', '.join(f'{name} is {values[name]}' for name in terms)}. Start again "
        "with a lower learning rate, a smaller weight of this term, or optimiser.max_gradient_norm."
    )


@contextlib.contextmanager
def _catch_stop_signals() -> Iterator[threading.Event]:
    """Turn the first SIGINT or SIGTERM into a flag; a second one acts as usual."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # Python delivers signals to the main thread only
        return
    previous = {}

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        stop.set()
        signal.signal(number, previous[number])

    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
