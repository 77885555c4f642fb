"""Two cameras are aligned by what both see, and nothing is made up where they see nothing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mdjax.align.estimate import GreyPairs, estimate_from_edges, reduce_image
from mdjax.align.refine import Level, correlate_edges, refine_alignment
from mdjax.align.search import search_alignments
from mdjax.align.units import list_corners, make_to_pixels, map_points
from mdjax.types import MdjaxError
from tests.align.warped_scenes import (
    KNOWN,
    SIZE_HW,
    THERMAL_HW,
    make_grey_pairs,
    make_pairs,
    measure_error_px,
)


def _get_known_in_units() -> np.ndarray:
    return np.linalg.inv(make_to_pixels(SIZE_HW)) @ KNOWN @ make_to_pixels(THERMAL_HW)


def test_homography_of_generated_scenes_is_found() -> None:
    """Of counts of 16 bits, to half a pixel; the two halves of the pairs agree about as well."""
    pairs = [
        (visible, thermal.astype(np.uint16) * 9 + 7000) for visible, thermal in make_pairs(range(4))
    ]
    homography = estimate_from_edges(make_grey_pairs(pairs))
    assert homography.visible_size_wh_px == SIZE_HW[::-1]
    assert homography.thermal_size_wh_px == THERMAL_HW[::-1]
    assert measure_error_px(homography) < 0.7
    assert homography.evidence is not None
    assert homography.evidence.num_pairs == 4
    assert homography.evidence.residual_px < 2


def test_files_may_have_more_pixels_than_are_compared() -> None:
    """What counts are the sizes of the files; 640x481 is not quite the aspect of 1281x961."""
    pairs = GreyPairs(
        [np.zeros((481, 640), np.float32)],
        [np.zeros((60, 80), np.float32)],
        (1281, 961),
        (160, 120),
    )
    small = np.array([[2.0, 0, 10.5], [0, 2.0, 20.5], [0, 0, 1]])
    in_units = np.linalg.inv(make_to_pixels((481, 640))) @ small @ make_to_pixels((60, 80))
    corners = list_corners((60, 80)) * 80 - 0.5
    expected = (map_points(small, corners) + 0.5) * [1281 / 640, 961 / 481] - 0.5
    found = map_points(pairs.to_pixels(in_units), (corners + 0.5) * 2 - 0.5)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_large_images_are_reduced() -> None:
    assert reduce_image(np.zeros((960, 1280, 3), np.uint8)).shape == (480, 640)
    assert reduce_image(np.zeros((48, 64), np.uint16)).shape == (48, 64)


def test_rough_alignment_is_among_the_candidates() -> None:
    """To a twentieth of the width: from there the refinement reaches it."""
    pairs = make_grey_pairs(make_pairs(range(3)))
    (candidates,) = search_alignments(pairs.visible, pairs.thermal, 5)
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)
    corners = list_corners(THERMAL_HW)
    places = [map_points(c.thermal_to_visible, corners) for c in candidates]
    known = map_points(_get_known_in_units(), corners)
    assert min(np.abs(place - known).max() for place in places) < 0.05
    for index, place in enumerate(places):  # They differ by more than 4 cells of 80.
        assert all(np.abs(place - other).max() > 0.05 for other in places[:index])


def test_refinement_brings_edges_together() -> None:
    """From 3 pixels off to half a pixel, and the edges agree better."""
    pairs = make_grey_pairs(make_pairs(range(3)))
    shift = np.array([[1, 0, 3 / SIZE_HW[1]], [0, 1, -3 / SIZE_HW[1]], [0, 0, 1]])
    start = shift @ _get_known_in_units()
    levels = [Level(64, is_affine=True), Level(128, is_affine=False)]
    refined = refine_alignment(pairs.visible, pairs.thermal, start, levels)
    corners = list_corners(THERMAL_HW)
    found, known = (
        map_points(matrix, corners) * SIZE_HW[1]
        for matrix in (refined.thermal_to_visible, _get_known_in_units())
    )
    assert np.abs(found - known).max() < 1
    before = correlate_edges(pairs.visible, pairs.thermal, start, levels[-1])
    assert np.all(refined.correlations > 1.5 * before)


def test_images_of_other_scenes_are_refused() -> None:
    pairs, others = make_pairs(range(6)), make_pairs(range(6, 12))
    mixed = [(pair[0], other[1]) for pair, other in zip(pairs, others, strict=True)]
    with pytest.raises(MdjaxError, match=r"no alignment was found.*--points FILE"):
        estimate_from_edges(make_grey_pairs(mixed))


def test_images_without_edges_are_refused() -> None:
    blank = [(visible, np.zeros_like(thermal)) for visible, thermal in make_pairs(range(4))]
    with pytest.raises(MdjaxError, match="no alignment was found"):
        estimate_from_edges(make_grey_pairs(blank))


def test_pairs_of_one_scene_may_fit_those_of_another_time() -> None:
    """Of a camera that does not move, all pairs are alike: that is no mistake."""
    rng = np.random.default_rng(0)
    ((visible_u8, thermal_u8),) = make_pairs([2])
    pairs = [
        (
            np.clip(visible_u8 + rng.normal(0, 3, visible_u8.shape), 0, 255).astype(np.uint8),
            np.clip(thermal_u8 + rng.normal(0, 3, thermal_u8.shape), 0, 255).astype(np.uint8),
        )
        for _ in range(4)
    ]
    assert measure_error_px(estimate_from_edges(make_grey_pairs(pairs))) < 3


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(MdjaxError, match="needs 4 pairs or more, there are 3"):
        estimate_from_edges(make_grey_pairs(make_pairs(range(3))))


@pytest.mark.slow
def test_known_warp_of_real_pairs_is_found(real_data_dir: Path) -> None:
    """Against the alignment of the unwarped pairs: the cameras of MSRS are some pixels apart."""
    raw_dir = real_data_dir / "msrs" / "train"
    if not raw_dir.is_dir():
        pytest.skip("needs real images: msrs/ in MDJAX_TEST_DATA")
    size_wh = (320, 240)
    visible: list[np.ndarray] = []
    thermal: list[np.ndarray] = []
    warped: list[np.ndarray] = []
    warp = np.array([[0.85, -0.03, 24.0], [0.03, 0.85, 15.0], [2e-5, 4e-5, 1.0]])
    for path in sorted((raw_dir / "ir").glob("*.png"))[::18]:
        images = (path, raw_dir / "vi" / f"{path.stem}.jpg")
        warm, seen = (cv2.imread(str(image)) for image in images)
        assert warm is not None
        assert seen is not None
        visible.append(cv2.resize(seen, size_wh, interpolation=cv2.INTER_AREA))
        thermal.append(cv2.resize(warm[..., 0], size_wh, interpolation=cv2.INTER_AREA))
        warped.append(cv2.warpPerspective(thermal[-1], np.linalg.inv(warp), size_wh))
    corners = list_corners((240, 320)) * 320 - 0.5
    quad = map_points(warp, corners)
    left, top = np.floor(quad.min(axis=0)).astype(int).clip(0)
    right, bottom = np.ceil(quad.max(axis=0)).astype(int)
    same_part = [np.ascontiguousarray(image[top:bottom, left:right]) for image in thermal]
    found, unwarped = (
        estimate_from_edges(make_grey_pairs([*zip(visible, images, strict=True)])).matrix
        for images in (warped, same_part)
    )
    back = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
    error = np.linalg.norm(
        map_points(found, corners) - map_points(unwarped @ back @ warp, corners), axis=1
    )
    assert error.max() < 1.5
