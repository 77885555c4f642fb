"""What a person sees who stops a command."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from mdjax.cli import main as cli
from mdjax.train.loop import InterruptedTraining


@pytest.fixture(autouse=True)
def _restore_ctrl_c() -> Iterator[None]:
    """A command that was stopped leaves the process to end at the next Ctrl-C."""
    previous = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        (InterruptedTraining(7), "after step 7; the state is saved"),
        (KeyboardInterrupt(), "stopped"),
    ],
)
def test_stopped_command_says_so_without_a_traceback(
    stop: KeyboardInterrupt, message: str, monkeypatch, capsys
) -> None:
    def run(arguments):
        del arguments
        raise stop

    monkeypatch.setitem(cli._COMMANDS, "train", ("", lambda: run))
    assert cli.main(["train"]) == cli.EXIT_INTERRUPTED
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


@pytest.mark.parametrize(
    ("script", "moments", "message"),
    [
        (_SLOW_IMPORT, ["loading"], "mdjax: stopped\n"),
        (_SLOW_END, ["running", "ending"], "mdjax train: stopped\n"),
    ],
    ids=["while loading", "twice"],
)
def test_ctrl_c_at_any_moment_is_one_line(script: str, moments: list[str], message: str) -> None:
    start = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", _HEAR + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        for moment in moments:
            assert program.stdout.readline() == f"{moment}\n"
            os.kill(program.pid, signal.SIGINT)
        assert program.stderr.read() == message
    assert program.returncode == cli.EXIT_INTERRUPTED
    assert time.monotonic() - start < 150
