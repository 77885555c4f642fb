"""The process of an engine: it loads a network, answers, and runs it as often as it is told to.

Nothing but NumPy is imported here, so that an engine needs no more time and memory than its own.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Run = Callable[[Mapping[str, np.ndarray]], Sequence[Any]]
"""From images by the name of the input to the outputs, which are there when it returns."""


@dataclass(frozen=True)
class Job:
    """What an engine runs.

    Attributes:
        model: File that it loads; "" where it needs none.
        images: NPZ file with a batch for each input, [b h w c].
        output_names: In the order of the answers.
        num_threads: At most.
        channels_first: Give images as [b c h w].
        details: What only this engine asks for.
    """

    model: str
    images: str
    output_names: tuple[str, ...]
    num_threads: int
    channels_first: bool
    details: Mapping[str, Any]


def serve(load: Callable[[Job], Run], *, answers_channels_first: bool) -> None:
    """Run an engine for the process that has started this one; ends when that one does.

    Its arguments are a JSON file with the `Job` and a file for the first answer. It reports on
    standard output, then takes orders from standard input: a line of JSON each, with the number of
    `passes` to be timed, or with files for `images` and `answers`.

    Args:
        load: Loads the network.
        answers_channels_first: Outputs of four axes are [b c h w].
    """
    # Whatever libraries print must not get between the reports.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job_file, answers_file = sys.argv[1:]
    job = Job(**json.loads(Path(job_file).read_text(encoding="utf-8")))
    _take_cores(job.num_threads)

    def report(**values: Any) -> None:
        print(json.dumps({**values, "peak_bytes": measure_peak_bytes()}), file=reports, flush=True)

    def answer(images: Mapping[str, np.ndarray], path: str) -> None:
        outputs = [np.asarray(x) for x in run(images)]
        if answers_channels_first:
            outputs = [x.transpose(0, 2, 3, 1) if x.ndim == 4 else x for x in outputs]
        np.savez(path, **dict(zip(job.output_names, outputs, strict=True)))

    run = load(job)
    images = read_images(job.images, channels_first=job.channels_first)
    run(images)
    report()
    answer(images, answers_file)
    report()
    for line in sys.stdin:
        order = json.loads(line)
        if "passes" in order:
            report(seconds=[_time(run, images) for _ in range(order["passes"])])
        else:
            shown = read_images(order["images"], channels_first=job.channels_first)
            answer(shown, order["answers"])
            report()


def read_images(path: str, *, channels_first: bool) -> dict[str, np.ndarray]:
    """Read a batch for each input in the order of axes that the engine takes."""
    if not path:
        return {}
    with np.load(path) as stored:
        images = {name: stored[name] for name in stored.files}
    if channels_first:
        return {name: np.ascontiguousarray(x.transpose(0, 3, 1, 2)) for name, x in images.items()}
    return images


def measure_peak_bytes() -> float | None:
    """Measure the most memory that this process has held; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():  # `ru_maxrss` would include what the process held that has started us.
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
        return None
    try:
        import resource
    except ImportError:  # Windows.
        return None
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # Bytes on macOS.


def _take_cores(num_threads: int) -> None:
    """XLA has no option for threads: it takes the cores of its process, or as many as NPROC."""
    os.environ["NPROC"] = str(num_threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:num_threads])


def _time(run: Run, images: Mapping[str, np.ndarray]) -> float:
    start = time.perf_counter()
    run(images)
    return time.perf_counter() - start
