"""`mdjax`: the commands, and how their errors reach a person."""

import logging
import os
import sys
from collections.abc import Callable, Sequence

from mdjax import __version__
from mdjax.types import MdjaxError

# What a shell reports of a program that was stopped by Ctrl-C.
EXIT_INTERRUPTED = 130
# The same of one whose reader has gone away, as in `mdjax train --help | head`.
EXIT_BROKEN_PIPE = 141
EXIT_BAD_INPUT = 2


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
    try:
        return _COMMANDS[name][1](rest)
    except MdjaxError as error:
        print(f"mdjax {name}: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt as stop:
        print(f"mdjax {name}: {str(stop) or 'stopped'}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


def _quieten_libraries() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.getLogger("absl").setLevel(logging.ERROR)


# Each command imports what it needs when it runs, so that `mdjax --help` answers at once.


def _prepare(arguments: Sequence[str]) -> int:
    from mdjax.cli.prepare import run_prepare

    return run_prepare(arguments)


def _train(arguments: Sequence[str]) -> int:
    from mdjax.cli.train import run_train

    return run_train(arguments)


def _distill(arguments: Sequence[str]) -> int:
    from mdjax.cli.train import run_distill

    return run_distill(arguments)


def _fuse(arguments: Sequence[str]) -> int:
    from mdjax.cli.fuse import run_fuse

    return run_fuse(arguments)


def _evaluate(arguments: Sequence[str]) -> int:
    from mdjax.cli.evaluate import run_evaluate

    return run_evaluate(arguments)


def _predict(arguments: Sequence[str]) -> int:
    from mdjax.cli.predict import run_predict

    return run_predict(arguments)


def _score_detections(arguments: Sequence[str]) -> int:
    from mdjax.cli.score_detections import run_score_detections

    return run_score_detections(arguments)


def _demo(arguments: Sequence[str]) -> int:
    from mdjax.cli.demo import run_demo

    return run_demo(arguments)


def _doctor(arguments: Sequence[str]) -> int:
    import tyro

    from mdjax.cli.doctor import Doctor, run_doctor_command

    return run_doctor_command(tyro.cli(Doctor, args=arguments, prog="mdjax doctor"))


_COMMANDS: dict[str, tuple[str, Callable[[Sequence[str]], int]]] = {
    "prepare": ("check and package a data set for training", _prepare),
    "train": ("train a teacher, a native student or another baseline", _train),
    "distill": ("train a student from a teacher by modality distillation", _distill),
    "fuse": ("average two trained networks: decision-level fusion", _fuse),
    "evaluate": ("score a trained network on a split", _evaluate),
    "predict": ("label images of your own, or find objects in them", _predict),
    "score-detections": ("score a detection file as KAIST is scored", _score_detections),
    "demo": ("watch modality distillation happen on generated scenes", _demo),
    "doctor": ("check installation, devices, data and disk", _doctor),
}


def _format_help() -> str:
    lines = [f"  {name:18}{text}" for name, (text, _) in _COMMANDS.items()]
    return "\n".join(
        [
            "usage: mdjax COMMAND [options]",
            "",
            "Modality distillation of RGB-thermal scene analysis.",
            "",
            *lines,
            "",
            "`mdjax COMMAND --help` explains each; `mdjax --version` tells the version.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
