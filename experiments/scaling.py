"""Time of a distillation step over the pixels of an image, the pairs of a batch and the devices.

    python -m experiments.scaling                        # on the devices that there are
    python -m experiments.scaling --simulated-devices 8  # on one CPU, which they then share

Untrained networks on random images: speed does not depend on weights. Each point is the median of
several steps, each waited for; compilation is excluded. The networks are those of `mfnet-*`, or
narrower ones by `--width`.
"""

import itertools
import os
import statistics
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import tyro


@dataclass(frozen=True)
class Arguments:
    """What to measure.

    Attributes:
        sizes_hw: Rows and columns of the images, in turns: 96 128 192 256 is two sizes.
        pairs_per_device: Pairs of a batch on each device.
        devices: Numbers of devices; by default one, and all that there are.
        width: Width of the networks, 1 for the paper's.
        num_steps: Timed steps of each point.
        simulated_devices: Let one CPU stand for so many devices.
        out: JSON file for the numbers.
    """

    sizes_hw: tuple[tuple[int, int], ...] = ((96, 128), (192, 256))
    pairs_per_device: tuple[int, ...] = (1, 2, 4)
    devices: tuple[int, ...] = ()
    width: float = 0.25
    num_steps: int = 5
    simulated_devices: int = 0
    out: Path | None = None


def main() -> None:
    """Measure all points and print them as a table."""
    arguments = tyro.cli(Arguments, description=__doc__)
    if arguments.simulated_devices:  # Before JAX is loaded.
        flag = f"--xla_force_host_platform_device_count={arguments.simulated_devices}"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}"
    import jax

    from mdjax.io.json_file import write_json
    from mdjax.runs.results import describe_environment

    counts = arguments.devices or tuple(dict.fromkeys((1, len(jax.devices()))))
    rows = []
    print(f"{'size':>9}{'devices':>9}{'pairs':>7}{'ms/step':>10}{'pairs/s':>9}{'ns/pixel':>10}")
    for (height, width), count, pairs in itertools.product(
        arguments.sizes_hw, counts, arguments.pairs_per_device
    ):
        seconds = time_steps(
            (height, width), pairs * count, count, arguments.width, arguments.num_steps
        )
        row = {
            "size_hw": [height, width],
            "num_devices": count,
            "batch_size": pairs * count,
            "seconds_per_step": seconds,
            "pairs_per_second": pairs * count / seconds,
            "nanoseconds_per_pixel": 1e9 * seconds / (pairs * count * height * width),
        }
        rows.append(row)
        print(
            f"{f'{width}x{height}':>9}{count:>9}{pairs * count:>7}{1e3 * seconds:>10.1f}"
            f"{row['pairs_per_second']:>9.2f}{row['nanoseconds_per_pixel']:>10.1f}",
            flush=True,
        )
    if arguments.out:
        write_json(arguments.out, {"environment": describe_environment(), "points": rows})


def time_steps(
    size_hw: tuple[int, int], batch_size: int, num_devices: int, width: float, num_steps: int
) -> float:
    """Return the median time in seconds of a distillation step with its batch spread over devices.

    Args:
        size_hw: Rows and columns of the images.
        batch_size: Pairs of the whole batch.
        num_devices: How many devices share it.
        width: Width of the networks.
        num_steps: Timed steps, after one that compiles.
    """
    import jax

    from experiments.benchmark import make_example, make_step_and_state
    from mdjax.models.config import MdStudentConfig
    from mdjax.recipes import configure_mfnet
    from mdjax.runs.config import DistillConfig
    from mdjax.train.devices import create_data_mesh, make_batch_sharding, replicate

    config: Any = configure_mfnet(DistillConfig(), MdStudentConfig)
    backbone = replace(config.network.backbone, width=width)
    config = replace(config, network=replace(config.network, backbone=backbone))
    mesh = create_data_mesh(batch_size, jax.devices()[:num_devices])
    step, state = make_step_and_state(config, make_example(1, size_hw))
    teacher_variables, key = step.args  # `make_distill_step` returns a partial
    step = partial(step.func, replicate(teacher_variables, mesh), key)
    state = replicate(state, mesh)
    batch = jax.device_put(make_example(batch_size, size_hw), make_batch_sharding(mesh))
    seconds = []
    for _ in range(num_steps + 1):
        start = time.perf_counter()
        state, metrics = step(state, batch)
        jax.block_until_ready((state, metrics))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
