"""Processes of one command begin together and end together.

JAX's distributed runtime connects them: process 0 hosts its coordinator, which also keeps small
values that all can read. JAX lets a process wait for ever for one that has failed, or ends it with
a dump of its own stack. Here every process says every two seconds that it is alive, and one that
fails says so: whoever notices first tells the person, all others end silently.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import jax
from jax._src import distributed  # its key-value store has no public name

from mdjax.train.processes import gather
from mdjax.types import MdjaxError, format_count

EXIT_LOST = 2
"""Exit status of a process that ends because another one is lost."""

_BEAT_S = 2.0
_LOST_AFTER_S = 30.0
_LEAVE_S = 5.0
# JAX gives up later than we do: its own message is a dump.
_MORE_PATIENCE_S = 60
_ENDED, _ALIVE, _LEFT = "mdjax/ended", "mdjax/alive", "mdjax/left"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class ProcessOptions:
    """How this process meets those that run the same command; without options it is alone.

    Attributes:
        from_cluster: Take the three values below from the environment: of Slurm (`srun`), Open MPI
            (`mpirun`), Kubernetes or a TPU slice.
        coordinator: Address at which all processes reach process 0, as HOST:PORT with a free port.
        count: Number of processes.
        index: Number of this process, from 0.
        timeout_s: Seconds in which all processes must have arrived.
    """

    from_cluster: bool = False
    coordinator: str | None = None
    count: int | None = None
    index: int | None = None
    timeout_s: int = 300

    def __post_init__(self) -> None:
        given = (self.coordinator, self.count, self.index)
        if self.timeout_s < 1:
            raise MdjaxError(f"processes.timeout_s is {self.timeout_s}; give 1 or more.")
        if given == (None, None, None):
            return
        if self.from_cluster:
            raise MdjaxError(
                "processes.from_cluster takes coordinator, count and index from the environment; "
                "omit them, or omit it."
            )
        if self.coordinator is None or self.count is None or self.index is None:
            raise MdjaxError(
                "give all three of processes.coordinator, processes.count and processes.index."
            )
        host, _, port = self.coordinator.rpartition(":")
        if not host or not port.isdigit():
            raise MdjaxError(
                f"processes.coordinator is {self.coordinator!r}; give the host of process 0 and a "
                "port that is free there, such as 10.0.0.1:1234."
            )
        if not 0 <= self.index < self.count:
            raise MdjaxError(
                f"processes.index is {self.index}, of {self.count}: give a number from 0 to "
                "processes.count - 1, to each process another one."
            )

    @property
    def is_alone(self) -> bool:
        """Whether this process meets no others."""
        return not self.from_cluster and self.coordinator is None


def start_together(options: ProcessOptions, tell: Tell) -> None:
    """Meet the other processes; must come before the first computation of JAX.

    Args:
        options: Where.
        tell: Shows the message of a process that ends because others did not arrive.

    Raises:
        MdjaxError: The environment names no cluster, or the port is taken.
    """
    _keep_stdout_for_results()
    # It would swallow the SIGTERM that stops a run.
    jax.config.update("jax_enable_preemption_service", False)
    late = threading.Timer(options.timeout_s, _give_up, (options, tell))
    late.daemon = True
    late.start()
    try:
        jax.distributed.initialize(
            options.coordinator,
            options.count,
            options.index,
            # Otherwise it looks for a cluster's choice of devices even so.
            cluster_detection_method=None if options.from_cluster else "deactivate",
            initialization_timeout=options.timeout_s + _MORE_PATIENCE_S,
        )
    except (RuntimeError, ValueError) as error:
        late.cancel()
        raise MdjaxError(_explain_failure(options, error)) from error
    late.cancel()


def _keep_stdout_for_results() -> None:
    """Drop what libraries print: Gloo, by which CPUs exchange numbers, tells of its connections."""
    sys.stdout.flush()
    sys.stdout = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)


def require_equal_devices() -> None:
    """Compare the processes.

    Raises:
        MdjaxError: They have different numbers of devices.
    """
    numbers = [
        sum(device.process_index == index for device in jax.devices())
        for index in range(jax.process_count())
    ]
    if len(set(numbers)) > 1:
        raise MdjaxError(
            f"the processes have different numbers of devices ({', '.join(map(str, numbers))}); "
            "give each the same number."
        )


def _give_up(options: ProcessOptions, tell: Tell) -> None:
    if options.from_cluster:
        who, where = "this process", "the address that the cluster's environment gives"
    else:
        others = format_count((options.count or 1) - 1, "other process", "other processes")
        who = f"process {options.index} of {options.count}"
        where = f"the coordinator {options.coordinator}; its {others} did not all arrive"
    tell(
        f"{who} has waited {format_count(options.timeout_s, 'second')} at {where}. Start "
        "every process, each with its own index, check that all machines reach the host and port "
        "of process 0, or raise --processes.timeout-s."
    )
    os._exit(EXIT_LOST)


def _explain_failure(options: ProcessOptions, error: Exception) -> str:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    if options.from_cluster:
        return (
            f"the environment does not say how the processes meet ({reason}). Start them with "
            "srun, mpirun or on a TPU slice, or give --processes.coordinator, --processes.count "
            "and --processes.index."
        )
    return (
        f"process {options.index} cannot start at the coordinator {options.coordinator}: {reason}. "
        "Is the port taken? Give another one, to all processes."
    )


class Watch:
    """Notices in every process when one of them fails or is lost, and ends this one too."""

    def __init__(self, tell: Tell, remedy: str) -> None:
        """Begin to watch.

        Args:
            tell: Shows a message, if no other process has done so.
            remedy: What a person can do about a process that is lost.
        """
        self._client: Any = distributed.global_state.client
        self._tell = tell
        self._remedy = remedy
        self._index, self._count = jax.process_index(), jax.process_count()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch when all processes have done their work."""
        gather(None)
        self._is_over.set()
        self._thread.join()

    def fail(self, status: int, tell: Callable[[], None]) -> NoReturn:
        """End all processes because this one cannot go on.

        Args:
            status: Exit status of all.
            tell: Says why; called unless another process failed first.
        """
        self._is_over.set()
        if self._announce(status):
            tell()
        self._leave(status)

    def wait_for_news(self) -> None:
        """Wait until it is known whether a process is lost; if one is, this does not return."""
        self._thread.join(_LOST_AFTER_S + 3 * _BEAT_S)

    def _run(self) -> None:
        seen: dict[str, tuple[str, float]] = {}
        number = 0
        while not self._is_over.is_set():
            number += 1
            try:
                self._client.key_value_set(f"{_ALIVE}/{self._index}", str(number), True)
                lost = _find_lost(seen, self._client.key_value_dir_get(_ALIVE))
            except jax.errors.JaxRuntimeError:
                return  # The coordinator is gone; JAX itself ends this process.
            if lost is not None:
                self._end_without(lost)
            with contextlib.suppress(jax.errors.JaxRuntimeError):
                status = self._client.blocking_key_value_get(_ENDED, int(1000 * _BEAT_S))
                if not self._is_over.is_set():
                    self._leave(int(status))

    def _end_without(self, lost: int) -> NoReturn:
        if self._announce(EXIT_LOST):
            self._tell(
                f"process {lost} of {self._count} does not answer any more: it was killed, or its "
                f"machine is gone. {self._remedy}"
            )
        self._leave(EXIT_LOST)

    def _announce(self, status: int) -> bool:
        """Tell the others to end; return whether this process is the first to do so."""
        try:
            self._client.key_value_set(_ENDED, str(status))
        except jax.errors.JaxRuntimeError:
            return False
        return True

    def _leave(self, status: int) -> NoReturn:
        """End at once: the main thread may wait for a process that is not there any more."""
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            self._client.key_value_set(f"{_LEFT}/{self._index}", "", True)
            # With process 0 goes the coordinator, and JAX shows a dump in those who still use it.
            deadline = time.monotonic() + _LEAVE_S
            while self._index == 0 and time.monotonic() < deadline:
                if len(self._client.key_value_dir_get(_LEFT)) == self._count:
                    break
                time.sleep(0.05)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _find_lost(seen: dict[str, tuple[str, float]], told: list[tuple[str, str]]) -> int | None:
    """Return a process that has not said for long that it is alive."""
    now = time.monotonic()
    for name, number in told:
        if seen.get(name, ("", 0.0))[0] != number:
            seen[name] = (number, now)
    late = [name for name, (_, since) in seen.items() if now - since > _LOST_AFTER_S]
    return int(late[0].rpartition("/")[2]) if late else None


def describe_process() -> str:
    """Say which process this is, for messages."""
    return f"process {jax.process_index()} of {jax.process_count()} on {socket.gethostname()}"
