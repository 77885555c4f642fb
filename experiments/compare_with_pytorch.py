"""Training steps and the student's forward pass against the same networks in eager PyTorch.

    pip install torch                                   # optional: nothing else needs it
    python -m experiments.compare_with_pytorch          # from the folder of the project

The PyTorch twin of `tests/golden` and ours take turns in one process, so that a busy machine slows
both alike; the twin runs in both memory formats, and the better one counts. A line has the median
seconds of both, the median of the ratios of the rounds, and the share of the machine's peak, which
is measured with a product of two large matrices.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import tyro

from experiments.steps import NUM_CLASSES, STEPS, Setting, compile_steps
from mdjax.io.json_file import write_json
from mdjax.runs.results import describe_environment
from tests.golden.torch_losses import (
    compute_cross_entropy,
    compute_dice,
    compute_focal_mse,
    compute_foreground,
)
from tests.golden.torch_networks import Student as TorchStudent
from tests.golden.torch_networks import Teacher as TorchTeacher

RESULTS_DIR = Path(__file__).parent / "results"
COMMAND = "python -m experiments.compare_with_pytorch"
Run = Callable[[], Any]

SETTINGS = (
    Setting(1.0, (192, 256), 4),
    Setting(0.25, (192, 256), 4),
    Setting(1.0, (96, 128), 8),
    Setting(0.25, (96, 128), 8),
)


@dataclass(frozen=True)
class Arguments:
    """How long to measure.

    Attributes:
        num_rounds: Timed repetitions of each.
        num_threads: Of PyTorch; ours takes the cores that the process may use.
        avx2: Limit XLA and PyTorch's oneDNN to AVX2, as on processors that lack AVX-512; PyTorch's
            other kernels are not limited.
    """

    num_rounds: int = 7
    num_threads: int = 2
    avx2: bool = False


def main() -> None:
    """Measure, print the table and write the JSON."""
    arguments = tyro.cli(Arguments, description=__doc__)
    if arguments.avx2:  # Both look when they first compute.
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa=AVX2"
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX2"
    torch.set_num_threads(arguments.num_threads)
    peak = measure_peak()
    print(f"peak {peak / 1e9:.0f} GFLOP/s")
    rows = []
    for setting in SETTINGS:
        ours = compile_steps(setting)
        theirs = [make_theirs(setting, layout) for layout in torch_layouts()]
        for name in STEPS:
            rows.append(
                {"setting": str(setting), "what": name, "flops": ours[name].flops}
                | compare(ours[name].run, [runs[name] for runs in theirs], arguments.num_rounds)
            )
            rows[-1]["share_of_peak"] = ours[name].flops / rows[-1]["ours_s"] / peak
            print_row(rows[-1])
    write_json(
        RESULTS_DIR / ("pytorch_avx2.json" if arguments.avx2 else "pytorch.json"),
        {
            "command": " ".join([COMMAND, *sys.argv[1:]]),
            "environment": {**describe_environment(), "torch": torch.__version__},
            "peak_flop_per_s": peak,
            "rows": rows,
        },
    )


def torch_layouts() -> tuple[Any, ...]:
    """List the memory formats that PyTorch's convolutions take."""
    return torch.contiguous_format, torch.channels_last


def measure_peak(size: int = 2048) -> float:
    """Return the operations a second of a product of two matrices in float32."""
    matrix = jnp.ones((size, size))
    product = jax.jit(jnp.matmul)
    seconds = [_time(lambda: jax.block_until_ready(product(matrix, matrix))) for _ in range(9)]
    return 2 * size**3 / statistics.median(seconds[1:])


def make_theirs(setting: Setting, layout: Any) -> dict[str, Run]:
    """Build the steps of the twin in one memory format."""
    height, width = setting.image_size_hw
    base, b = round(64 * setting.width), setting.batch_size
    teacher, student = TorchTeacher(base, 4, (4,)), TorchStudent(base, 4, (4,), "c4")
    rng = np.random.default_rng(0)
    visible, thermal = (
        torch.tensor(rng.random((b, c, height, width)), dtype=torch.float32).to(
            memory_format=layout
        )
        for c in (3, 1)
    )
    labels = torch.tensor(rng.integers(0, NUM_CLASSES, (b, height, width)))
    for module in (teacher, student):
        module.to(memory_format=layout)
    optimisers = {
        id(module): torch.optim.SGD(
            module.parameters(), lr=1e-6, momentum=0.9, nesterov=True, weight_decay=1e-4
        )
        for module in (teacher, student)
    }

    def learn(module: Any, loss: Any) -> None:
        optimisers[id(module)].zero_grad()
        loss.backward()
        optimisers[id(module)].step()

    def step_teacher() -> None:
        out = teacher.train()(visible, thermal)
        size = (out["mask"].shape[2], out["mask"].shape[3])
        foreground = compute_foreground(labels, size).float()
        masks = [torch.sigmoid(out[f"intra_{name}"]) for name in ("visible", "thermal")]
        intra = compute_dice(masks[0], foreground) + compute_dice(masks[1], foreground)
        better = ((masks[0] - foreground).abs() > (masks[1] - foreground).abs()).long()[:, 0]
        inter = torch.nn.functional.cross_entropy(out["inter"], better.detach())
        task = compute_cross_entropy(out["prediction"], labels)
        learn(teacher, task + 0.1 * (intra + inter))

    def step_student() -> None:
        out = student.train()(visible, thermal)
        learn(student, compute_cross_entropy(out["prediction"], labels))

    def distil() -> None:
        with torch.no_grad():
            taught = teacher.eval()(visible, thermal)
        out = student.train()(visible, thermal)
        semantic, _ = compute_focal_mse(out["c4"], taught["c4"], "mean", False)
        task = compute_cross_entropy(out["prediction"], labels)
        learn(student, task + compute_dice(out["mask"], taught["mask"]) + semantic)

    def predict() -> None:
        with torch.no_grad():
            student.eval()(visible, thermal)

    return dict(zip(STEPS, (step_teacher, step_student, distil, predict), strict=True))


def compare(ours: Run, theirs: list[Run], num_rounds: int) -> dict[str, Any]:
    """Time in turns; of the twin's memory formats the better one counts."""
    runs = [ours, *theirs]
    for run in runs:
        run()
    seconds = [[_time(run) for run in runs] for _ in range(num_rounds)]
    medians = [statistics.median(times) for times in zip(*seconds, strict=True)]
    best = min(range(1, len(runs)), key=lambda i: medians[i])
    return {
        "ours_s": medians[0],
        "pytorch_s": medians[best],
        "pytorch_layout": str(torch_layouts()[best - 1]).removeprefix("torch."),
        "ratio": statistics.median(times[0] / times[best] for times in seconds),
    }


def print_row(row: dict[str, Any]) -> None:
    """Print one line of the table."""
    print(
        f"{row['setting']:32} {row['what']:18} ours {row['ours_s']:.3f} s, PyTorch "
        f"{row['pytorch_s']:.3f} s ({row['pytorch_layout']}), ratio {row['ratio']:.2f}, "
        f"{100 * row['share_of_peak']:.0f} % of peak",
        flush=True,
    )


def _time(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
