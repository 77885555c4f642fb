"""Small data sets for tests: records in memory and MFNet folders on disk."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

SPLIT_NAMES: dict[str, tuple[str, ...]] = {
    "train": ("00001D", "00002N", "00003D"),
    "val": ("00004N",),
    "test": ("00005D",),
}


def encode_png(image: np.ndarray) -> bytes:
    """PNG bytes of an array in OpenCV's channel order."""
    is_encoded, data = cv2.imencode(".png", image)
    assert is_encoded
    return data.tobytes()


def make_pair_u8(number: int, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Random BGR + thermal [h w 4] and labels [h w] in 0..8, other ones for each number."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (*size_hw, 4), np.uint8)
    return image, rng.integers(0, 9, size_hw, np.uint8)


def make_records(count: int, size_hw: tuple[int, int] = (12, 16)) -> list[dict]:
    """Records as a prepared data set yields them; record i has i in every thermal pixel."""
    records = []
    for i in range(count):
        image, labels = make_pair_u8(i, size_hw)
        image[..., 3] = i
        records.append(
            {
                "visible_thermal": encode_png(image),
                "labels": encode_png(labels),
                "name": f"{i:05d}{'N' if i % 2 else 'D'}".encode(),
                "is_night": bool(i % 2),
            }
        )
    return records


def make_textured_records(count: int, size_hw: tuple[int, int] = (12, 16)) -> list[dict]:
    """As `make_records`, with random thermal pixels."""
    return [
        record | {"visible_thermal": encode_png(make_pair_u8(100 + i, size_hw)[0])}
        for i, record in enumerate(make_records(count, size_hw))
    ]


def write_raw_mfnet(
    folder: Path,
    names: Mapping[str, Sequence[str]] = SPLIT_NAMES,
    size_hw: tuple[int, int] = (12, 16),
) -> Path:
    """Write a whole and faultless MFNet folder; returns it."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for split, split_names in names.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in split_names))
        for number, name in enumerate(split_names):
            image, labels = make_pair_u8(1000 * len(split) + number, size_hw)
            (folder / "images" / f"{name}.png").write_bytes(encode_png(image))
            (folder / "labels" / f"{name}.png").write_bytes(encode_png(labels))
    return folder
