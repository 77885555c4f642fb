"""Where the time of a training step goes: its operations, by kind and one by one.

    python -m experiments.profile_step                  # from the folder of the project

The step is run under JAX's profiler, and the time of each operation is looked up in what XLA made
of the program. Operations that run side by side on several cores are added, so the sum can exceed
the time of the step.
"""

import collections
import gzip
import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import jax
import tyro

from experiments.steps import Setting, compile_steps


@dataclass(frozen=True)
class Arguments:
    """What is profiled.

    Attributes:
        step: Which step; "student forward" is prediction alone.
        width: Of the networks.
        image_size_hw: Rows and columns.
        batch_size: Pairs of a step.
        num_runs: Runs that are averaged.
        num_listed: Operations in the second table.
    """

    step: Literal["teacher step", "student step", "distillation step", "student forward"] = (
        "distillation step"
    )
    width: float = 1.0
    image_size_hw: tuple[int, int] = (192, 256)
    batch_size: int = 4
    num_runs: int = 4
    num_listed: int = 20


class Operation(NamedTuple):
    """An operation of a compiled program."""

    kind: str
    shape: str
    source: str
    """Where in the network it comes from."""


_INSTRUCTION = re.compile(r"\s*(?:ROOT )?%?([\w.\-]+) = (.+?) ([\w\-]+)\(")
_SOURCE = re.compile(r'op_name="([^"]*)"')
# What XLA calls a fusion says little; the operation it was made for says more.
_KINDS = {
    "conv_general": "convolution",
    "reduce_window": "pooling",
    "select_and": "pooling, gradient",
    "BatchNorm": "batch norm",
    "bn": "batch norm",
    "resize": "resize",
}


def read_operations(program_text: str) -> dict[str, Operation]:
    """Read the operations of a compiled program by name."""
    operations = {}
    for line in program_text.splitlines():
        instruction = _INSTRUCTION.match(line)
        if instruction:
            name, shape, opcode = instruction.groups()
            source = _SOURCE.search(line)
            path = source[1] if source else ""
            kind = next((kind for part, kind in _KINDS.items() if part in path), None)
            last = path.split("/")[-1]
            operations[name] = Operation(kind or f"{opcode} {last}".strip(), shape, path)
    return operations


def measure_operations(trace: Mapping[str, object], num_runs: int) -> dict[str, float]:
    """Sum the milliseconds of each operation in a trace of several runs; return those of one."""
    milliseconds: dict[str, float] = collections.defaultdict(float)
    events: list[dict[str, float | str]] = trace["traceEvents"]  # pyright: ignore[reportAssignmentType]
    for event in events:
        if event.get("ph") == "X":
            milliseconds[str(event["name"])] += float(event["dur"]) / 1e3 / num_runs
    return milliseconds


def main() -> None:
    """Profile, and print both tables."""
    arguments = tyro.cli(Arguments, description=__doc__)
    setting = Setting(arguments.width, arguments.image_size_hw, arguments.batch_size)
    step = compile_steps(setting)[arguments.step]
    for _ in range(2):
        step.run()
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(arguments.num_runs):
                step.run()
        path = next(Path(folder).rglob("*.trace.json.gz"))
        trace = json.loads(gzip.decompress(path.read_bytes()))
    operations = read_operations(step.program.as_text())
    measured = {
        name: milliseconds
        for name, milliseconds in measure_operations(trace, arguments.num_runs).items()
        if name in operations
    }
    by_kind: dict[str, float] = collections.defaultdict(float)
    for name, milliseconds in measured.items():
        by_kind[operations[name].kind] += milliseconds
    total = sum(measured.values())
    print(f"{arguments.step}, {setting}: {total:.0f} ms in operations of one run\n")
    for kind, milliseconds in sorted(by_kind.items(), key=lambda item: -item[1])[:12]:
        print(f"{milliseconds:9.2f} ms {100 * milliseconds / total:4.0f} %  {kind}")
    print()
    longest = sorted(measured.items(), key=lambda item: -item[1])[: arguments.num_listed]
    for name, milliseconds in longest:
        operation = operations[name]
        print(f"{milliseconds:9.2f} ms  {operation.shape[:32]:32}  {operation.source[-90:]}")


if __name__ == "__main__":
    main()
