"""`mdjax benchmark`: what networks cost in each engine, and whether engines say the same."""

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import tyro

from mdjax.benchmark.cores import count_cores
from mdjax.benchmark.engine import ENGINES, Engine, find_installed
from mdjax.benchmark.figure import check_sizes, draw_costs
from mdjax.benchmark.measuring import measure_in_turn
from mdjax.benchmark.report import Row, format_tables, make_rows, to_dict
from mdjax.benchmark.same_images import compare_on_images, format_agreements
from mdjax.benchmark.subject import RunSubject, Sizes, Subject, list_subjects, list_untrained
from mdjax.cli.options import parse_options
from mdjax.cli.output import print_json, show_on_stderr
from mdjax.io.json_file import write_json
from mdjax.presets import get_preset
from mdjax.runs.loading import CheckpointName
from mdjax.runs.results import describe_environment
from mdjax.types import MdjaxError

if TYPE_CHECKING:
    EngineName: TypeAlias = str
else:
    EngineName = tyro.extras.literal_type_from_choices(list(ENGINES))


@dataclass(frozen=True)
class Benchmark:
    """Measure what networks cost in each engine, in turn: time, memory, cold start.

    Each engine runs in a process of its own, and each first has to answer as JAX does. Networks
    are those of run directories and exports; several stand side by side, the first one being what
    the others are compared with. With --presets, networks are measured before they are trained.

    Attributes:
        networks: Run directories and exported folders.
        presets: Presets of `mdjax train`, such as mfnet-student: with random weights, which cost
            as much as trained ones.
        sizes: Sizes of the images, such as 640x512; by default as in training.
        resolutions: Of the thermal camera, such as 16x, full or lepton-3.5; by default as in
            training.
        engines: jax is the network as trained; stablehlo, onnx and openvino run what `mdjax
            export` writes; torch is the same network in PyTorch. What is not installed is left out.
        baseline: Engine that the others are compared with; by default the first of --engines.
        batch_sizes: Pairs of a batch; latency is that of the first.
        seconds: Time for the timed passes, for each size of batch and images.
        threads: Of each engine; by default one for each core.
        num_classes: Classes of a pixel, for presets that label pixels.
        checkpoint: The last state, or the best on the validation split.
        agreement: Instead of time, put so many pairs of the split that was scored through all
            engines, and tell how far they agree with JAX.
        data_dir: For --agreement: folder of prepared data sets; by default as in training.
        plot: PNG file for milliseconds over pixels; give several --sizes or --resolutions.
        out: JSON file for all numbers.
        json: Print one JSON object instead of the table.
    """

    networks: tyro.conf.Positional[
        Annotated[tuple[Path, ...], tyro.conf.arg(metavar="[RUN_OR_EXPORTED ...]")]
    ] = ()
    presets: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    engines: tuple[EngineName, ...] = tuple(ENGINES)
    baseline: EngineName | None = None
    batch_sizes: tuple[int, ...] = (1, 8)
    seconds: float = 60.0
    threads: int | None = None
    num_classes: int = 9
    checkpoint: CheckpointName = "last"
    agreement: int = 0
    data_dir: Path | None = None
    plot: Path | None = None
    out: Path | None = None
    json: bool = False


def run_benchmark(arguments: Sequence[str]) -> int:
    """Run `mdjax benchmark RUN_OR_EXPORTED... [options]`."""
    command: Benchmark = parse_options(Benchmark, arguments, prog="mdjax benchmark")
    _check(command)
    engines, missing = find_installed(command.engines)
    for line in missing:
        show_on_stderr(line)
    if not engines:
        raise MdjaxError("no engine of --engines is installed; install one, or give others.")
    facts = {
        "command": shlex.join(["mdjax", "benchmark", *arguments]),
        "environment": describe_environment(),
        "num_threads": command.threads or count_cores(),
        "left_out": missing,
    }
    with tempfile.TemporaryDirectory(prefix="mdjax-benchmark-") as folder:
        subjects = _list_subjects(command, Path(folder))
        if command.plot is not None:
            check_sizes((subject.sizes_wh for subject in subjects), command.plot)
        rows: list[Row] = []
        if command.agreement:
            values, text = _compare(command, subjects, engines, Path(folder))
        else:
            rows, values, text = _measure(command, subjects, engines, Path(folder))
    values = {**facts, **values}
    if command.out is not None:
        write_json(command.out, values)
    if command.json:
        print_json(values)
    else:
        print(text)
    if command.plot is not None:  # Last: whatever becomes of the figure, no number is lost.
        draw_costs(rows, command.plot)
    return 0


def _check(command: Benchmark) -> None:
    if not command.networks and not command.presets:
        raise MdjaxError("give run directories or exported folders, or --presets.")
    for name, values in (
        ("batch-sizes", command.batch_sizes),
        ("threads", (command.threads or 1,)),
    ):
        if not values or min(values) < 1:
            raise MdjaxError(f"--{name}: give 1 or more.")
    for name, values in (
        ("networks", command.networks),
        ("--presets", command.presets),
        ("--sizes", command.sizes),
        ("--resolutions", command.resolutions),
        ("--batch-sizes", command.batch_sizes),
    ):
        if len(set(values)) < len(values):
            raise MdjaxError(f"{name}: give each once.")
    if not 0 < command.seconds < float("inf"):
        raise MdjaxError(f"--seconds is {command.seconds}; give more than 0.")
    if command.agreement < 0:
        raise MdjaxError(f"--agreement is {command.agreement}; give a number of image pairs.")
    if command.agreement and command.presets:
        raise MdjaxError("--agreement is of trained networks; omit --presets.")
    if command.agreement and command.plot is not None:
        raise MdjaxError("--plot draws times, which --agreement does not measure; omit one.")
    if command.baseline is not None and command.baseline not in command.engines:
        raise MdjaxError(
            f"--baseline {command.baseline} is none of --engines ({', '.join(command.engines)}); "
            "add it, or give one of these."
        )
    if command.data_dir is not None and not command.agreement:
        raise MdjaxError("--data-dir is for --agreement; add it, or omit this.")
    for path in (command.plot, command.out):
        if path is not None and not path.absolute().parent.is_dir():
            raise MdjaxError(f"{path}: there is no such folder to write to.")


def _list_subjects(command: Benchmark, folder: Path) -> list[Subject]:
    sizes = Sizes(tuple(map(_read_size, command.sizes)), command.resolutions)
    subjects: list[Subject] = []
    for path in command.networks:
        subjects += list_subjects(path, sizes, command.checkpoint)
    for name in command.presets:
        config = get_preset(name)
        place = folder / name
        subjects += list_untrained(name, config, command.num_classes, sizes, place)
    return subjects


def _read_size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise MdjaxError(f"--sizes {text}: give WIDTHxHEIGHT in pixels, such as 640x512.")
    return int(height), int(width)


def _measure(
    command: Benchmark, subjects: Sequence[Subject], engines: Sequence[Engine], folder: Path
) -> tuple[list[Row], dict[str, Any], str]:
    """Networks at one size take turns; each size and each size of batch follow the other."""
    rows: list[Row] = []
    peaks: list[float | None] = []
    groups: dict[Any, list[Subject]] = {}
    for subject in subjects:
        groups.setdefault(subject.sizes, []).append(subject)
    num_threads = command.threads or count_cores()
    baseline = command.baseline or engines[0].name
    for index, (of_size, batch_size) in enumerate(
        (of_size, batch_size) for of_size in groups.values() for batch_size in command.batch_sizes
    ):
        place = folder / f"group{index}"
        networks = []
        for number, subject in enumerate(of_size):
            show_on_stderr(f"writing the models of {subject}, batch {batch_size}")
            networks.append(
                subject.prepare(
                    place / f"models{number}",
                    engines,
                    batch_size=batch_size,
                    num_threads=num_threads,
                )
            )
        group = measure_in_turn(
            networks,
            engines,
            place,
            seconds=command.seconds,
            num_threads=num_threads,
            show=show_on_stderr,
        )
        rows += make_rows(group, baseline)
        peaks.append(group.peak_flops)
    text = format_tables(rows, baseline)
    if timed := [peak for peak in peaks if peak is not None]:
        text += f"\n\nproduct of matrices: {max(timed) / 1e9:.0f} GFLOP/s, {num_threads} threads"
    return rows, to_dict(rows, peaks), text


def _compare(
    command: Benchmark, subjects: Sequence[Subject], engines: Sequence[Engine], folder: Path
) -> tuple[dict[str, Any], str]:
    found = []
    for number, subject in enumerate(subjects):
        if not isinstance(subject, RunSubject):
            raise MdjaxError(
                f"{subject}: an export does not know how its data set is read; give the run "
                "directory to --agreement."
            )
        found += compare_on_images(
            subject,
            engines,
            folder / f"agreement{number}",
            num_pairs=command.agreement,
            data_dir=command.data_dir,
            num_threads=command.threads or count_cores(),
            show=show_on_stderr,
        )
    return {"agreement": [x.to_dict() for x in found]}, format_agreements(found)
