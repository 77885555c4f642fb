"""What a generated pair promises: exact labels and boxes, the same scene at every size."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.mfnet.layout import CLASS_NAMES
from mdjax.scenes import ClassId, RenderedScene, render_scene
from mdjax.types import MdjaxError

SIZE_HW = (96, 128)
NUM_SCENES = 60


@pytest.fixture(scope="module")
def scenes() -> list[RenderedScene]:
    return [render_scene(7, index, SIZE_HW) for index in range(NUM_SCENES)]


def measure_contrast(image_u8: np.ndarray, mask: np.ndarray, labels_u8: np.ndarray) -> float:
    """Difference of the mean grey values inside a mask and in the unlabelled ring around it."""
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    ring &= labels_u8 == ClassId.UNLABELLED
    if ring.sum() < 10:
        return float("nan")
    image = image_u8.reshape(*mask.shape, -1).astype(np.float64)
    return float(np.abs(image[mask].mean(axis=0) - image[ring].mean(axis=0)).max())


def collect_contrasts(
    scenes: list[RenderedScene], class_id: ClassId, *, is_night: bool, is_thermal: bool
) -> float:
    """Median contrast of all things of a class that show at least 20 pixels."""
    contrasts = []
    for scene in scenes:
        if scene.is_night != is_night:
            continue
        image_u8 = scene.thermal_u8 if is_thermal else scene.visible_u8
        for row in np.flatnonzero(scene.box_class_ids == class_id):
            mask = scene.instances_u16 == row + 1
            if mask.sum() >= 20:
                contrasts.append(measure_contrast(image_u8, mask, scene.labels_u8))
    return float(np.nanmedian(contrasts))


def test_class_ids_are_those_of_mfnet() -> None:
    assert tuple(member.name.lower() for member in ClassId) == CLASS_NAMES


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32),
    index=st.integers(0, 2_000_000),
    height=st.integers(16, 90),
    width=st.integers(16, 140),
)
def test_every_scene_is_reproducible_and_consistent(
    seed: int, index: int, height: int, width: int
) -> None:
    scene, again = (render_scene(seed, index, (height, width)) for _ in range(2))
    np.testing.assert_array_equal(scene.visible_u8, again.visible_u8)
    np.testing.assert_array_equal(scene.thermal_u8, again.thermal_u8)
    np.testing.assert_array_equal(scene.labels_u8, again.labels_u8)
    np.testing.assert_array_equal(scene.boxes_xyxy_px, again.boxes_xyxy_px)
    assert scene.visible_u8.shape == (height, width, 3)
    assert scene.thermal_u8.shape == scene.labels_u8.shape == (height, width)
    assert scene.labels_u8.max() < len(CLASS_NAMES)
    assert scene.is_night == (index % 2 == 1)
    # Every labelled pixel belongs to one thing of its class, and to no other.
    class_of_instance = np.concatenate([[0], scene.box_class_ids]).astype(np.uint8)
    np.testing.assert_array_equal(class_of_instance[scene.instances_u16], scene.labels_u8)
    for row, box in enumerate(scene.boxes_xyxy_px):
        rows, columns = np.nonzero(scene.instances_u16 == row + 1)
        tight = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_array_equal(box, tight)
    assert ((scene.occlusion >= 0) & (scene.occlusion < 1)).all()


def test_another_seed_or_index_gives_another_scene() -> None:
    first = render_scene(0, 0, (32, 48)).visible_u8
    assert (first != render_scene(1, 0, (32, 48)).visible_u8).any()
    assert (first != render_scene(0, 2, (32, 48)).visible_u8).any()


def test_half_of_the_scenes_are_at_night(scenes: list[RenderedScene]) -> None:
    assert sum(scene.is_night for scene in scenes) == NUM_SCENES // 2


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_scene_stands_at_the_same_place_at_every_size(index: int) -> None:
    """Only pixels at the masks' edges differ from the reduced large label image.

    OpenCV fills polygons with their outline, so every part is up to 1/6 px wider at either size.
    """
    small, large = (render_scene(3, index, (60 * k, 80 * k)) for k in (1, 5))
    # Row 5 i + 2 of the large image has the same centre as row i of the small one.
    reduced = large.labels_u8[2::5, 2::5]
    assert (small.labels_u8 != reduced).mean() < 0.04
    reduced_visible = cv2.resize(large.visible_u8, (80, 60), interpolation=cv2.INTER_AREA)
    difference = np.abs(small.visible_u8.astype(int) - reduced_visible).mean()
    assert difference < 8


def test_wider_image_only_adds_its_sides() -> None:
    narrow, wide = (render_scene(3, 4, (48, width)).labels_u8 for width in (48, 80))
    np.testing.assert_array_equal(narrow, wide[:, 16:-16])


def test_occlusion_is_the_hidden_share(scenes: list[RenderedScene]) -> None:
    """A thing hidden in part exists among sixty scenes; most are seen whole."""
    occlusion = np.concatenate([scene.occlusion for scene in scenes])
    assert (occlusion == 0).mean() > 0.3
    assert 0.05 < (occlusion > 0.5).mean() < 0.4


def test_every_class_is_frequent_enough_to_learn(scenes: list[RenderedScene]) -> None:
    labels_u8 = np.stack([scene.labels_u8 for scene in scenes])
    for k in range(1, len(CLASS_NAMES)):
        assert (labels_u8 == k).any(axis=(1, 2)).mean() >= 0.25, CLASS_NAMES[k]
        assert (labels_u8 == k).mean() >= 0.002, CLASS_NAMES[k]


def test_many_persons_are_only_a_few_pixels_high(scenes: list[RenderedScene]) -> None:
    """A sixteenth of the pixels leaves an 8 px person 2 px high: there the camera loses some."""
    boxes = [s.boxes_xyxy_px[s.box_class_ids == ClassId.PERSON] for s in scenes]
    height_px = np.concatenate([box[:, 3] - box[:, 1] for box in boxes])
    assert 0.2 < (height_px <= 8).mean() < 0.6


def test_darkness_hides_persons_and_warmth_shows_them(scenes: list[RenderedScene]) -> None:
    person = ClassId.PERSON
    assert collect_contrasts(scenes, person, is_night=True, is_thermal=False) < 12
    assert collect_contrasts(scenes, person, is_night=True, is_thermal=True) > 40
    assert collect_contrasts(scenes, person, is_night=False, is_thermal=False) > 20
    assert collect_contrasts(scenes, person, is_night=False, is_thermal=True) < 35


@pytest.mark.parametrize("class_id", [ClassId.COLOUR_CONE, ClassId.CURVE, ClassId.BUMP])
def test_only_colour_shows_cones_and_paint(scenes: list[RenderedScene], class_id: ClassId) -> None:
    """In thermal they stand out no more than the sensor's noise and the ground's texture."""
    assert collect_contrasts(scenes, class_id, is_night=False, is_thermal=False) > 35
    for is_night in (False, True):
        assert collect_contrasts(scenes, class_id, is_night=is_night, is_thermal=True) < 5


def test_misalignment_moves_only_the_thermal_image() -> None:
    aligned = render_scene(3, 1, (48, 64))
    shifted = render_scene(3, 1, (48, 64), misalignment=0.2)
    np.testing.assert_array_equal(aligned.visible_u8, shifted.visible_u8)
    np.testing.assert_array_equal(aligned.labels_u8, shifted.labels_u8)
    assert np.abs(aligned.thermal_u8.astype(int) - shifted.thermal_u8).mean() > 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, 0, (48, 64)), "seed -1"),
        ((0, -1, (48, 64)), "index -1"),
        ((0, 0, (8, 64)), "at least 16"),
    ],
)
def test_argument_out_of_range_is_refused(
    arguments: tuple[int, int, tuple[int, int]], message: str
) -> None:
    with pytest.raises(MdjaxError, match=message):
        render_scene(*arguments)
