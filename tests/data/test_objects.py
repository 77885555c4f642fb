import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from mdjax.data import objects as objects_module
from mdjax.data.geometry import (
    Augmentation,
    Geometry,
    apply_geometry_to_image,
    apply_geometry_to_labels,
)
from mdjax.data.objects import ImageObjects, ObjectReader, crop_boxes
from mdjax.data.pipeline import PipelineConfig, make_evaluation_batches, make_train_batches
from mdjax.types import MdjaxError
from tests.data.factories import encode_png, make_pair_u8

WHOLE = Geometry(is_mirrored=False, crop_yxhw_px=(0, 0, 12, 16))
MIRRORED = Geometry(is_mirrored=True, crop_yxhw_px=(0, 0, 12, 16))


def make_objects(*boxes: tuple[float, ...], ignored: tuple[bool, ...] | None = None):
    count = len(boxes)
    return ImageObjects(
        np.array(boxes, np.float32).reshape(count, 4),
        np.arange(count, dtype=np.int32),
        np.array(ignored if ignored is not None else [False] * count, bool),
        np.zeros(count, np.uint8),
    )


def make_record(number: int, *boxes: tuple[float, ...]) -> dict:
    image, _ = make_pair_u8(number, (12, 16))
    objects = make_objects(*boxes)
    return {
        "visible": encode_png(image[..., :3]),
        "thermal": encode_png(np.ascontiguousarray(image[::2, ::2, 3])),
        "name": f"{number}D".encode(),
        "is_night": False,
        "objects": {
            "bbox_xyxy_px": objects.boxes_xyxy_px,
            "label": objects.class_ids,
            "is_ignored": objects.is_ignored,
            "occlusion": objects.occlusion,
        },
    }


def test_mirrored_box_keeps_its_pixels():
    """Of 16 columns, 2..5 become 16 - 5 = 11 to 16 - 2 = 14."""
    boxes, shares = crop_boxes(np.array([[2, 3, 5, 9]], np.float32), MIRRORED, (12, 16))
    np.testing.assert_array_equal(boxes, [[11, 3, 14, 9]])
    np.testing.assert_array_equal(shares, [1])


def test_crop_scales_and_clips_boxes():
    """The crop of rows 3..9 and columns 4..12 doubles: x' = 2(x - 4), y' = 2(y - 3).

    [2, 3, 6, 9] becomes [-4, 0, 4, 12] and loses its left half; [0, 0, 4, 3] touches only.
    """
    geometry = Geometry(is_mirrored=False, crop_yxhw_px=(3, 4, 6, 8))
    boxes, shares = crop_boxes(
        np.array([[2, 3, 6, 9], [0, 0, 4, 3]], np.float32), geometry, (12, 16)
    )
    np.testing.assert_array_equal(boxes[0], [0, 0, 4, 12])
    np.testing.assert_array_equal(shares, [0.5, 0])


@hypothesis.given(
    columns=st.tuples(st.integers(0, 15), st.integers(1, 16)).filter(lambda x: x[0] < x[1]),
    rows=st.tuples(st.integers(0, 11), st.integers(1, 12)).filter(lambda x: x[0] < x[1]),
    is_mirrored=st.booleans(),
)
def test_box_follows_the_pixels_that_it_surrounds(columns, rows, is_mirrored):
    """A white rectangle and its box go through the same mirror: the box still surrounds it."""
    (left, right), (top, bottom) = columns, rows
    image = np.zeros((12, 16), np.uint8)
    image[top:bottom, left:right] = 1
    moved = image[:, ::-1] if is_mirrored else image
    box = np.array([[left, top, right, bottom]], np.float32)
    ((new_left, new_top, new_right, new_bottom),), _ = crop_boxes(
        box, MIRRORED if is_mirrored else WHOLE, (12, 16)
    )
    expected = np.zeros_like(image)
    expected[int(new_top) : int(new_bottom), int(new_left) : int(new_right)] = 1
    np.testing.assert_array_equal(moved, expected)


@hypothesis.given(
    size_hw=st.tuples(st.integers(16, 48), st.integers(16, 48)),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
    scale=st.floats(0.5, 3.0),
    is_mirrored=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_box_follows_its_pixels_through_crop_mirror_and_scale(
    size_hw, corners, scale, is_mirrored, seed
):
    """A filled box drawn into the image and the box in numbers end at the same place.

    The nearest pixel is set where its centre lies in the moved box, so that edges differ by at most
    half a pixel. Bilinear, the box ends where it fades to one half: up to half a pixel more beside
    the image's mean, which fills what lies outside.
    """
    (height, width), reader = size_hw, ObjectReader(1, (0,))
    top, left = (
        round(share * (side - 4)) for share, side in zip(corners[:2], size_hw, strict=True)
    )
    bottom = top + 3 + round(corners[2] * (min(height - top, height // 2) - 3))
    right = left + 3 + round(corners[3] * (width - left - 3))
    pixels = np.zeros(size_hw, np.uint8)
    pixels[top:bottom, left:right] = 1
    augmentation = Augmentation(
        mirror_probability=float(is_mirrored), scale_min=scale, scale_max=scale
    )
    objects = make_objects((left, top, right, bottom))
    geometry = reader.sample_geometry(objects, augmentation, size_hw, np.random.default_rng(seed))
    boxes = reader.apply_geometry(objects, geometry, size_hw).boxes_xyxy_px
    for is_set, tolerance in (
        (apply_geometry_to_labels(pixels, geometry) == 1, 0.5),
        (apply_geometry_to_image(pixels.astype(np.float32), geometry) > 0.5, 1.0),
    ):
        if not is_set.any():
            # Too thin to hold a pixel's centre, or cut off.
            assert len(boxes) == 0 or min(boxes[0, 2:] - boxes[0, :2]) <= 2 * tolerance
            continue
        columns, rows = np.flatnonzero(is_set.any(axis=0)), np.flatnonzero(is_set.any(axis=1))
        found = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        np.testing.assert_allclose(boxes[0], found, rtol=0, atol=tolerance + 1e-3)


def test_cut_objects_are_kept_ignored_or_dropped_by_what_is_left():
    """A crop of columns 8..16: of boxes 4 wide, 3/4, 1/4 and nothing are left."""
    geometry = Geometry(is_mirrored=False, crop_yxhw_px=(0, 8, 12, 8))
    objects = make_objects((7, 0, 11, 6), (5, 0, 9, 6), (0, 0, 4, 6))
    reader = ObjectReader(3, (0, 1, 2), min_visible_share=0.4)
    kept = reader.apply_geometry(objects, geometry, (12, 16))
    np.testing.assert_array_equal(kept.class_ids, [0, 1])
    np.testing.assert_array_equal(kept.is_ignored, [False, True])
    np.testing.assert_array_equal(kept.boxes_xyxy_px[0], [0, 0, 6, 6])


def test_crops_hold_an_object_more_often_than_blind_ones():
    """One small object, crops of half the side: a blind crop holds it all with (1/2)^2 or so."""
    reader = ObjectReader(1, (0, 1))
    objects = make_objects((1, 1, 3, 3))
    augmentation = Augmentation(mirror_probability=0, scale_min=2, scale_max=2)
    found = [
        len(
            reader.apply_geometry(
                objects,
                reader.sample_geometry(objects, augmentation, (12, 16), np.random.default_rng(i)),
                (12, 16),
            ).class_ids
        )
        for i in range(100)
    ]
    blind = [
        crop_boxes(
            objects.boxes_xyxy_px,
            Geometry(False, (round(y * 6), round(x * 8), 6, 8)),
            (12, 16),
        )[1][0]
        > 0
        for y, x in np.random.default_rng(0).random((100, 2))
    ]
    assert sum(found) > 1.5 * sum(blind)


def _get_kept_shares(objects, num_samples):
    """Of 1000 columns, crops of 500 that begin anywhere: the share of each object in each crop."""
    augmentation = Augmentation(mirror_probability=0.5, scale_min=2, scale_max=2)
    reader = ObjectReader(2, (0, 1))
    rng = np.random.default_rng(0)
    geometries = [
        reader.sample_geometry(objects, augmentation, (1, 1000), rng) for _ in range(num_samples)
    ]
    return np.array([crop_boxes(objects.boxes_xyxy_px, g, (1, 1000))[1] for g in geometries])


def test_kept_shares_are_spread_as_the_drawn_ones():
    """A crop from x on holds 1 - x / 500 of columns 0..500: blindly, a share uniform in 0..1.

    Drawn m from 0, .3, .5, .7, .9, at least 0.9 is held by .1 / (1 - m) of the crops: .1, .143, .2,
    .333 and, as 21 draws are in vain with .9^21, .891; the mean is .333. At least 0.3 is held by .7
    for m = 0, by 1 - .3 .9^20 = .964 for m = .9 and else by all: .933. Standard errors of 2000
    samples are .0105 and .0056.
    """
    shares = _get_kept_shares(make_objects((0, 0, 500, 1)), 2000)
    assert np.mean(shares >= 0.9) == pytest.approx(0.333, abs=0.04)
    assert np.mean(shares >= 0.3) == pytest.approx(0.933, abs=0.02)


@pytest.mark.parametrize("min_share", [0.3, 0.9])
def test_drawn_share_is_reached_by_an_object_that_is_not_ignored(monkeypatch, min_share):
    """Columns 200..300 are held to 90 % by crops up to 210, which are 42 % of all: .58^20 = 2e-5.

    Crops from 290 on hold the ignored object 700..800 instead; were it counted, half of all crops
    would.
    """
    monkeypatch.setattr(objects_module, "_MIN_SHARES", (min_share,))
    objects = make_objects((200, 0, 300, 1), (700, 0, 800, 1), ignored=(False, True))
    shares = _get_kept_shares(objects, 200)
    assert shares[:, 0].min() >= min_share


def test_one_of_several_objects_is_enough(monkeypatch):
    """No crop holds both to 90 %; 84 % of all hold one, so that 20 draws always find it."""
    monkeypatch.setattr(objects_module, "_MIN_SHARES", (0.9,))
    shares = _get_kept_shares(make_objects((200, 0, 300, 1), (700, 0, 800, 1)), 200)
    assert shares.max(axis=1).min() >= 0.9


def test_image_of_ignored_objects_alone_takes_any_crop(monkeypatch):
    """The first one: columns 0..500 are held to 90 % by a tenth of all crops."""
    monkeypatch.setattr(objects_module, "_MIN_SHARES", (0.9,))
    shares = _get_kept_shares(make_objects((0, 0, 500, 1), ignored=(True,)), 500)
    # Standard error: sqrt(.1 .9 / 500) = .013.
    assert np.mean(shares >= 0.9) == pytest.approx(0.1, abs=0.05)


def test_image_without_objects_is_cropped_at_once():
    reader = ObjectReader(2, (0, 1))
    geometry = reader.sample_geometry(
        make_objects(), Augmentation(), (12, 16), np.random.default_rng(0)
    )
    assert reader.apply_geometry(make_objects(), geometry, (12, 16)).boxes_xyxy_px.shape == (0, 4)


def test_batches_are_filled_up_and_scaled_to_the_working_size():
    records = [
        make_record(0, (2, 3, 6, 9)),
        make_record(1),
        make_record(2, (0, 0, 8, 4), (8, 6, 16, 12)),
    ]
    config = PipelineConfig((24, 32))
    first, last = make_evaluation_batches(records, config, ObjectReader(2, (0, 1)), batch_size=2)
    np.testing.assert_array_equal(first.objects.is_valid, [[True, False], [False, False]])
    np.testing.assert_array_equal(first.objects.boxes_xyxy_px[0, 0], [4, 6, 12, 18])
    np.testing.assert_array_equal(first.image_size_hw, [[12, 16], [12, 16]])
    np.testing.assert_array_equal(last.objects.class_ids[0], [0, 1])
    # The row that only fills the batch up has no objects.
    assert not last.is_valid[1]
    assert not last.objects.is_valid[1].any()


def test_more_objects_than_rows_are_refused_not_cut():
    records = [make_record(0, (2, 3, 6, 9), (0, 0, 8, 4))]
    batches = make_train_batches(
        records, PipelineConfig((12, 16)), ObjectReader(1, (0, 1)), batch_size=1, seed=0
    )
    with pytest.raises(MdjaxError, match="record 0D: has 2 objects, but batches hold 1"):
        next(batches)


def test_other_classes_are_passed_over_and_ids_begin_at_0():
    record = make_record(0, (2, 3, 6, 9), (0, 0, 8, 4), (8, 6, 16, 12))
    objects = ObjectReader(3, (2, 0)).read(record)
    np.testing.assert_array_equal(objects.class_ids, [1, 0])
    np.testing.assert_array_equal(objects.boxes_xyxy_px, [[2, 3, 6, 9], [8, 6, 16, 12]])
