"""Values that are right by the format and cannot be meant: each is refused or warned of."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_builders.checks.annotations import ClassNames, RawPair
from mdjax.scenes import render_scene
from tests.data.factories import encode_png
from tests.data_builders.checks.small_pairs import CLASSES, check, make_object, make_pair
from tests.data_builders.raw_pairs import get_problems, get_thermal, make_image_u8, write
from tests.io.test_flir import make_radiometric_jpg

MASK_CLASSES = ClassNames(labels=("ground", "deer", "boar"))
BOX = (1.0, 1.0, 5.0, 5.0)


def _make_masked(folder: Path, masks: Sequence[np.ndarray]) -> list[RawPair]:
    pairs: list[RawPair] = []
    for i, mask in enumerate(masks):
        path = write(folder / "masks" / f"{i}.png", encode_png(mask))
        pairs.append(make_pair(folder, str(i), i, objects=None, labels=path))
    return pairs


def _make_mask(*values: int) -> np.ndarray:
    mask = np.zeros((12, 16), np.uint8)
    mask[0, : len(values)] = values
    return mask


def test_masks_of_0_and_255_alone_are_refused_and_accepted_with_class_ids(tmp_path: Path) -> None:
    pairs = {"test": _make_masked(tmp_path, [_make_mask(255, 255), _make_mask()])}
    (problem,) = get_problems(check, tmp_path, pairs, MASK_CLASSES)
    assert problem.startswith("all label maps hold only 0 and 255, and 255 is not counted")
    assert problem.endswith("write the class id instead of 255, which for the second class is 1.")
    pairs = {"test": _make_masked(tmp_path, [_make_mask(1, 1), _make_mask()])}
    assert check(tmp_path, pairs, MASK_CLASSES).warnings == ()


def test_splits_in_which_nothing_counts_are_warned_of(tmp_path: Path) -> None:
    masks = [_make_mask(1, 255), np.full((12, 16), 255, np.uint8), _make_mask(255)]
    train, val, test = _make_masked(tmp_path, masks)
    checked = check(tmp_path, {"train": [train], "val": [val], "test": [test]}, MASK_CLASSES)
    assert checked.warnings == (
        "val: every pixel is 255, not counted; nothing can be scored there.",
        "test: the label maps hold no class but the first, 0.",
    )


def test_split_without_boxes_is_warned_of(tmp_path: Path) -> None:
    pairs = {
        "train": [make_pair(tmp_path, "a", 1, objects=(make_object(BOX),))],
        "val": [make_pair(tmp_path, "b", 2)],
    }
    assert check(tmp_path, pairs).warnings == (
        "val: there is no positive box; nothing can be scored there.",
    )


def test_shares_in_place_of_pixels_are_refused_and_accepted_when_multiplied(tmp_path: Path) -> None:
    """One split alone: the other's boxes are pixels. .25 of 16 and 12 pixels are 4 and 3."""
    pixels = make_pair(tmp_path, "a", 1, objects=(make_object(BOX),))
    shares = (make_object((0.25, 0.25, 0.5, 1.0)), make_object((0.0, 0.0, 0.5, 0.5)))
    pair = make_pair(tmp_path, "b", 2, objects=shares)
    assert get_problems(check, tmp_path, {"train": [pixels], "test": [pair]}) == [
        "split 'test': its 2 boxes end at 1 or before, so they are fractions of the image's size, "
        "not pixels; multiply them by its width and height."
    ]
    boxes = tuple(make_object(box) for box in [(4.0, 3, 8, 12), (0.0, 0, 8, 6)])
    repaired = dataclasses.replace(pair, objects=boxes)
    assert check(tmp_path, {"train": [pixels], "test": [repaired]}).warnings == ()
    relative = dataclasses.replace(pair, has_relative_boxes=True)
    assert check(tmp_path, {"train": [pixels], "test": [relative]}).warnings == ()


def test_boxes_of_less_than_a_pixel_are_warned_of(tmp_path: Path) -> None:
    """A pixel may be a little less by the rounding of a file's numbers."""
    boxes = [(3.0, 3.0, 3.9, 4.0), BOX, (3.0, 3.0, 4.0, 4.0), (5.0, 3.0, 6.0, 3.9999)]
    objects = tuple(make_object(box) for box in boxes)
    checked = check(tmp_path, {"test": [make_pair(tmp_path, "a", objects=objects)]})
    assert checked.warnings == (
        "1 box of less than one pixel, such as in a; check the unit of their numbers.",
    )


def _check_kinds(
    folder: Path, pairs: Mapping[str, Sequence[RawPair]], classes: ClassNames = CLASSES
) -> tuple[list[str], tuple[str, ...]]:
    """Problems where the files are one's own, and warnings where they are published."""
    problems = get_problems(check, folder, pairs, classes)
    return problems, check(folder, pairs, classes, is_published=True).warnings


def test_equal_boxes_of_one_image_are_refused_or_warned_of(tmp_path: Path) -> None:
    """Of another class, or with another box in the thermal image, a box is not the same."""
    objects = [
        make_object(box, label=label, where=f"boxes.txt, line {number}")
        for number, (box, label) in enumerate(
            [(BOX, "deer"), (BOX, "boar"), (BOX, "deer"), ((1.0, 1, 5, 6), "deer")], 1
        )
    ]
    objects.append(make_object(BOX, thermal_box=(2.0, 2, 5, 5)))
    pair = make_pair(tmp_path, "a", objects=tuple(objects))
    line = "boxes.txt, line 3: is a duplicate of an earlier box; remove it."
    assert _check_kinds(tmp_path, {"test": [pair]}) == ([line], (line,))
    repaired = dataclasses.replace(pair, objects=(*objects[:2], *objects[3:]))
    assert check(tmp_path, {"test": [repaired]}).warnings == ()


def test_one_image_in_two_splits_is_refused_or_warned_of(tmp_path: Path) -> None:
    """Under another name and in another format; twice in one split is no leak."""
    objects = (make_object(BOX),)
    train, test = (
        [make_pair(tmp_path, name, number, objects=objects) for name, number in part]
        for part in ((("a", 1), ("b", 2)), (("c", 1), ("d", 3)))
    )
    line = "c in test, a in train: are the same visible image; remove one of them."
    assert _check_kinds(tmp_path, {"train": train, "test": test}) == ([line], (line,))
    assert check(tmp_path, {"train": train, "test": test[1:]}).warnings == ()
    assert check(tmp_path, {"train": [*train, test[0]], "test": test[1:]}).warnings == ()


def test_images_of_a_covered_camera_are_no_leak(tmp_path: Path) -> None:
    pairs = [
        make_pair(tmp_path, name, i, objects=(make_object(BOX),)) for i, name in enumerate("ab")
    ]
    for pair in pairs:
        write(pair.visible, encode_png(np.zeros((12, 16, 3), np.uint8)))
    assert check(tmp_path, {"train": pairs[:1], "test": pairs[1:]}).warnings == (
        "2 visible images of 2 are of one value everywhere (a, b), as of a camera that is covered "
        "or off; remove these pairs, or give their images again.",
    )


def test_images_of_one_value_are_warned_of_and_dark_ones_are_not(tmp_path: Path) -> None:
    """Of five pairs, one visible image is all blue, and one thermal image all grey."""
    objects = (make_object(BOX),)
    pairs = [make_pair(tmp_path, name, i, objects=objects) for i, name in enumerate("abcde")]
    dark = np.zeros((12, 16, 3), np.uint8)
    dark[7, 3, 1] = 1
    write(pairs[0].visible, encode_png(dark))
    write(pairs[1].visible, encode_png(np.full((12, 16, 3), (200, 0, 0), np.uint8)))
    write(get_thermal(pairs[2]), encode_png(np.full((12, 16), 90, np.uint8)))
    write(get_thermal(pairs[3]), encode_png(dark[..., 1]))
    visible, thermal = check(tmp_path, {"test": pairs}).warnings
    assert visible.startswith("1 visible image of 5 is of one value everywhere (b), as of a ")
    assert thermal.startswith("1 thermal image of 5 is of one value everywhere (c), as of a ")


@pytest.mark.parametrize("kind", ["file", "pixels", "four channels"])
def test_one_picture_as_both_images_is_refused(tmp_path: Path, kind: str) -> None:
    pair = make_pair(tmp_path, "a")
    thermal = np.random.default_rng(0).integers(0, 256, (12, 16), np.uint8)
    grey = encode_png(np.dstack([thermal] * 3))
    if kind == "four channels":
        path = write(tmp_path / "a.png", encode_png(np.dstack([thermal] * 4)))
        pair = dataclasses.replace(pair, visible=path, thermal=None)
    elif kind == "file":
        path = write(tmp_path / "a.png", grey)
        pair = dataclasses.replace(pair, visible=path, thermal=path)
    else:
        write(pair.visible, grey)
        write(get_thermal(pair), encode_png(thermal))
    assert get_problems(check, tmp_path, {"test": [pair]}) == [
        "a: the visible image shows the same picture as the thermal one; give the image of the "
        "colour camera, or remove the pair."
    ]


def test_counts_that_are_hidden_in_files_are_warned_of(tmp_path: Path) -> None:
    """One of two thermal images is the grey picture of a radiometric JPEG."""
    pairs = [
        make_pair(tmp_path, name, i, objects=(make_object(BOX),)) for i, name in enumerate("ab")
    ]
    path = tmp_path / "thermal" / "b.jpg"
    write(path, make_radiometric_jpg(make_image_u8(7, channels=1)))
    pairs[1] = dataclasses.replace(pairs[1], thermal=path)
    (warning,) = check(tmp_path, {"test": pairs}).warnings
    assert warning.startswith("1 radiometric JPEG file (b): what is read is the picture in it")
    assert "exiftool -b -RawThermalImage" in warning


def test_shifted_thermal_images_are_warned_of(tmp_path: Path) -> None:
    """By a quarter of the cells, with the direction, in pixels of the visible image."""

    def make_pairs(right: int) -> list[RawPair]:
        pairs: list[RawPair] = []
        for i in range(8):
            scene = render_scene(0, i, (96, 128))
            options: dict[str, Any] = {"objects": (make_object(BOX),)}
            pairs.append(make_pair(tmp_path, str(i), **options))
            write(pairs[-1].visible, encode_png(scene.visible_u8[..., ::-1]))
            write(get_thermal(pairs[-1]), encode_png(np.roll(scene.thermal_u8, right, 1)))
        return pairs

    assert check(tmp_path, {"test": make_pairs(0)}).warnings == ()
    (warning,) = check(tmp_path, {"test": make_pairs(12)}).warnings
    assert "seem to be shifted by about 12 pixels to the right relative to the visible" in warning
    (warning,) = check(tmp_path, {"test": make_pairs(-9)}).warnings
    assert "shifted by about 9 pixels to the left relative to" in warning
    assert "`mdjax align` finds how the cameras lie to each other" in warning
