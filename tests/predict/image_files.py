"""Image files of your own, as people have them."""

from pathlib import Path

import cv2
import numpy as np

from mdjax.data.thermal_camera import ThermalCamera, simulate_camera
from tests.data.factories import encode_png

SIZE_HW = (32, 48)


def make_visible_u8(number: int = 0, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Random RGB, another one for each number."""
    return np.random.default_rng([0, number]).integers(0, 256, (*size_hw, 3), np.uint8)


def make_thermal_u8(number: int = 0, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    return np.random.default_rng([1, number]).integers(0, 256, size_hw, np.uint8)


def write_visible(path: Path, visible_u8: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(cv2.cvtColor(visible_u8, cv2.COLOR_RGB2BGR)))
    return path


def write_thermal(path: Path, thermal_u8: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_png(thermal_u8))
    return path


def write_four_channels(path: Path, visible_u8: np.ndarray, thermal_u8: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr_u8 = cv2.cvtColor(visible_u8, cv2.COLOR_RGB2BGR)
    path.write_bytes(encode_png(np.dstack([bgr_u8, thermal_u8])))
    return path


def write_folders(folder: Path, num_pairs: int) -> tuple[Path, Path]:
    """Folders `visible` and `thermal` with pairs called a, b, c..."""
    for number in range(num_pairs):
        name = f"{chr(ord('a') + number)}.png"
        write_visible(folder / "visible" / name, make_visible_u8(number))
        write_thermal(folder / "thermal" / name, make_thermal_u8(number))
    return folder / "visible", folder / "thermal"


def read_image(path: Path) -> np.ndarray:
    """As stored: grey, or BGR."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


def to_float(image_u8: np.ndarray) -> np.ndarray:
    return image_u8.astype(np.float32) / 255


def see_through_camera(thermal_u8: np.ndarray) -> np.ndarray:
    return simulate_camera(to_float(thermal_u8), ThermalCamera("16x"))
