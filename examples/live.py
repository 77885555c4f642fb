"""Predict what two cameras see, until one of them ends: `python examples/live.py runs/md 0 1`."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tyro

import mdjax


def read_frames(visible: str, thermal: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read pairs of frames, RGB and grey."""
    cameras = [cv2.VideoCapture(int(x) if x.isdecimal() else x) for x in (visible, thermal)]
    while all(camera.grab() for camera in cameras):  # at one moment, before either is decoded
        visible_bgr, thermal_bgr = (camera.retrieve()[1] for camera in cameras)
        yield cv2.cvtColor(visible_bgr, cv2.COLOR_BGR2RGB), thermal_bgr[..., 0]


def main(
    run_dir: tyro.conf.Positional[Path],
    visible: tyro.conf.Positional[str],
    thermal: tyro.conf.Positional[str],
) -> None:
    """Print class ids [h w] of each frame; or boxes, scores and classes of a detector.

    Args:
        run_dir: Run of the network.
        visible: Number of the visible camera, or a video.
        thermal: Number of the thermal camera, or a video.
    """
    for frame in mdjax.predict_frames(mdjax.load_network(run_dir), read_frames(visible, thermal)):
        print(frame.number, frame.problem or frame.prediction)


if __name__ == "__main__":
    tyro.cli(main)
