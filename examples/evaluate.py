"""Score a trained network with cheaper cameras: `python examples/evaluate.py runs/student`."""

import sys
from pathlib import Path

import mdjax

network = mdjax.load_network(Path(sys.argv[1]))
metric = network.config.task.get_main_metric(network.class_names)
for resolution in ("16x", "64x", "256x"):
    scores = mdjax.evaluate_network(network, resolution=resolution).to_metrics()
    print(f"{resolution:>5}: {metric} {scores[metric]:.2f} %")
