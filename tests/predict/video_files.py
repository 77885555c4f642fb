"""Small videos, as cameras write them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def write_frames(
    path: Path, frames: Sequence[np.ndarray], rate: float = 10, fourcc: str = "FFV1"
) -> Path:
    """RGB or grey frames of one size; FFV1 keeps them as they are, also those of 16 bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    depth: Any = cv2.CV_16U if frames[0].dtype == np.uint16 else cv2.CV_8U
    options = [
        *(cv2.VIDEOWRITER_PROP_IS_COLOR, int(frames[0].ndim == 3)),
        *(cv2.VIDEOWRITER_PROP_DEPTH, depth),
    ]
    code = cv2.VideoWriter.fourcc(*fourcc)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, rate, (width, height), options)
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def read_frames(path: Path) -> list[np.ndarray]:
    """RGB."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames: list[np.ndarray] = []
    while True:
        is_read, frame = capture.read()
        if not is_read:
            return frames
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
