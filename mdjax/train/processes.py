"""What the processes of one command tell each other.

All of them run the same program on their own devices, see `mdjax.train.devices`, and must come to
the same decisions: a process that takes part in a computation alone waits for ever. Process 0 alone
reads and writes the run directory; what it finds, it tells the others. A single process goes
through the same functions, which then do nothing.
"""

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mdjax.types import MdjaxError

_T = TypeVar("_T")


def is_first_process() -> bool:
    """Return whether this is the process that reads and writes the run directory."""
    return jax.process_index() == 0


@dataclass(frozen=True)
class _Answer:
    """What process 0 found, or what it refuses."""

    value: Any = None
    refusal: str | None = None


def ask_first_process(find: Callable[[], _T]) -> _T:
    """Let process 0 find something, and tell the others.

    Args:
        find: Called in process 0 only; what it returns must be picklable.

    Returns:
        What it found, in every process.

    Raises:
        MdjaxError: It refused, in every process.
    """
    if jax.process_count() == 1:
        return find()
    answer = _Answer()
    if is_first_process():
        try:
            answer = _Answer(find())
        except MdjaxError as error:
            answer = _Answer(refusal=str(error))
    told: _Answer = pickle.loads(_broadcast(pickle.dumps(answer)))
    if told.refusal is not None:
        raise MdjaxError(told.refusal)
    return told.value


def gather(value: _T) -> list[_T]:
    """Return the values of all processes, by their index; each must be picklable."""
    if jax.process_count() == 1:
        return [value]
    data = np.frombuffer(pickle.dumps(value), np.uint8)
    sizes = np.ravel(multihost_utils.process_allgather(np.int32(data.size)))
    filled = np.zeros(sizes.max(), np.uint8)
    filled[: data.size] = data
    rows = multihost_utils.process_allgather(filled)
    return [pickle.loads(row[:size].tobytes()) for row, size in zip(rows, sizes, strict=True)]


def connect_devices() -> None:
    """Let the devices of all processes meet before any of them has work to do.

    On CPUs they wait for each other for 30 seconds only, the first time: less than one process may
    compile longer than another. Later they wait as long as it takes.
    """
    gather(None)
    flag = SharedFlag()
    for _ in range(2):
        flag.show(False)


def _broadcast(data: bytes) -> bytes:
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(data))))
    filled = np.frombuffer(data, np.uint8) if is_first_process() else np.zeros(size, np.uint8)
    return np.asarray(multihost_utils.broadcast_one_to_all(filled)).tobytes()


class SharedFlag:
    """A flag that any process raises, and that all of them see at the same step."""

    def __init__(self) -> None:
        """Begin with the flag down."""
        self._pending: jax.Array | None = None
        if jax.process_count() > 1:
            mesh = Mesh(np.array(jax.devices()), ("devices",))
            self._spread = NamedSharding(mesh, PartitionSpec("devices"))
            self._any = jax.jit(jnp.any, out_shardings=NamedSharding(mesh, PartitionSpec()))

    def show(self, is_raised: bool) -> bool:
        """Show one's own flag; every process calls this once a step.

        Returns:
            Whether any process had raised its flag: one step ago if there are several, so that no
            device waits for the hosts to agree.
        """
        if jax.process_count() == 1:
            return is_raised
        before, self._pending = self._pending, self._start(is_raised)
        return before is not None and bool(before)

    def _start(self, is_raised: bool) -> jax.Array:
        flags = jax.make_array_from_callback(
            (jax.device_count(),), self._spread, lambda _: np.array([is_raised])
        )
        return self._any(flags)
