import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from mdjax.data.geometry import Augmentation, Geometry
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
