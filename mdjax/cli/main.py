"""`mdjax`: the commands, and how their errors are shown to the user."""

import contextlib
import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from mdjax import __version__
from mdjax.cli.failures import (
    EXIT_BAD_INPUT,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    FAILURES,
    Terminated,
    describe_failure,
)
from mdjax.signals import postpone_where_dropped

# What a shell reports of a program whose reader has gone away, as in `mdjax train --help | head`.
EXIT_BROKEN_PIPE = 141

# `timeout` sends SIGTERM twice at once; the second one must not disturb what the first one began.
_ONE_SIGNAL_S = 1.0

Run = Callable[[Sequence[str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_format_help())
        return 0 if arguments else EXIT_BAD_INPUT
    if arguments[0] == "--version":
        print(f"mdjax {__version__}")
        return 0
    name, *rest = arguments
    if name not in _COMMANDS:
        print(f"mdjax: there is no command {name!r}.\n\n{_format_help()}", file=sys.stderr)
        return EXIT_BAD_INPUT
    _quieten_libraries()
    with _stopping_at_once():
        run = _COMMANDS[name][1]()
    try:
        with _stopping_by_exceptions():
            return run(rest)
    except BrokenPipeError:
        # Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except FAILURES as error:
        if isinstance(error, KeyboardInterrupt):
            # Python takes its time to end; another Ctrl-C would show where it is.
            signal.signal(signal.SIGINT, lambda *_: os._exit(EXIT_INTERRUPTED))
        message, status = describe_failure(error)
        print(f"mdjax {name}: {message}", file=sys.stderr)
        return status


@contextlib.contextmanager
def _stopping_at_once() -> Iterator[None]:
    """End quietly at Ctrl-C and SIGTERM, while nothing is at work that has to be left in order.

    An exception in the middle of an import can be lost, or become one of another kind.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        print("mdjax: stopped", file=sys.stderr, flush=True)
        os._exit(EXIT_INTERRUPTED if number == signal.SIGINT else EXIT_TERMINATED)

    with _handling(signal.SIGINT, stop), _handling(signal.SIGTERM, stop):
        yield


@contextlib.contextmanager
def _stopping_by_exceptions() -> Iterator[None]:
    """Raise at Ctrl-C and SIGTERM, to leave work in order; training handles both by itself."""
    first_s = -math.inf

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        nonlocal first_s
        if time.monotonic() - first_s > _ONE_SIGNAL_S:
            first_s = time.monotonic()
            raise Terminated

    with (
        _handling(signal.SIGINT, postpone_where_dropped(signal.default_int_handler)),
        _handling(signal.SIGTERM, postpone_where_dropped(stop)),
    ):
        yield


@contextlib.contextmanager
def _handling(number: int, handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle a signal for a while, unless it is ignored, or this thread gets no signals."""
    is_main_thread = threading.current_thread() is threading.main_thread()
    # None: code that is not Python's handles it, and could not be given back.
    if not is_main_thread or signal.getsignal(number) in (signal.SIG_IGN, None):
        yield
        return
    previous = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, previous)


def _quieten_libraries() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("absl").setLevel(logging.ERROR)


# A command imports what it needs only when it is called, so that `mdjax --help` answers at once.


def _load_prepare() -> Run:
    from mdjax.cli.prepare import run_prepare

    return run_prepare


def _load_align() -> Run:
    from mdjax.cli.align import run_align

    return run_align


def _load_train() -> Run:
    from mdjax.cli.train import run_train

    return run_train


def _load_distill() -> Run:
    from mdjax.cli.train import run_distill

    return run_distill


def _load_resume() -> Run:
    from mdjax.cli.train import run_resume

    return run_resume


def _load_runs() -> Run:
    from mdjax.cli.runs import run_runs

    return run_runs


def _load_report() -> Run:
    from mdjax.cli.report import run_report

    return run_report


def _load_fuse() -> Run:
    from mdjax.cli.fuse import run_fuse

    return run_fuse


def _load_evaluate() -> Run:
    from mdjax.cli.evaluate import run_evaluate

    return run_evaluate


def _load_predict() -> Run:
    from mdjax.cli.predict import run_predict

    return run_predict


def _load_export() -> Run:
    from mdjax.cli.export import run_export

    return run_export


def _load_benchmark() -> Run:
    from mdjax.cli.benchmark import run_benchmark

    return run_benchmark


def _load_score_detections() -> Run:
    from mdjax.cli.score_detections import run_score_detections

    return run_score_detections


def _load_demo() -> Run:
    from mdjax.cli.demo import run_demo

    return run_demo


def _load_reproduce() -> Run:
    from mdjax.cli.reproduce import run_reproduce

    return run_reproduce


def _load_tradeoff() -> Run:
    from mdjax.cli.tradeoff import run_tradeoff

    return run_tradeoff


def _load_doctor() -> Run:
    from mdjax.cli.doctor import run_doctor_command

    return run_doctor_command


_COMMANDS: dict[str, tuple[str, Callable[[], Run]]] = {
    "prepare": ("check and package a data set for training", _load_prepare),
    "align": ("find how a thermal camera lies to a visible one", _load_align),
    "train": ("train a teacher, a native student or another baseline", _load_train),
    "distill": ("train a student from a teacher by modality distillation", _load_distill),
    "resume": ("continue an interrupted training or distillation", _load_resume),
    "runs": ("list runs with their states and scores", _load_runs),
    "report": ("write one web page about runs", _load_report),
    "fuse": ("average two trained networks: decision-level fusion", _load_fuse),
    "evaluate": ("score a trained network on a split", _load_evaluate),
    "predict": ("label your own images and videos, or find objects in them", _load_predict),
    "export": ("write a trained network for boards and other programs", _load_export),
    "benchmark": ("measure what networks cost in JAX, ONNX Runtime and others", _load_benchmark),
    "score-detections": ("score a detection file by KAIST's rules", _load_score_detections),
    "demo": ("see modality distillation at work on generated scenes", _load_demo),
    "reproduce": ("make the paper's tables and figures, and others, each by name", _load_reproduce),
    "tradeoff": ("see what fewer thermal pixels cost in accuracy, on your data", _load_tradeoff),
    "doctor": ("check installation, devices, data and disk", _load_doctor),
}


def _format_help() -> str:
    lines = [f"  {name:18}{text}" for name, (text, _) in _COMMANDS.items()]
    return "\n".join(
        [
            "usage: mdjax COMMAND [options]",
            "",
            "Modality distillation for RGB-thermal scene analysis.",
            "",
            *lines,
            "",
            "`mdjax COMMAND --help` explains each; `mdjax --version` prints the version.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
