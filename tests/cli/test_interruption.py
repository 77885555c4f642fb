"""What a person sees who stops a command."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdjax.cli import main as cli
from mdjax.cli.failures import EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated
from mdjax.train.loop import InterruptedTraining


@pytest.fixture(autouse=True)
def _restore_ctrl_c() -> Iterator[None]:
    """A command that was stopped leaves the process to end at the next Ctrl-C."""
    previous = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize(
    ("stop", "message", "status"),
    [
        (InterruptedTraining(7), "after step 7; the state is saved", EXIT_INTERRUPTED),
        (KeyboardInterrupt(), "stopped", EXIT_INTERRUPTED),
        (Terminated(), "stopped", EXIT_TERMINATED),
    ],
)
def test_stopped_command_says_so_without_a_traceback(
    stop: KeyboardInterrupt, message: str, status: int, monkeypatch, capsys
) -> None:
    def run(arguments):
        del arguments
        raise stop

    monkeypatch.setitem(cli._COMMANDS, "train", ("", lambda: run))
    assert cli.main(["train"]) == status
    shown = capsys.readouterr().err
    assert shown.startswith("mdjax train: ")
    assert message in shown


# Stands for the import of JAX, and for the second that Python needs to end. A shell starts programs
# in the background deaf to Ctrl-C, and with them their children.
_HEAR = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from mdjax.cli import main as cli
"""
_SLOW_IMPORT = """
def load():
    print("loading", flush=True)
    time.sleep(300)
cli._COMMANDS["train"] = ("", load)
sys.exit(cli.main(["train"]))
"""
_SLOW_WRITING = """
from pathlib import Path
from mdjax.io.whole_folder import write_whole_folder
def run(arguments):
    try:
        with write_whole_folder(Path(arguments[0]) / "out") as folder:
            (folder / "half").write_text("written")
            print("writing", flush=True)
            time.sleep(300)
    finally:
        print("cleaning", flush=True)
        time.sleep(0.5)
        print("clean", flush=True)
cli._COMMANDS["predict"] = ("", lambda: run)
sys.exit(cli.main(["predict", sys.argv[1]]))
"""
_SLOW_END = """
import atexit
def wait():
    print("ending", flush=True)
    time.sleep(300)
atexit.register(wait)
def run(arguments):
    print("running", flush=True)
    time.sleep(300)
cli._COMMANDS["train"] = ("", lambda: run)
sys.exit(cli.main(["train"]))
"""


def start_program(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _HEAR + script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("script", "moments", "number", "message", "status"),
    [
        (_SLOW_IMPORT, ["loading"], signal.SIGINT, "mdjax: stopped\n", EXIT_INTERRUPTED),
        (_SLOW_IMPORT, ["loading"], signal.SIGTERM, "mdjax: stopped\n", EXIT_TERMINATED),
        (
            _SLOW_END,
            ["running", "ending"],
            signal.SIGINT,
            "mdjax train: stopped\n",
            EXIT_INTERRUPTED,
        ),
        # Nothing is at work any more: the second one ends the process as it does any program.
        (
            _SLOW_END,
            ["running", "ending"],
            signal.SIGTERM,
            "mdjax train: stopped\n",
            -signal.SIGTERM,
        ),
    ],
    ids=["Ctrl-C while loading", "SIGTERM while loading", "Ctrl-C twice", "SIGTERM twice"],
)
def test_stopping_at_any_moment_is_one_line(
    script: str, moments: list[str], number: int, message: str, status: int
) -> None:
    start = time.monotonic()
    with start_program(script) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        for moment in moments:
            assert program.stdout.readline() == f"{moment}\n"
            os.kill(program.pid, number)
        assert program.stderr.read() == message
    assert program.returncode == status
    assert time.monotonic() - start < 150


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, EXIT_INTERRUPTED), (signal.SIGTERM, EXIT_TERMINATED)],
)
def test_a_stopped_command_leaves_nothing_half_written(
    number: int, status: int, tmp_path: Path
) -> None:
    """As `timeout` does, SIGTERM is sent once more while the command is cleaning up."""
    with start_program(_SLOW_WRITING, str(tmp_path)) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert program.stdout.readline() == "writing\n"
        assert len(list(tmp_path.iterdir())) == 1
        os.kill(program.pid, number)
        assert program.stdout.readline() == "cleaning\n"
        if number == signal.SIGTERM:
            os.kill(program.pid, number)
        assert program.stdout.readline() == "clean\n"
        assert program.stderr.read() == "mdjax predict: stopped\n"
    assert program.returncode == status
    assert list(tmp_path.iterdir()) == []


def test_handlers_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls a command from Python has the signals back; one that is ignored stays so."""

    def run(arguments):
        del arguments
        seen.append(signal.getsignal(signal.SIGTERM))
        return 0

    seen: list[object] = []
    monkeypatch.setitem(cli._COMMANDS, "train", ("", lambda: run))
    before = signal.getsignal(signal.SIGTERM)
    assert cli.main(["train"]) == 0
    assert seen.pop() is not before
    assert signal.getsignal(signal.SIGTERM) is before
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert cli.main(["train"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIG_IGN]
