"""Predict one image pair: `python examples/predict.py runs/example/student colour.png heat.png`."""

from pathlib import Path
from typing import Any

import tyro

import mdjax
from mdjax.io.images import decode_thermal_counts, decode_visible

PathArgument = tyro.conf.Positional[Path]


def main(run_dir: PathArgument, visible: PathArgument, thermal: PathArgument) -> Any:
    """Return class ids [h w] of 8 bits; or boxes, scores and classes of a detector.

    Args:
        run_dir: Run of the network.
        visible: Colour image.
        thermal: Thermal image.
    """
    predict = mdjax.make_image_predictor(mdjax.load_network(run_dir))
    visible_u8 = decode_visible(visible.read_bytes(), visible.name)  # RGB; any array will do
    return predict(visible_u8, decode_thermal_counts(thermal.read_bytes(), thermal.name))


if __name__ == "__main__":
    print(tyro.cli(main))
