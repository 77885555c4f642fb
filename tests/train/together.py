"""Several processes of JAX's distributed runtime on this machine, on the loopback address alone."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax

from tests.conftest import PROJECT_ROOT

TIMEOUT_S = 300


def _get_cache_dir() -> str:
    return str(jax.config.jax_compilation_cache_dir)  # pyright: ignore[reportAttributeAccessIssue]


def run_together(
    script: str,
    arguments: tuple[object, ...],
    folder: Path,
    *,
    num_processes: int = 2,
    num_devices: int = 1,
) -> list[subprocess.CompletedProcess[str]]:
    """Run a script in several processes with simulated devices, and wait for all of them.

    Args:
        script: Python; its arguments are the coordinator's address, the number of processes, the
            index of the process, and those that follow.
        arguments: The rest.
        folder: For what the processes write to standard output and error.
        num_processes: How many.
        num_devices: Devices of each.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} "
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{flags}--xla_force_host_platform_device_count={num_devices}",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_COMPILATION_CACHE_DIR": _get_cache_dir(),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }
    folder.mkdir(parents=True, exist_ok=True)
    started: list[subprocess.Popen[str]] = []
    try:
        for index in range(num_processes):
            values = map(str, (coordinator, num_processes, index, *arguments))
            with (
                (folder / f"out{index}").open("w") as out,
                (folder / f"err{index}").open("w") as err,
            ):
                process = subprocess.Popen(
                    [sys.executable, "-c", script, *values],
                    env=environment,
                    cwd=PROJECT_ROOT,
                    stdout=out,
                    stderr=err,
                    text=True,
                )
            started.append(process)
        for process in started:
            process.wait(timeout=TIMEOUT_S)
    finally:
        for process in started:
            process.kill()
            process.wait()
    return [
        subprocess.CompletedProcess(
            process.args,
            process.returncode,
            (folder / f"out{index}").read_text(),
            (folder / f"err{index}").read_text(),
        )
        for index, process in enumerate(started)
    ]
