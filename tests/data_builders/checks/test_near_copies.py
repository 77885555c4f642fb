"""Frames that follow each other are told from other scenes, by day and in the dark."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from data_builders.checks.annotations import RawPair
from data_builders.checks.near_copies import (
    PairHash,
    compute_difference_hash,
    warn_of_near_copies,
)
from mdjax.scenes import render_scene
from tests.data.factories import encode_png
from tests.data_builders.checks.small_pairs import check
from tests.data_builders.raw_pairs import encode_jpg, write

SIZE_HW = (96, 128)
ALL_BITS = 2**64 - 1


def _make_pair(name):
    return RawPair(name, Path(name), Path(name), False)


def _hash(visible, thermal):
    return PairHash(compute_difference_hash(visible), compute_difference_hash(thermal))


def _hash_scene(number):
    scene = render_scene(0, number, SIZE_HW)
    return _hash(scene.visible_u8, scene.thermal_u8)


def _warn(train, test):
    """Warnings about pairs a0, a1... of train and b0, b1... of test with these hashes."""
    names = {"train": [f"a{k}" for k in range(len(train))], "test": []}
    names["test"] = [f"b{k}" for k in range(len(test))]
    hashes = dict(zip([*names["train"], *names["test"]], [*train, *test], strict=True))
    return warn_of_near_copies(
        {split: [_make_pair(name) for name in part] for split, part in names.items()}, hashes
    )


def _flip(pair_hash, visible, thermal):
    """Change so many bits of each hash."""
    return PairHash(
        pair_hash.visible if pair_hash.visible is None else pair_hash.visible ^ (2**visible - 1),
        pair_hash.thermal if pair_hash.thermal is None else pair_hash.thermal ^ (2**thermal - 1),
    )


def test_hash_tells_whether_a_cell_is_brighter_than_its_left_neighbour():
    rising = np.tile(np.arange(9, dtype=np.uint8) * 20, (8, 1))
    assert compute_difference_hash(rising) == ALL_BITS
    assert compute_difference_hash(rising[:, ::-1]) == 0
    steps = rising.copy()
    steps[7, 8] = 0  # The last bit alone.
    assert compute_difference_hash(steps) == ALL_BITS - 1
    assert compute_difference_hash(cv2.resize(rising, (90, 80))) == ALL_BITS
    assert compute_difference_hash(rising.astype(np.uint16) * 30 + 20_000) == ALL_BITS


@pytest.mark.parametrize("contrast", [0, 3])
def test_image_that_shows_nothing_has_no_hash(contrast):
    image = np.full((80, 90, 3), 7, np.uint8)
    image[:40] += np.uint8(contrast)
    assert compute_difference_hash(image) is None


@pytest.mark.parametrize("change", ["equal", "jpeg", "noise", "shift", "darker", "smaller"])
def test_nearly_equal_frames_are_counted(change):
    rng = np.random.default_rng(0)
    scenes = [render_scene(0, number, SIZE_HW) for number in range(6)]
    changed = []
    for scene in scenes[:3]:
        images = [scene.visible_u8, scene.thermal_u8]
        if change == "jpeg":
            images = [cv2.imdecode(np.frombuffer(encode_jpg(x), np.uint8), -1) for x in images]
        elif change == "noise":
            noisy = [np.rint(x + rng.normal(0, 2, x.shape)) for x in images]
            images = [np.clip(x, 0, 255).astype(np.uint8) for x in noisy]
        elif change == "shift":
            images = [np.roll(x, 1, 1) for x in images]
        elif change == "darker":
            images = [x // 2 for x in images]
        elif change == "smaller":
            images = [cv2.resize(x, (64, 48), interpolation=cv2.INTER_AREA) for x in images]
        changed.append(_hash(*images))
    known = [_hash(scene.visible_u8, scene.thermal_u8) for scene in scenes]
    (warning,) = _warn(known, [*changed, _hash_scene(9)])
    assert warning.startswith(
        "test: 3 of its 4 pairs look equal or nearly equal to one in train, such as b0 (a0), b1 "
        "(a1), b2 (a2); scores there will be too good"
    )


def test_other_scenes_are_not_counted():
    assert (
        _warn(
            [_hash_scene(number) for number in range(12)],
            [_hash_scene(number) for number in range(12, 18)],
        )
        == []
    )


@pytest.mark.parametrize(
    ("visible", "thermal", "is_warned"), [(6, 6, True), (12, 0, True), (7, 6, False)]
)
def test_bits_of_both_images_count(visible, thermal, is_warned):
    first = PairHash(ALL_BITS, 0)
    assert bool(_warn([first], [_flip(first, visible, thermal)])) == is_warned


@pytest.mark.parametrize(("num_bits", "is_warned"), [(4, True), (5, False)])
@pytest.mark.parametrize("dark", ["one", "both"])
def test_fewer_bits_may_differ_where_one_image_shows_nothing(dark, num_bits, is_warned):
    night = PairHash(None, 0)
    other = night if dark == "both" else PairHash(12345, 0)
    assert bool(_warn([night], [_flip(other, 0, num_bits)])) == is_warned


def test_pairs_without_content_are_no_copies():
    empty = PairHash(None, None)
    assert _warn([empty, _hash_scene(0)], [empty]) == []


def test_nearest_one_is_named_among_many():
    """More pairs than are compared at once."""
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**63, (2, 700)).tolist()
    hashes = [PairHash(*pair) for pair in zip(*bits, strict=True)]
    (warning,) = _warn(hashes, [*hashes[600:300:-1], _flip(hashes[650], 3, 0)])
    assert warning.startswith("test: 301 of its 301 pairs")
    others = [PairHash(*pair) for pair in rng.integers(0, 2**63, (600, 2)).tolist()]
    (warning,) = _warn(hashes, [*others, hashes[7]])
    assert "such as b600 (a7);" in warning
    (warning,) = _warn([_flip(hashes[0], 5, 0), _flip(hashes[0], 1, 0)], hashes[:1])
    assert "such as b0 (a1);" in warning


def test_check_of_a_data_set_warns(tmp_path):
    """Not of one that is used as published, whose splits are what they are."""
    pairs = {"train": [], "test": []}
    for split, name, shift in (("train", "a", 0), ("test", "b", 1)):
        scene = render_scene(0, 3, SIZE_HW)
        visible = write(
            tmp_path / f"visible/{name}.png", encode_png(np.roll(scene.visible_u8, shift, 1))
        )
        thermal = write(tmp_path / f"thermal/{name}.png", encode_png(scene.thermal_u8))
        pairs[split].append(RawPair(name, visible, thermal, False, objects=()))
    warnings = check(tmp_path, pairs).warnings
    assert any(text.startswith("test: 1 of its 1 pairs look equal or") for text in warnings)
    warnings = check(tmp_path, pairs, is_published=True).warnings
    assert not any("nearly equal" in text for text in warnings)
