"""Pictures to PNG files."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from mdjax.types import MdjaxError


def save_label_png(labels_u8: UInt8[np.ndarray, "h w"], path: Path) -> None:
    """Write class ids as an 8-bit PNG of one channel, the format of MFNet's label files.

    Raises:
        MdjaxError: The file cannot be written.
    """
    _write_png(labels_u8, path)


def save_rgb_png(image_u8: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Write an RGB image as PNG.

    Raises:
        MdjaxError: The file cannot be written.
    """
    _write_png(np.ascontiguousarray(image_u8[..., ::-1]), path)  # OpenCV expects BGR.


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Raises:
        MdjaxError: The file cannot be written.
    """
    try:
        # Without the library's version in it, equal pictures are equal files.
        figure.savefig(path, format="png", metadata={"Software": None})
    except OSError as error:
        raise MdjaxError(f"{path}: the picture cannot be written: {error.strerror}.") from error


def _write_png(image: np.ndarray, path: Path) -> None:
    data = cv2.imencode(".png", image)[1]
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise MdjaxError(f"{path}: the picture cannot be written: {error.strerror}.") from error
