"""One picture twice and shifted thermal images are told from two cameras' views of one scene."""

import cv2
import numpy as np
import pytest

from data_builders.checks.registration import (
    Shift,
    correlate_edges,
    find_shift,
    is_same_picture,
)
from mdjax.io.images import decode_visible
from mdjax.scenes import render_scene
from tests.data_builders.raw_pairs import encode_jpg


def _make_scene(number: int, size_hw: tuple[int, int] = (96, 128)) -> tuple[np.ndarray, np.ndarray]:
    scene = render_scene(0, number, size_hw)
    return scene.visible_u8, scene.thermal_u8


def _repeat(grey: np.ndarray) -> np.ndarray:
    return np.dstack([grey] * 3)


def test_two_cameras_are_not_one_picture() -> None:
    for number in range(4):
        visible_u8, thermal_u8 = _make_scene(number)
        assert not is_same_picture(visible_u8, thermal_u8)
        grey = cv2.cvtColor(visible_u8, cv2.COLOR_RGB2GRAY)
        assert not is_same_picture(_repeat(grey), thermal_u8)


@pytest.mark.parametrize("kind", ["same", "jpeg", "inverted", "darker", "16 bits", "smaller"])
def test_thermal_image_in_place_of_the_visible_one_is_recognised(kind: str) -> None:
    _, thermal_u8 = _make_scene(1)
    visible_u8, thermal = _repeat(thermal_u8), thermal_u8
    if kind == "jpeg":
        visible_u8 = decode_visible(encode_jpg(visible_u8), "a")
    elif kind == "inverted":
        visible_u8 = 255 - visible_u8
    elif kind == "darker":
        visible_u8 = visible_u8 // 2 + 9
    elif kind == "16 bits":
        thermal = thermal_u8.astype(np.uint16) * 10 + 20_000
    elif kind == "smaller":
        thermal = cv2.resize(thermal_u8, (64, 48), interpolation=cv2.INTER_AREA)
    assert is_same_picture(visible_u8, thermal)


def test_images_without_content_are_no_copies() -> None:
    black = np.zeros((12, 16), np.uint8)
    assert not is_same_picture(_repeat(black), black)


def _shift(image: np.ndarray, down: int, right: int) -> np.ndarray:
    return np.roll(image, (down, right), (0, 1))


@pytest.mark.parametrize(("down", "right"), [(0, 12), (0, -8), (6, 0), (-5, 4)])
def test_shift_of_the_thermal_images_is_found(down: int, right: int) -> None:
    """On 96x128 pixels a cell is a pixel."""
    surfaces = [
        correlate_edges(visible_u8, _shift(thermal_u8, down, right))
        for visible_u8, thermal_u8 in map(_make_scene, range(8))
    ]
    assert find_shift(surfaces, (96, 128)) == Shift(right / 128, down / 96)


@pytest.mark.parametrize("factor", [1, 2])
def test_registered_images_have_no_shift(factor: int) -> None:
    """Also where the thermal image has fewer pixels."""
    surfaces = []
    for number in range(8):
        visible_u8, thermal_u8 = _make_scene(number)
        small = cv2.resize(thermal_u8, (128 // factor, 96 // factor), interpolation=cv2.INTER_AREA)
        surfaces.append(correlate_edges(visible_u8, small))
    assert find_shift(surfaces, (96, 128)) is None


def test_of_images_without_common_edges_nothing_is_said() -> None:
    """Noise has a best shift too, as does a pair alone."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        surfaces = [
            correlate_edges(noise[..., :3].copy(), noise[..., 3].copy())
            for noise in rng.integers(0, 256, (8, 96, 128, 4), np.uint8)
        ]
        assert find_shift(surfaces, (96, 128)) is None
    visible_u8, thermal_u8 = _make_scene(1)
    surface = correlate_edges(visible_u8, _shift(thermal_u8, 0, 12))
    assert find_shift([surface] * 4, (96, 128)) is None
