"""Pictures to PNG files, and figures as other formats need them."""

import io
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

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

    Names are drawn as they are: "$" begins no formula, and letters that the font does not have
    become boxes without a warning.

    Raises:
        MdjaxError: The file cannot be written, or the picture not drawn, as without any font.
    """
    try:
        # Without the library's version in it, equal pictures are equal files.
        draw_figure(figure, path, name=str(path), format="png", metadata={"Software": None})
    except OSError as error:
        raise MdjaxError(f"{path}: the picture cannot be written: {error.strerror}.") from error


def draw_figure(figure: Figure, target: Path | io.BytesIO, *, name: str, **options: Any) -> None:
    """Draw a figure with the options of `Figure.savefig`; names as `save_figure` does.

    Raises:
        MdjaxError: It cannot be drawn, as without any font.
        OSError: The target cannot be written.
    """
    for text in _find_texts(figure):
        text.set_parse_math(False)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            figure.savefig(target, **options)
    except (RuntimeError, ValueError) as error:
        raise MdjaxError(
            f"{name}: the picture cannot be drawn: {error}. Check matplotlib and its fonts."
        ) from error


def _find_texts(figure: Figure) -> list[Text]:
    """All texts but the labels of ticks, which are formulas: 10 to the power of -2."""
    ticks: set[int] = set()
    for axes in figure.findobj(Axes):
        assert isinstance(axes, Axes)
        for axis in (axes.xaxis, axes.yaxis):
            ticks |= {id(text) for minor in (False, True) for text in axis.get_ticklabels(minor)}
    return [x for x in figure.findobj(Text) if isinstance(x, Text) and id(x) not in ticks]


def _write_png(image: np.ndarray, path: Path) -> None:
    data = cv2.imencode(".png", image)[1]
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise MdjaxError(f"{path}: the picture cannot be written: {error.strerror}.") from error
