"""Small raw folders of annotated pairs for tests, and the lines of what is wrong with one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data_builders.checks.annotations import AnnotatedObject, RawPair
from data_builders.checks.faults import FaultyFilesError
from tests.data.factories import encode_png

SIZE_HW = (12, 16)
HEADER = "% bbGt version=3\n"


def encode_jpg(image: np.ndarray) -> bytes:
    is_encoded, data = cv2.imencode(".jpg", image)
    assert is_encoded
    return data.tobytes()


def make_image_u8(number: int, size_hw: tuple[int, int] = SIZE_HW, channels: int = 3) -> np.ndarray:
    shape = size_hw if channels == 1 else (*size_hw, channels)
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


def make_thermal_u16(number: int, size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    return np.random.default_rng(number).integers(7000, 9000, size_hw, np.uint16)


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_pair(visible_stem: Path, thermal_stem: Path, number: int = 0) -> None:
    """A visible JPEG and a thermal PNG of one channel, other ones for each number."""
    write(visible_stem.with_name(f"{visible_stem.name}.jpg"), encode_jpg(make_image_u8(number)))
    thermal = encode_png(make_image_u8(number + 50, channels=1))
    write(thermal_stem.with_name(f"{thermal_stem.name}.png"), thermal)


def write_kaist_pairs(folder: Path, names: Sequence[str]) -> Path:
    """KAIST's folder `images/` alone; returns `folder`."""
    for number, name in enumerate(names):
        video, _, image = name.rpartition("/")
        place = folder / "images" / video
        write_pair(place / "visible" / image, place / "lwir" / image, number)
    return folder


def write_list(path: Path, names: Sequence[str]) -> Path:
    return write(path, "".join(f"{name}\n" for name in names))


def write_annotations(folder: Path, boxes: Mapping[str, Sequence[str]]) -> Path:
    """Annotation files by name without ending, a line for each `label x y w h occlusion`."""
    for name, lines in boxes.items():
        text = "".join(f"{line} 0 0 0 0 0 0\n" for line in lines)
        write(folder / f"{name}.txt", HEADER + text)
    return folder


def write_msrs(folder: Path, train: Sequence[str], test: Sequence[str]) -> Path:
    """An MSRS folder without label maps; each image has a person in its left half and a car."""
    write(folder / "classes.txt", "person\nbicycle\ncar\n")
    for part, names in (("train", train), ("test", test)):
        for number, name in enumerate(names):
            place = folder / part
            write_pair(place / "vi" / name, place / "ir" / name, number + 1000 * len(part))
            write(place / "labels" / f"{name}.txt", "0 .25 .5 .5 1\n2 .5 .5 .25 .5\n")
    return folder


def write_rgbt(folder: Path, names: Mapping[str, Sequence[str]]) -> Path:
    """`visible/`, `thermal/`, lists by split and two classes; no annotations."""
    write(folder / "classes.txt", "deer\nboar\n")
    for split, split_names in names.items():
        write_list(folder / f"{split}.txt", split_names)
        for number, name in enumerate(split_names):
            number += 1000 * len(split)
            write_pair(folder / "visible" / name, folder / "thermal" / name, number)
    return folder


def get_objects(pair: RawPair) -> tuple[AnnotatedObject, ...]:
    """The boxes of a pair of a data set that has boxes."""
    assert pair.objects is not None
    return pair.objects


def get_thermal(pair: RawPair) -> Path:
    """The thermal image of a pair that has it in a file of its own."""
    assert pair.thermal is not None
    return pair.thermal


def get_problems(check: Callable[..., Any], *arguments: Any, **options: Any) -> list[str]:
    """All that a check finds wrong."""
    with pytest.raises(FaultyFilesError, match="nothing was written") as error:
        check(*arguments, **options)
    return list(error.value.problems)
