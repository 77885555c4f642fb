"""Runs of a study side by side, each in a process of its own, on cores and a GPU or parts of one.

Two small networks on one core each are trained sooner than one after the other on two cores.
"""

import contextlib
import io
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import jax

from mdjax.signals import postpone_where_dropped

Submit = Callable[..., Future[Any]]
"""From a name for messages, a function and its arguments to what it will have returned."""


_MAX_WORKERS = 4

_is_idle = threading.Event()
"""Set while a worker waits for work; not yet while it starts."""

_GPU_SHARE = 0.8
"""Of a GPU's memory that its workers share; the main process scores networks in the rest."""


def count_workers() -> int:
    """Return how many small trainings at a time suit this machine.

    One per GPU; one where there is another accelerator; else one per core, four at most.
    """
    if jax.default_backend() != "cpu":
        return max(1, len(_list_gpus()))
    return max(1, min(_MAX_WORKERS, len(_list_cores())))


def share_gpus(num_workers: int) -> None:
    """Leave the memory of the GPUs to workers; call it before JAX looks for devices.

    JAX else takes three quarters of a GPU for the first process. What the user has set stays.
    """
    if num_workers > 1:
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


@contextlib.contextmanager
def open_workers(num_workers: int) -> Iterator[Submit]:
    """Give work to processes; with one worker, do it here and at once.

    What is submitted must be picklable, and is never more than there are workers. What workers
    write to stderr begins with the name of their work. SIGINT and SIGTERM are passed on to them,
    so that trainings save their state, and raise KeyboardInterrupt here.

    Args:
        num_workers: Processes, which share out the cores and the GPUs, see also `share_gpus`. Each
            has its part of the memory of its GPU.
    """
    if num_workers == 1:
        yield _do_here
        return
    spawn = multiprocessing.get_context("spawn")  # JAX has threads, which a fork would lose.
    shares = spawn.Queue()
    gpus = _divide_gpus(num_workers)
    for cores, gpu in zip(_divide_cores(num_workers), gpus, strict=True):
        shares.put((cores, gpu, _GPU_SHARE / gpus.count(gpu)))
    pool = ProcessPoolExecutor(
        num_workers,
        mp_context=spawn,
        initializer=_begin_work,
        initargs=(shares, jax.config.values["jax_compilation_cache_dir"]),
    )
    with pool, _pass_signals_on():
        yield lambda name, function, *arguments: pool.submit(_work, name, function, *arguments)


def _do_here(name: str, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    del name
    future: Future[Any] = Future()
    try:
        future.set_result(function(*arguments))
    except Exception as error:
        future.set_exception(error)
    return future


def _divide_cores(num_workers: int) -> list[list[int]]:
    """Deal the cores of this process; where there are fewer than workers, each gets all."""
    cores = _list_cores()
    if len(cores) < num_workers:
        return [cores] * num_workers
    return [cores[first::num_workers] for first in range(num_workers)]


def _divide_gpus(num_workers: int) -> list[str | None]:
    """Deal the GPUs of this process, one a worker; None where there are none."""
    gpus: list[str | None] = [*_list_gpus()]
    return [gpus[i % len(gpus)] if gpus else None for i in range(num_workers)]


def _list_gpus() -> list[str]:
    """The GPUs that this process may use, by the names that CUDA takes."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    if jax.default_backend() != "gpu":
        return []
    return [str(device.local_hardware_id) for device in jax.local_devices()]


def _list_cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def _pass_signals_on() -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        del number, frame
        for child in multiprocessing.active_children():
            child.terminate()
        raise KeyboardInterrupt

    handler = postpone_where_dropped(stop)
    stopping = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, handler) for number in stopping}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            signal.signal(number, earlier)


def _begin_work(shares: Any, compilation_cache_dir: str | None) -> None:
    """Set a new process up, before JAX looks how many cores and GPUs there are."""
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C reaches the main process alone, which passes it on once.
    cores, gpu, gpu_share = shares.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{gpu_share:.3f}")
    jax.config.update("jax_compilation_cache_dir", compilation_cache_dir)
    signal.signal(signal.SIGTERM, postpone_where_dropped(_stop_work))
    _is_idle.set()


def _stop_work(number: int, frame: Any) -> None:
    """End what a worker does, where it does not end by itself as trainings do.

    An idle worker holds the lock of the queue: the others would wait for it for ever if it died. It
    ends when the pool is closed.
    """
    del number, frame
    if not _is_idle.is_set():
        raise KeyboardInterrupt


def _stop_with_parent() -> None:
    """End this process when its parent has ended or was killed; work in progress is saved first."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    if not _is_idle.is_set():
        os.kill(os.getpid(), signal.SIGTERM)
        _is_idle.wait()
    os._exit(1)  # It would wait for more work for ever.


def _work(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    _is_idle.clear()
    try:
        with contextlib.redirect_stderr(_NamedLines(name)):
            return function(*arguments)
    finally:
        _is_idle.set()


class _NamedLines(io.TextIOBase):
    """Writes whole lines to stderr, each after a name; it is no terminal."""

    def __init__(self, name: str):
        self._name = name
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        stream: Any = sys.__stderr__
        for line in lines:
            stream.write(f"{self._name}: {line}\n")
        stream.flush()
        return len(text)
