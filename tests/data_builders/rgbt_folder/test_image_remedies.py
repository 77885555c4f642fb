"""What a message about images and masks tells a person to do is accepted."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.data.factories import encode_png
from tests.data_builders.raw_pairs import (
    encode_jpg,
    make_image_u8,
    make_thermal_u16,
    write,
)
from tests.data_builders.rgbt_folder.remedies import (
    Case,
    check_case,
    write_raw,
)


def write_masks(raw_dir: Path, mask: np.ndarray) -> None:
    for name in "abcd":
        write(raw_dir / "masks" / f"{name}.png", encode_png(mask))


def thermal_image_of_another_aspect(raw_dir: Path) -> Case:
    """Larger as well: to scale it down first would be refused again."""
    thermal = make_image_u8(5, (20, 20), channels=1)
    write(raw_dir / "thermal/a.png", encode_png(thermal))
    (problem,) = yield "cut the thermal one to its 20x15 pixels, and scale it down to the visible"
    width, height = map(int, re.findall(r"to its (\d+)x(\d+)", problem)[0])
    write(raw_dir / "thermal/a.png", encode_png(cv2.resize(thermal[:height, :width], (16, 12))))


def thermal_image_of_another_aspect_and_few_pixels(raw_dir: Path) -> Case:
    thermal = make_image_u8(5, (12, 12), channels=1)
    write(raw_dir / "thermal/a.png", encode_png(thermal))
    (problem,) = yield "cut the thermal one to its 12x9 pixels."
    width, height = map(int, re.findall(r"to its (\d+)x(\d+)", problem)[0])
    write(raw_dir / "thermal/a.png", encode_png(thermal[:height, :width]))


def larger_thermal_image(raw_dir: Path) -> Case:
    thermal = make_image_u8(5, (24, 32), channels=1)
    write(raw_dir / "thermal/a.png", encode_png(thermal))
    yield "scale it down to 16x12 or less"
    write(raw_dir / "thermal/a.png", encode_png(cv2.resize(thermal, (16, 12))))


def false_colours(raw_dir: Path) -> Case:
    thermal = make_image_u8(5, channels=1)
    coloured = cv2.applyColorMap(thermal, cv2.COLORMAP_INFERNO)
    write(raw_dir / "thermal/a.png", encode_png(coloured))
    yield "export it without a colour map"
    write(raw_dir / "thermal/a.png", encode_png(thermal))


def temperatures_as_fractions(raw_dir: Path) -> Case:
    """Here with 8 bits, as the other images have."""
    thermal = make_image_u8(5, channels=1)
    write(raw_dir / "thermal/a.tif", cv2.imencode(".tiff", thermal + np.float32(0.5))[1].tobytes())
    (raw_dir / "thermal/a.png").unlink()
    yield "holds fractions (float32), such as temperatures; save them as counts of 16 bits (such"
    write(raw_dir / "thermal/a.tif", cv2.imencode(".tiff", thermal)[1].tobytes())


def three_channels_of_16_bits(raw_dir: Path) -> Case:
    for i, name in enumerate("abcd"):
        thermal = np.dstack([make_thermal_u16(i)] * 3)
        write(raw_dir / f"thermal/{name}.png", encode_png(thermal))
    yield "save one of them alone"
    for i, name in enumerate("abcd"):
        write(raw_dir / f"thermal/{name}.png", encode_png(make_thermal_u16(i)))


def transparency(raw_dir: Path) -> Case:
    pixels = make_image_u8(5, channels=4)
    write(raw_dir / "visible/a.png", encode_png(pixels))
    (raw_dir / "visible/a.jpg").unlink()
    yield "this one has 4; save it without transparency"
    write(raw_dir / "visible/a.png", encode_png(pixels[..., :3]))


def grey_visible_image(raw_dir: Path) -> Case:
    pixels = make_image_u8(5, channels=1)
    write(raw_dir / "visible/a.jpg", encode_jpg(pixels))
    yield "give the colour image (a camera without colour: three equal channels)"
    write(raw_dir / "visible/a.jpg", encode_jpg(np.dstack([pixels] * 3)))


def masks_in_colours(raw_dir: Path) -> Case:
    """OpenCV takes blue first."""
    shutil.rmtree(raw_dir / "labels")
    mask = np.eye(12, 16, dtype=np.uint8)
    write_masks(raw_dir, np.dstack([0 * mask, 64 * mask, 128 * mask]))
    yield "has colours (0,0,0 128,64,0); write what they mean into labelmap.txt with a line NAME:"
    write(raw_dir / "labelmap.txt", "deer:0,0,0\nboar:128,64,0\n")


def colour_that_is_not_listed(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    mask = np.eye(12, 16, dtype=np.uint8)
    write_masks(raw_dir, np.dstack([0 * mask, 64 * mask, 128 * mask]))
    write(raw_dir / "labelmap.txt", "deer:0,0,0\n")
    yield "6.25% of its pixels have colours that labelmap.txt does not list (128,64,0); add a line"
    write(raw_dir / "labelmap.txt", "deer:0,0,0\nboar:128,64,0\n")


def colour_that_is_not_counted(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    mask = np.eye(12, 16, dtype=np.uint8)
    mask[0] = 3
    write_masks(raw_dir, np.dstack([0 * mask, 64 * mask, 64 * mask]))
    write(raw_dir / "labelmap.txt", "deer:0,0,0\nboar:64,64,0\n")
    yield "does not list (192,192,0); add a line NAME:RED,GREEN,BLUE for each, with the name void"
    write(raw_dir / "labelmap.txt", "deer:0,0,0\nboar:64,64,0\nvoid:192,192,0\n")


def ids_beside_a_list_of_colours(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write_masks(raw_dir, np.eye(12, 16, dtype=np.uint8))
    (raw_dir / "classes.txt").unlink()
    write(raw_dir / "labelmap.txt", "deer:0,0,0\nboar:128,64,0\n")
    yield "replace labelmap.txt by classes.txt, one class name per line."
    (raw_dir / "labelmap.txt").unlink()
    write(raw_dir / "classes.txt", "deer\nboar\n")


def masks_of_0_and_255(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    mask = np.eye(12, 16, dtype=np.uint8)
    write_masks(raw_dir, 255 * mask)
    yield "write the class id instead of 255, which for the second class is 1"
    write_masks(raw_dir, mask)


def masks_of_0_and_255_with_a_list(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write_masks(raw_dir, 255 * np.eye(12, 16, dtype=np.uint8))
    yield "or write what the values mean into labelmap.txt: two lines NAME:0,0,0 and NAME:255,255,"
    write(raw_dir / "labelmap.txt", "deer:0,0,0\nboar:255,255,255\n")


def masks_with_unknown_ids(raw_dir: Path) -> Case:
    shutil.rmtree(raw_dir / "labels")
    write_masks(raw_dir, 2 * np.eye(12, 16, dtype=np.uint8))
    yield "class id 2 is outside 0..1; fix the map (255 is not counted), or the list of class names"
    write(raw_dir / "classes.txt", "ground\ndeer\nboar\n")


CASES: list[Callable[[Path], Case]] = [
    thermal_image_of_another_aspect,
    thermal_image_of_another_aspect_and_few_pixels,
    larger_thermal_image,
    false_colours,
    temperatures_as_fractions,
    three_channels_of_16_bits,
    transparency,
    grey_visible_image,
    masks_in_colours,
    colour_that_is_not_listed,
    colour_that_is_not_counted,
    ids_beside_a_list_of_colours,
    masks_of_0_and_255,
    masks_of_0_and_255_with_a_list,
    masks_with_unknown_ids,
]


@pytest.mark.parametrize("make_case", CASES, ids=lambda case: case.__name__)
def test_remedy_is_accepted(tmp_path: Path, make_case: Callable[[Path], Case]) -> None:
    has_16_bits = make_case is three_channels_of_16_bits
    options = {"thermal_range_counts": (7000, 9000)} if has_16_bits else {}
    check_case(write_raw(tmp_path), make_case, **options)
