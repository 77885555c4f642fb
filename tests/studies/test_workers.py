"""Work in processes: cores of their own, named lines, errors, and a stop that saves."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import wait
from pathlib import Path

import psutil
import pytest

from mdjax.studies.workers import open_workers, share_gpus

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def describe_process(delay_s: float) -> tuple[int, tuple[int, ...]]:
    time.sleep(delay_s)  # So that one process cannot do the work of both.
    print("half a line,", end=" ", file=sys.stderr)
    print("and the rest", file=sys.stderr)
    return os.getpid(), tuple(sorted(os.sched_getaffinity(0)))


def name_gpu(delay_s: float) -> tuple[str | None, str | None]:
    time.sleep(delay_s)
    share = os.environ.get("XLA_PYTHON_CLIENT_MEM_FRACTION")
    return os.environ.get("CUDA_VISIBLE_DEVICES"), share


def is_running(pid: int) -> bool:
    """Whether a process has not ended; nobody need have asked how."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def fail() -> None:
    raise OSError("no space left")


def interrupt() -> None:
    raise KeyboardInterrupt


def save_when_stopped(folder: Path) -> None:
    """As a training does: a signal sets a flag, the state is saved, then it stops."""
    stopped = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    (folder / f"started{os.getpid()}").touch()
    while not stopped:
        time.sleep(0.05)
    (folder / f"saved{os.getpid()}").touch()
    raise KeyboardInterrupt


def test_one_worker_works_here_and_at_once() -> None:
    with open_workers(1) as submit:
        pid, _ = submit("a", describe_process, 0.0).result()
        assert pid == os.getpid()
        assert isinstance(submit("b", fail).exception(), OSError)
        with pytest.raises(KeyboardInterrupt):
            submit("c", interrupt)


@pytest.mark.slow
def test_workers_have_processes_and_cores_of_their_own(capfd: pytest.CaptureFixture[str]) -> None:
    num_cores = len(os.sched_getaffinity(0))
    with open_workers(2) as submit:
        work = [submit(f"seed{n}/a", describe_process, 1.0) for n in range(2)]
        wait(work)
        (first, first_cores), (second, second_cores) = (done.result() for done in work)
        assert len({first, second, os.getpid()}) == 3
        if num_cores > 1:
            assert not set(first_cores) & set(second_cores)
        assert isinstance(submit("c", fail).exception(), OSError)
    lines = capfd.readouterr().err.splitlines()
    for n in range(2):
        assert f"seed{n}/a: half a line, and the rest" in lines


@pytest.mark.slow
@pytest.mark.parametrize(
    ("visible", "given"), [("3,5", {("3", "0.800"), ("5", "0.800")}), ("3", {("3", "0.400")})]
)
def test_each_worker_has_a_gpu_of_its_own_or_its_part_of_one(
    visible: str, given: set[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.delenv("XLA_PYTHON_CLIENT_MEM_FRACTION", raising=False)
    with open_workers(2) as submit:
        work = [submit(str(n), name_gpu, 1.0) for n in range(2)]
        assert {done.result() for done in work} == given


@pytest.mark.parametrize(("num_workers", "expected"), [(1, None), (2, "false")])
def test_main_process_leaves_the_gpu_to_several_workers(
    num_workers: int, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    share_gpus(num_workers)
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "true"
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE")
    share_gpus(num_workers)
    assert os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE") == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "num_idle"),
    [(signal.SIGINT, 77, 1), (signal.SIGTERM, 77, 0), (signal.SIGKILL, -signal.SIGKILL, 1)],
)
def test_workers_of_a_main_process_that_is_stopped_save_and_end(
    tmp_path: Path, number: int, code: int, num_idle: int
) -> None:
    """Those that wait for work do not hold up the others."""
    script = tmp_path / "study.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from concurrent.futures import wait\n"
        "from mdjax.studies.workers import open_workers\n"
        "from tests.studies.test_workers import save_when_stopped\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        folder, num_idle = Path(sys.argv[1]), int(sys.argv[2])\n"
        "        with open_workers(2) as submit:\n"
        "            busy = [submit('busy', save_when_stopped, folder)]\n"
        "            if num_idle:\n"
        "                submit('idle', abs, 1).result()\n"
        "                (folder / 'started').touch()\n"
        "            else:\n"
        "                busy.append(submit('busy', save_when_stopped, folder))\n"
        "            wait(busy)\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit(77)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, str(script), str(tmp_path), str(num_idle)]
    with subprocess.Popen(command, env=environment) as main:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("started*"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        main.send_signal(number)
        assert main.wait(timeout=30) == code
    workers = [int(path.name.removeprefix("started")) for path in tmp_path.glob("started?*")]
    deadline = time.monotonic() + 30
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))
    assert len(list(tmp_path.glob("saved*"))) == 2 - num_idle
