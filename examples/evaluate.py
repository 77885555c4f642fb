"""Score a network with cheaper cameras: `python examples/evaluate.py runs/example/student`."""

from pathlib import Path

import tyro

import mdjax


def main(run_dir: tyro.conf.Positional[Path]) -> None:
    """Print the main score at each resolution.

    Args:
        run_dir: Run of a network that sees the camera's image, such as `mdjax distill` writes.
    """
    network = mdjax.load_network(run_dir)
    metric = network.config.task.get_main_metric(network.class_names)
    for resolution in ("16x", "64x", "256x"):
        scores = mdjax.evaluate_network(network, resolution=resolution).to_metrics()
        print(f"{resolution:>5}: {metric} {scores[metric]:.2f} %")


if __name__ == "__main__":
    tyro.cli(main)
