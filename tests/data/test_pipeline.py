import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis
import jax
import numpy as np
import pytest
from hypothesis import strategies as st

from mdjax.data import pipeline
from mdjax.data.decode import decode_sample
from mdjax.data.geometry import (
    Augmentation,
    apply_geometry_to_image,
    apply_geometry_to_labels,
    sample_geometry,
)
from mdjax.data.pipeline import PipelineConfig, prefetch_to_devices
from mdjax.data.thermal_camera import ThermalCamera, simulate_camera
from mdjax.data.truth import LabelMapReader
from mdjax.types import IGNORED_LABEL, Batch, MdjaxError
from tests.data.factories import encode_png, make_records, make_textured_records

SIZE_HW = (12, 16)
LABELS = LabelMapReader()
AUGMENTED = PipelineConfig(
    image_size_hw=SIZE_HW,
    camera=ThermalCamera("4x", noise_std=0.02),
    augmentation=Augmentation(scale_min=0.8, gamma=0.5),
)
PLAIN = PipelineConfig(
    image_size_hw=SIZE_HW, camera=ThermalCamera("4x"), augmentation=Augmentation.off()
)


def make_train_batches(source: Any, config: PipelineConfig, **arguments: Any) -> Iterator[Batch]:
    return pipeline.make_train_batches(source, config, LABELS, **arguments)


def make_evaluation_batches(
    source: Any, config: PipelineConfig, **arguments: Any
) -> Iterator[Batch]:
    return pipeline.make_evaluation_batches(source, config, LABELS, **arguments)


def _take(batches, count: int) -> list[Batch]:
    return list(itertools.islice(batches, count))


def _assert_equal(first: list[Batch], second: list[Batch]) -> None:
    assert len(first) == len(second)
    jax.tree.map(np.testing.assert_array_equal, first, second)


def _get_record_numbers(batch: Batch) -> list[int]:
    """`make_records` writes a record's number into all its thermal pixels."""
    return np.rint(np.asarray(batch.thermal_full)[:, 0, 0, 0] * 255).astype(int).tolist()


def test_batch_has_the_promised_shapes_types_and_ranges():
    (batch,) = _take(make_train_batches(make_records(5), AUGMENTED, batch_size=4, seed=0), 1)
    assert batch.visible.shape == (4, *SIZE_HW, 3)
    assert batch.thermal_full.shape == batch.thermal_camera.shape == (4, *SIZE_HW, 1)
    assert batch.label_maps.shape == (4, *SIZE_HW)
    for image in (batch.visible, batch.thermal_full, batch.thermal_camera):
        assert image.dtype == np.float32
        assert image.min() >= 0.0
        assert image.max() <= 1.0
    assert batch.label_maps.dtype == np.uint8
    assert set(np.unique(batch.label_maps)) <= {*range(9), IGNORED_LABEL}
    assert batch.is_night.dtype == batch.is_valid.dtype == np.bool_
    assert batch.is_valid.all()


def test_same_seed_gives_the_same_batches_and_another_seed_others():
    records = make_textured_records(5)
    first = _take(make_train_batches(records, AUGMENTED, batch_size=4, seed=3), 4)
    again = _take(make_train_batches(records, AUGMENTED, batch_size=4, seed=3, num_threads=3), 4)
    _assert_equal(first, again)
    other = _take(make_train_batches(records, AUGMENTED, batch_size=4, seed=4), 4)
    assert not np.array_equal(first[0].visible, other[0].visible)


@pytest.mark.parametrize("start_step", [1, 7])
def test_starting_late_equals_continuing(start_step):
    """Three records and batches of four: each batch spans epochs."""
    records = make_textured_records(3)
    whole = _take(make_train_batches(records, AUGMENTED, batch_size=4, seed=0), start_step + 3)
    resumed = make_train_batches(records, AUGMENTED, batch_size=4, seed=0, start_step=start_step)
    _assert_equal(whole[start_step:], _take(resumed, 3))


@hypothesis.given(
    num_records=st.integers(1, 7), batch_size=st.integers(1, 5), seed=st.integers(0, 2**32 - 1)
)
@hypothesis.settings(max_examples=8)
def test_each_epoch_holds_every_record_once(num_records, batch_size, seed):
    num_steps = -(-2 * num_records // batch_size)
    batches = make_train_batches(
        make_records(num_records), PLAIN, batch_size=batch_size, seed=seed, num_threads=1
    )
    numbers = [n for batch in _take(batches, num_steps) for n in _get_record_numbers(batch)]
    for epoch in range(2):
        in_epoch = numbers[epoch * num_records : (epoch + 1) * num_records]
        assert sorted(in_epoch) == list(range(num_records))


def test_epochs_differ_in_order():
    batches = make_train_batches(make_records(16), PLAIN, batch_size=16, seed=0)
    orders = [_get_record_numbers(batch) for batch in _take(batches, 3)]
    assert orders[0] != list(range(16))
    assert orders[0] != orders[1] != orders[2]


def test_repeated_records_get_new_augmentation():
    records = make_textured_records(1)
    first, second = _take(make_train_batches(records, AUGMENTED, batch_size=1, seed=0), 2)
    assert not np.array_equal(first.visible, second.visible)


@pytest.mark.parametrize("num_kept", [0, 2, 5])
def test_kept_samples_change_no_bit(num_kept):
    """5 bytes a pixel; 512 x 512 is 1.25 MiB, so that 3 MiB keep 2 samples and 7 MiB keep all 5."""
    megabytes = {0: 0, 2: 3, 5: 7}[num_kept]
    records = make_textured_records(5)
    config = {"image_size_hw": (512, 512), "augmentation": Augmentation.off()}
    kept = PipelineConfig(**config, cache_megabytes=megabytes)
    expected = PipelineConfig(**config, cache_megabytes=0)

    class Counting(list):
        num_reads = 0

        def __getitem__(self, index):
            self.num_reads += 1
            return super().__getitem__(index)

    counting = Counting(records)
    batches = make_train_batches(counting, kept, batch_size=5, seed=0, num_threads=1)
    got = _take(batches, 2)
    _assert_equal(got, _take(make_train_batches(records, expected, batch_size=5, seed=0), 2))
    if num_kept == 5:
        assert counting.num_reads == 5
    else:
        assert counting.num_reads >= 10 - num_kept


def test_unaugmented_batch_equals_the_record():
    records = make_textured_records(1)
    (batch,) = _take(make_train_batches(records, PLAIN, batch_size=1, seed=0), 1)
    sample = decode_sample(records[0], LABELS, SIZE_HW)
    thermal = sample.thermal.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(batch.visible[0], sample.visible_u8 / np.float32(255))
    np.testing.assert_array_equal(batch.thermal_full[0, ..., 0], thermal)
    np.testing.assert_array_equal(
        batch.thermal_camera[0, ..., 0], simulate_camera(thermal, ThermalCamera("4x"))
    )
    np.testing.assert_array_equal(batch.label_maps[0], sample.truth)
    assert not batch.is_night[0]


def test_camera_comes_before_one_augmentation_shared_by_all_images():
    """The only difference between the two thermals is the camera, then one geometry for all."""
    augmentation = Augmentation(
        mirror_probability=1.0,
        scale_min=1.5,
        thermal_brightness=0.0,
        brightness=0.0,
        contrast=0.0,
        saturation=0.0,
        thermal_contrast=0.0,
    )
    config = PipelineConfig(SIZE_HW, ThermalCamera("4x"), augmentation)
    records = make_textured_records(1)
    (batch,) = _take(make_train_batches(records, config, batch_size=1, seed=0), 1)
    sample = decode_sample(records[0], LABELS, SIZE_HW)
    thermal = sample.thermal.astype(np.float32) / np.float32(255)
    cheap = simulate_camera(thermal, config.camera)
    # Find the drawn geometry by its effect on the labels, among many draws.
    draws = (
        sample_geometry(augmentation, SIZE_HW, np.random.default_rng(seed)) for seed in range(2000)
    )
    geometry = next(
        draw
        for draw in draws
        if np.array_equal(apply_geometry_to_labels(sample.truth, draw), batch.label_maps[0])
    )
    for image, got in (
        (thermal, batch.thermal_full[0, ..., 0]),
        (cheap, batch.thermal_camera[0, ..., 0]),
        (sample.visible_u8, batch.visible[0] * 255),
    ):
        np.testing.assert_allclose(got, apply_geometry_to_image(image, geometry), atol=1e-4)


def test_camera_does_not_change_what_else_a_step_gets():
    records = make_textured_records(3)
    batches = [
        _take(
            make_train_batches(
                records, PipelineConfig(SIZE_HW, camera), batch_size=3, seed=0, start_step=5
            ),
            1,
        )[0]
        for camera in (
            ThermalCamera("full"),
            ThermalCamera("none"),
            ThermalCamera("16x", noise_std=0.1, fixed_pattern_std=0.1),
        )
    ]
    for other in batches[1:]:
        for field in ("visible", "thermal_full", "truth"):
            np.testing.assert_array_equal(getattr(batches[0], field), getattr(other, field))
    np.testing.assert_array_equal(batches[0].thermal_camera, batches[0].thermal_full)
    assert not batches[1].thermal_camera.any()


def test_working_size_resizes_everything():
    config = PipelineConfig((6, 8), ThermalCamera("full"), Augmentation.off())
    records = make_textured_records(1)
    (batch,) = make_evaluation_batches(records, config, batch_size=1)
    sample = decode_sample(records[0], LABELS, SIZE_HW)
    means = sample.thermal.reshape(6, 2, 8, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(batch.thermal_full[0, ..., 0] * 255, means, atol=0.51)
    np.testing.assert_array_equal(batch.label_maps[0], sample.truth[1::2, 1::2])


def test_evaluation_yields_every_record_once_in_order_and_fills_up_the_last_batch():
    """5 records in batches of 4: 8 rows, 3 of them padding."""
    batches = list(make_evaluation_batches(make_records(5), AUGMENTED, batch_size=4))
    assert [_get_record_numbers(batch) for batch in batches] == [[0, 1, 2, 3], [4, 0, 0, 0]]
    assert batches[0].is_valid.all()
    assert batches[1].is_valid.tolist() == [True, False, False, False]
    assert (batches[1].label_maps[1:] == IGNORED_LABEL).all()
    assert batches[0].is_night.tolist() == [False, True, False, True]


def test_evaluation_repeats_bit_for_bit_with_noise():
    records = make_textured_records(3)
    first = list(make_evaluation_batches(records, AUGMENTED, batch_size=2))
    second = list(make_evaluation_batches(records, AUGMENTED, batch_size=2, num_threads=1))
    _assert_equal(first, second)
    single = list(make_evaluation_batches(records, AUGMENTED, batch_size=1))
    np.testing.assert_array_equal(single[2].thermal_camera[0], first[1].thermal_camera[0])
    assert not np.array_equal(first[0].thermal_camera, first[0].thermal_full)


@pytest.mark.parametrize("make", [make_train_batches, make_evaluation_batches])
def test_processes_make_the_rows_of_the_same_batches(make: Any) -> None:
    """Of 5 records in batches of 4: rows of any order, and of the second batch's padding."""
    extra = {"seed": 3, "start_step": 1} if make is make_train_batches else {}
    whole = _take(make(make_records(5), AUGMENTED, batch_size=4, **extra), 2)
    parts = {
        rows: _take(make(make_records(5), AUGMENTED, batch_size=4, rows=rows, **extra), 2)
        for rows in ((0, 2), (1,), (3,))
    }
    for i, batch in enumerate(whole):
        for rows, batches in parts.items():
            _assert_equal([batches[i]], [jax.tree.map(lambda x, r=rows: x[list(r)], batch)])


@pytest.mark.parametrize("make", [make_train_batches, make_evaluation_batches])
def test_damaged_record_is_named(make):
    records = make_records(3)
    records[1]["visible_thermal"] = records[1]["visible_thermal"][:-9]
    extra = {"seed": 0} if make is make_train_batches else {}
    with pytest.raises(MdjaxError, match="record 00001N: PNG is truncated"):
        _take(make(records, AUGMENTED, batch_size=3, **extra), 1)


def test_impossible_numbers_are_refused():
    records = make_records(2)
    with pytest.raises(MdjaxError, match="holds no records"):
        make_train_batches([], AUGMENTED, batch_size=2, seed=0)
    with pytest.raises(MdjaxError, match="holds no records"):
        make_evaluation_batches([], AUGMENTED, batch_size=2)
    with pytest.raises(MdjaxError, match="batch_size = 0"):
        make_train_batches(records, AUGMENTED, batch_size=0, seed=0)
    with pytest.raises(MdjaxError, match="seed = -1"):
        make_train_batches(records, AUGMENTED, batch_size=1, seed=-1)
    with pytest.raises(MdjaxError, match="image_size_hw"):
        PipelineConfig(image_size_hw=(0, 640))
    with pytest.raises(MdjaxError, match="larger than the thermal image"):
        PipelineConfig(image_size_hw=(60, 80), camera=ThermalCamera("160x120"))
    with pytest.raises(MdjaxError, match="cache_megabytes"):
        PipelineConfig(cache_megabytes=-1)


def test_prefetch_yields_all_batches_in_order_on_the_sharding():
    mesh = jax.make_mesh((1,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    expected = list(make_evaluation_batches(make_records(5), PLAIN, batch_size=2))
    for target in (None, sharding):
        got = list(prefetch_to_devices(expected, target))
        _assert_equal(expected, got)
        leaves = jax.tree.leaves(got)
        assert all(isinstance(leaf, jax.Array) for leaf in leaves)
        assert target is None or all(leaf.sharding == target for leaf in leaves)


@pytest.mark.parametrize("depth", [0, 2])
def test_prefetch_runs_no_further_ahead_than_its_depth(depth):
    num_read = 0
    batch = next(make_evaluation_batches(make_records(2), PLAIN, batch_size=2))

    def read():
        nonlocal num_read
        while True:
            num_read += 1
            yield batch

    batches = prefetch_to_devices(read(), depth=depth)
    next(batches)
    assert num_read == depth + 1
    next(batches)
    assert num_read == depth + 2


def test_sixteen_bits_reach_the_batch():
    """Counts 1000 to 5095 are 0 to 1; neighbouring counts are 1/4095 apart, not 1/255."""
    counts = np.arange(1000, 1000 + 12 * 16, dtype=np.uint16).reshape(12, 16)
    record = {
        "visible": encode_png(np.zeros((12, 16, 3), np.uint8)),
        "thermal": encode_png(counts),
        "labels": encode_png(np.zeros((12, 16), np.uint8)),
        "name": b"0",
        "is_night": False,
        "thermal_range_counts": (1000, 5095),
    }
    sample = decode_sample(record, LABELS, SIZE_HW)
    assert sample.thermal.dtype == np.uint16
    config = PipelineConfig(SIZE_HW, ThermalCamera("full"), Augmentation.off())
    (batch,) = make_evaluation_batches([record], config, batch_size=1)
    expected = (counts - 1000.0) / 4095
    np.testing.assert_allclose(batch.thermal_full[0, ..., 0], expected, atol=1e-5)
    assert len(np.unique(batch.thermal_full)) == 12 * 16


def test_images_of_8_bits_stay_what_they_were():
    """An image of 8 bits is kept in 8 bits and divided by 255, as ever."""
    records = make_textured_records(1)
    sample = decode_sample(records[0], LABELS, SIZE_HW)
    assert sample.thermal.dtype == np.uint8
    assert sample.num_bytes == 12 * 16 * 5
