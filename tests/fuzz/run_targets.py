"""What reads the files of a run, and weights."""

import contextlib
import io
import shlex
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import jaxtyping

from mdjax.cli.main import main
from mdjax.io.checkpoint import read_metadata, restore_variables
from mdjax.io.metrics_log import read_metrics
from mdjax.io.run_directory import RunDirectory
from mdjax.io.torch_file import read_tensors
from mdjax.runs.provenance import Provenance, check_provenance
from mdjax.runs.results import read_result
from mdjax.runs.resuming import MAY_DIFFER_ON_RESUME, require_same_config
from mdjax.runs.stored_config import find_differences, read_run_config
from mdjax.types import MdjaxError
from tests.fuzz.fuzzer import Target

LAST = Path("checkpoints/last")
TORCH_FILES = Path(__file__).parent.parent / "golden" / "torch_files"
COMMAND_LINES = (
    "train synthetic-native RUN --data-dir NOWHERE --loop.num-steps 30 --seed 1",
    "distill mfnet-small-md RUN --teacher NOWHERE --method.semantic-weight 0.5 --resume",
    "evaluate RUN --resolution 16x --split test",
    "predict RUN image.png --thermal thermal.png --out-dir OUT",
    "prepare mfnet --raw NOWHERE --include-flips",
)


def read_checkpoint(folder: Path) -> Any:
    """Metadata and arrays."""
    return read_metadata(folder / LAST), restore_variables(folder / LAST)


def read_provenance(folder: Path) -> Any:
    """Compared with nothing: what the run began with is named as a difference."""
    try:
        check_provenance(RunDirectory(folder), Provenance("", ""))
    except MdjaxError as error:
        if "started with other" in str(error):
            return str(error)
        raise
    return "nothing"


def make_run_targets(run_dir: Path) -> tuple[Target, ...]:
    """List what reads the files of a run.

    Args:
        run_dir: A finished run; only read.
    """

    def copy(folder: Path) -> None:
        shutil.copytree(run_dir, folder, dirs_exist_ok=True)

    def read_config(folder: Path) -> Any:
        config = read_run_config(folder)
        require_same_config(folder, config)
        # Settings that touch no numbers may be edited.
        return find_differences(read_run_config(run_dir), config, MAY_DIFFER_ON_RESUME)

    def explain_log(name: str) -> str | None:
        return f"{name}: text in which people search; no result depends on it"

    return (
        Target("config.json", copy, read_config, ("config.json",), is_named=True),
        Target("provenance.json", copy, read_provenance, ("provenance.json",), is_named=True),
        Target(
            "result.json",
            copy,
            lambda folder: str(read_result(folder)),
            ("result.json",),
            is_named=True,
        ),
        Target(
            "metrics.jsonl",
            copy,
            lambda folder: read_metrics(folder / "metrics.jsonl"),
            ("metrics.jsonl",),
            is_named=True,
            explain=explain_log,
        ),
        Target(
            "checkpoint, JSON", copy, read_checkpoint, ("checkpoints/last/*.json",), is_named=True
        ),
        Target(
            "checkpoint, arrays",
            copy,
            read_checkpoint,
            ("checkpoints/last/arrays/**/*",),
            is_named=True,
        ),
    )


def write_weights(folder: Path) -> None:
    """Files of PyTorch and safetensors."""
    for path in TORCH_FILES.iterdir():
        shutil.copy(path, folder / path.name)


def read_weights(folder: Path) -> Any:
    """All tensors."""
    return [read_tensors(path) for path in sorted(folder.iterdir())]


def explain_weights(name: str) -> str | None:
    """Number by number, all values are possible."""
    return f"weights: the format of {Path(name).suffix} files has no checksum of its own"


def make_command_target(line: str) -> Target:
    """Return what runs a command line; it does not find the data that it asks for."""

    def write(folder: Path) -> None:
        (folder / "line.txt").write_text(line, encoding="utf-8")

    return Target(f"mdjax {line.split()[0]}", write, run_command)


def run_command(folder: Path) -> int:
    """Return the exit status of the command line in a file."""
    line = (folder / "line.txt").read_bytes()
    text = line.decode(errors="surrogateescape").replace("RUN", str(folder / "no_run"))
    try:
        arguments = shlex.split(text)
    except ValueError:  # A quotation mark without its other one never gets past a shell.
        return 2
    if {"-h", "--help", "--version"} & set(arguments) or not arguments:
        return 2
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        # Tyro fills dataclasses with marks of its own, which are of no annotated type.
        mock.patch.object(jaxtyping.config, "jaxtyping_disable", True),
    ):
        try:
            return main(arguments)
        except SystemExit as stop:
            return int(stop.code or 0)


WEIGHTS = Target("weights", write_weights, read_weights, is_named=True, explain=explain_weights)
COMMANDS = tuple(map(make_command_target, COMMAND_LINES))
