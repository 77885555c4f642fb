"""What a run writes while it trains. Of several processes the first one writes, for all."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mdjax.io.metrics_log import MetricsLog, Progress
from mdjax.io.run_directory import RunDirectory
from mdjax.runs.config import TrainConfig
from mdjax.runs.keeper import CheckpointKeeper
from mdjax.train.loop import LogWindow
from mdjax.train.processes import ask_first_process, is_first_process
from mdjax.train.state import TrainState


def _write_nothing(*values: Any) -> None:
    del values


@dataclass(frozen=True)
class Writers:
    """What the training loop calls to write, see `run_training`."""

    log: Callable[[int, Mapping[str, float]], None] = _write_nothing
    show: Callable[[int, float], None] = _write_nothing
    save: Callable[[TrainState, LogWindow], None] = _write_nothing
    add_scores: Callable[[Mapping[str, float]], None] = _write_nothing


@contextlib.contextmanager
def open_writers(
    directory: RunDirectory, config: TrainConfig, keeper: CheckpointKeeper, *, start_step: int
) -> Iterator[Writers]:
    """Open the logs of a run in the first process; those of other processes write nothing.

    Args:
        directory: Where the run lives.
        config: Its configuration.
        keeper: Saves its states.
        start_step: Step of the state that it begins with.

    Raises:
        MdjaxError: A log cannot be written.
    """
    if not is_first_process():
        yield Writers()
        return
    with (
        MetricsLog(directory, start_step=start_step, use_wandb=config.wandb) as log,
        Progress(
            num_steps=config.loop.num_steps, start_step=start_step, batch_size=config.batch_size
        ) as shown,
    ):
        yield Writers(log.write, shown.update, keeper.save, keeper.add_scores)


@contextlib.contextmanager
def hold_in_first_process(
    claim: Callable[[], contextlib.AbstractContextManager[None]],
) -> Iterator[None]:
    """Hold something for all processes, such as the lock of a run.

    Raises:
        MdjaxError: It cannot be held, in every process.
    """
    with contextlib.ExitStack() as held:
        ask_first_process(lambda: held.enter_context(claim()))
        yield
