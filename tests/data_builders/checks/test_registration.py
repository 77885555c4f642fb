"""One picture twice and shifted thermal images are told from two cameras' views of one scene."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_builders.checks.registration import (
    PairEdges,
    compute_pair_edges,
    find_shift,
    is_same_picture,
)
from mdjax.io.images import decode_thermal_counts, decode_visible, decode_visible_thermal
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


def _compute_edges(
    number: int, down: int = 0, right: int = 0, size_hw: tuple[int, int] = (96, 128)
) -> PairEdges:
    visible_u8, thermal_u8 = _make_scene(number, size_hw)
    return compute_pair_edges(visible_u8, _shift(thermal_u8, down, right))


@pytest.mark.parametrize(("down", "right"), [(0, 12), (0, -8), (6, 0), (-3, 2), (14, -14)])
def test_shift_of_the_thermal_images_is_found(down: int, right: int) -> None:
    """On 96x128 pixels a cell is a pixel; five pairs are enough."""
    shift = find_shift([_compute_edges(i, down, right) for i in range(5)], (96, 128))
    assert shift is not None
    assert shift == pytest.approx((right / 128, down / 96), abs=1 / 128)


@pytest.mark.parametrize("factor", [1, 2])
def test_registered_images_have_no_shift(factor: int) -> None:
    """Also where the thermal image has fewer pixels, or lies a pixel away: less than 1.25 %."""
    edges: list[PairEdges] = []
    for number in range(8):
        visible_u8, thermal_u8 = _make_scene(number)
        small = cv2.resize(thermal_u8, (128 // factor, 96 // factor), interpolation=cv2.INTER_AREA)
        edges.append(compute_pair_edges(visible_u8, small))
    assert find_shift(edges, (96, 128)) is None
    assert find_shift([_compute_edges(i, 0, 1) for i in range(8)], (96, 128)) is None


def test_of_images_without_common_edges_nothing_is_said() -> None:
    """Noise has a best shift too, as have images of other scenes, and a pair alone."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        edges = [
            compute_pair_edges(noise[..., :3].copy(), noise[..., 3].copy())
            for noise in rng.integers(0, 256, (8, 96, 128, 4), np.uint8)
        ]
        assert find_shift(edges, (96, 128)) is None
    shifted = [_compute_edges(i, 0, 12) for i in range(8)]
    visible, thermal = zip(*shifted, strict=True)
    mixed = [*map(PairEdges, visible, (*thermal[3:], *thermal[:3]))]
    assert find_shift(mixed, (96, 128)) is None
    assert find_shift(shifted[:4], (96, 128)) is None
    assert find_shift([shifted[0]] * 8, (96, 128)) is None
    assert find_shift([], (96, 128)) is None


def test_what_all_images_have_in_common_is_no_shift() -> None:
    """A dashboard in visible images and a mark in thermal ones, far stronger than the scenes."""
    edges: list[PairEdges] = []
    for number in range(8):
        visible_u8, thermal_u8 = _make_scene(number)
        visible_u8[70:76, 20:100], thermal_u8[62:68, 30:110] = 255, 255
        visible_u8[76:82, 20:100], thermal_u8[68:74, 30:110] = 0, 0
        edges.append(compute_pair_edges(visible_u8, thermal_u8))
    assert find_shift(edges, (96, 128)) is None


def test_images_of_a_rarer_aspect_are_passed_over() -> None:
    edges = [_compute_edges(i, 0, 12, (64, 128)) for i in range(4)]
    shifted = [_compute_edges(i, 0, -12) for i in range(5)]
    shift = find_shift([*edges, *shifted], (96, 128))
    assert shift is not None
    assert shift.right == pytest.approx(-12 / 128, abs=1 / 128)
    assert find_shift(edges, (64, 128)) is None


@pytest.mark.parametrize("data_set", ["msrs", "mfnet"])
def test_shift_of_photographs_is_found(real_data_dir: Path, data_set: str) -> None:
    """Eight real pairs lie on each other within 1.25 % of their width; 12 of 640 are found."""
    if not (real_data_dir / data_set).is_dir():
        pytest.skip(f"needs real images: {data_set}/ in MDJAX_TEST_DATA")
    pairs = list(_read_pairs(real_data_dir, data_set))
    for right, expected in ((0, None), (12, 12), (-25, -25), (64, 64)):
        edges = [
            compute_pair_edges(visible_u8, _shift(thermal_u8, 0, right))
            for visible_u8, thermal_u8 in pairs
        ]
        shift = find_shift(edges, (480, 640))
        if expected is None:
            assert shift is None
        else:
            assert shift is not None
            assert shift.right * 640 == pytest.approx(expected, abs=5)
            assert shift.down * 480 == pytest.approx(0, abs=5)


def _read_pairs(folder: Path, data_set: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Eight pairs of a data set, spread over all."""
    if data_set == "mfnet":
        paths = sorted((folder / "mfnet" / "images").glob("*.png"))
        for path in paths[:: len(paths) // 8][:8]:
            yield decode_visible_thermal(path.read_bytes(), path.name)
        return
    paths = sorted((folder / "msrs" / "train" / "vi").iterdir())
    for path in paths[:: len(paths) // 8][:8]:
        thermal = path.parent.parent / "ir" / f"{path.stem}.png"
        yield (
            decode_visible(path.read_bytes(), path.name),
            decode_thermal_counts(thermal.read_bytes(), thermal.name),
        )
