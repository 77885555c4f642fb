"""From a prepared split to batches on the devices.

record → decode → working size → camera simulator → shared geometry → photometry → batch

The batch of step n depends on (seed, n) alone: order, augmentation and noise derive from the index
of the sample in the endless training sequence. Resuming is starting at step n; nothing needs to be
saved, and any number of threads yields the same batch. So does any number of processes: each makes
its own rows of it.
"""

import collections
import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import grain
import jax
import numpy as np
from jaxtyping import Float

from mdjax.data.decode import DecodedSource, Sample
from mdjax.data.geometry import Augmentation, apply_geometry_to_image
from mdjax.data.photometry import (
    Photometry,
    apply_photometry_to_thermal,
    apply_photometry_to_visible,
    sample_photometry,
)
from mdjax.data.source import RecordSource
from mdjax.data.thermal_camera import ThermalCamera, compute_camera_size_hw, simulate_camera
from mdjax.data.truth import TruthReader
from mdjax.io.images import scale_to_unit
from mdjax.types import Batch, MdjaxError

_EVALUATION_NOISE_SEED = 0
_MAX_THREADS = 8


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """Image size, camera, augmentation and cache."""

    image_size_hw: tuple[int, int] = (480, 640)
    """Working size: rows and columns of every image in a batch."""
    camera: ThermalCamera = dataclasses.field(default_factory=ThermalCamera)
    """The student's thermal camera; its resolution counts from the working size."""
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    """Training only; evaluation never augments."""
    cache_megabytes: int = 1024
    """Memory in which decoded samples are kept at the working size, 5 bytes a pixel (6 of 16-bit
    thermal images), so that they are decoded only in the first epoch. Samples that do not fit are
    decoded each time; 0 keeps none. Batches do not depend on it."""

    def __post_init__(self) -> None:
        """Refuse impossible values where they are written, not in the middle of a run."""
        if min(self.image_size_hw) < 1:
            raise MdjaxError(f"image_size_hw = {self.image_size_hw}: give positive rows, columns.")
        if self.cache_megabytes < 0:
            raise MdjaxError(f"cache_megabytes = {self.cache_megabytes}: give 0 (off) or more.")
        if self.camera.resolution != "none":
            compute_camera_size_hw(self.camera, self.image_size_hw)


class _Row(NamedTuple):
    """One row of a batch."""

    visible: Float[np.ndarray, "h w 3"]
    thermal_full: Float[np.ndarray, "h w"]
    thermal_camera: Float[np.ndarray, "h w"]
    truth: Any
    is_night: bool
    image_size_hw: tuple[int, int]
    is_valid: bool


def make_train_batches(
    source: RecordSource,
    config: PipelineConfig,
    truth_reader: TruthReader,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    num_threads: int | None = None,
    rows: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """Endless training batches, reshuffled in every epoch; a batch may span two epochs.

    Args:
        source: Records of a split, from `open_split`.
        config: What happens to each record.
        truth_reader: Reads the annotation that the task needs.
        batch_size: Rows of a batch.
        seed: Of order, augmentation and noise.
        start_step: The first batch to yield; `start_step=n` continues a run exactly where one that
            began at 0 stands after n batches.
        num_threads: Threads that prepare batches; the number of cores by default, at most 8.
        rows: Rows of each batch that this process makes, see `list_local_rows`; all by default.

    Raises:
        MdjaxError: No records, or impossible numbers.
    """
    _check_batch_size(source, batch_size)
    if not 0 <= seed < 2**32:
        raise MdjaxError(f"seed = {seed}: give a number from 0 to 4294967295.")
    decoded = DecodedSource(
        source, truth_reader, config.image_size_hw, cache_megabytes=config.cache_megabytes
    )

    stack = functools.partial(_stack_rows, truth_reader)

    def augment(sample: Sample, rng: np.random.Generator) -> _Row:
        return _make_row(sample, truth_reader, config.camera, config.augmentation, rng)

    samples = grain.MapDataset.source(decoded).seed(seed).shuffle().repeat().random_map(augment)
    batches = _select_rows(samples, batch_size, rows, stack)
    return iter(batches[start_step:].to_iter_dataset(_make_read_options(num_threads)))


def make_evaluation_batches(
    source: RecordSource,
    config: PipelineConfig,
    truth_reader: TruthReader,
    *,
    batch_size: int,
    num_threads: int | None = None,
    rows: Sequence[int] | None = None,
) -> Iterator[Batch]:
    """Every record once, in order, without augmentation.

    The last batch is filled up with rows of `is_valid=False`, so that all batches have one shape.
    Camera noise is seeded by the record's index: each network is scored on the same noisy images.
    Arguments as in `make_train_batches`.

    Raises:
        MdjaxError: No records, or impossible numbers.
    """
    _check_batch_size(source, batch_size)
    decoded = DecodedSource(source, truth_reader, config.image_size_hw, cache_megabytes=0)
    stack = functools.partial(_stack_rows, truth_reader)
    no_augmentation = Augmentation.off()

    def load(index: int) -> _Row:
        if index >= len(decoded):
            return _make_padding_row(truth_reader, config.image_size_hw)
        rng = np.random.default_rng([_EVALUATION_NOISE_SEED, index])
        return _make_row(decoded[index], truth_reader, config.camera, no_augmentation, rng)

    num_rows = -(-len(decoded) // batch_size) * batch_size
    samples = grain.MapDataset.range(num_rows).map(load)
    batches = _select_rows(samples, batch_size, rows, stack)
    return iter(batches.to_iter_dataset(_make_read_options(num_threads)))


def prefetch_to_devices(
    batches: Iterable[Batch], sharding: jax.sharding.Sharding | None = None, depth: int = 2
) -> Iterator[Batch]:
    """Copy batches to the devices `depth` ahead of their use.

    Args:
        batches: On the host; of several processes, each has its own rows.
        sharding: How the rows spread over the devices; None for the default device.
        depth: Batches held on the devices besides the one in use.
    """
    iterator = iter(batches)
    queue: collections.deque[Batch] = collections.deque()
    while True:
        for batch in itertools.islice(iterator, depth + 1 - len(queue)):
            queue.append(_put_on_devices(batch, sharding))
        if not queue:
            return
        yield queue.popleft()


def _put_on_devices(batch: Batch, sharding: jax.sharding.Sharding | None) -> Batch:
    if sharding is None:
        return jax.device_put(batch)
    return jax.make_array_from_process_local_data(sharding, batch)


def _select_rows(
    samples: grain.MapDataset[_Row],
    batch_size: int,
    rows: Sequence[int] | None,
    stack: Callable[[Sequence[_Row]], Batch],
) -> grain.MapDataset[Batch]:
    """Make batches of some rows of each batch; a sample stays the same, whoever makes it."""
    chosen = range(batch_size) if rows is None else rows

    def get(index: int) -> _Row:
        batch, place = divmod(index, len(chosen))
        row = samples[batch * batch_size + chosen[place]]
        assert row is not None  # No sample is filtered out.
        return row

    num_batches = len(samples) // batch_size
    return (
        grain.MapDataset.range(num_batches * len(chosen))
        .map(get)
        # There is no remainder, but Grain computes the endless length as a float otherwise, and
        # overflows at a batch of one.
        .batch(len(chosen), drop_remainder=True, batch_fn=stack)
    )


def _make_row(
    sample: Sample,
    truth_reader: TruthReader,
    camera: ThermalCamera,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> _Row:
    """Simulate the camera, then augment.

    Noise is drawn last: the camera does not change which augmentation a step gets.
    """
    size_hw = (sample.thermal.shape[0], sample.thermal.shape[1])
    geometry = truth_reader.sample_geometry(sample.truth, augmentation, size_hw, rng)
    photometry = sample_photometry(augmentation, rng)
    full = scale_to_unit(sample.thermal)
    cheap = simulate_camera(full, camera, rng)
    mean = float(cv2.mean(full)[0])
    # Without a thermal camera there is nothing whose brightness could change.
    cheap_photometry = Photometry() if camera.resolution == "none" else photometry
    return _Row(
        visible=apply_photometry_to_visible(
            apply_geometry_to_image(sample.visible_u8, geometry), photometry
        ),
        thermal_full=apply_photometry_to_thermal(
            apply_geometry_to_image(full, geometry), photometry, mean=mean
        ),
        thermal_camera=apply_photometry_to_thermal(
            apply_geometry_to_image(cheap, geometry), cheap_photometry, mean=mean
        ),
        truth=truth_reader.apply_geometry(sample.truth, geometry, size_hw),
        is_night=sample.is_night,
        image_size_hw=sample.image_size_hw,
        is_valid=True,
    )


def _make_padding_row(truth_reader: TruthReader, size_hw: tuple[int, int]) -> _Row:
    return _Row(
        visible=np.zeros((*size_hw, 3), np.float32),
        thermal_full=np.zeros(size_hw, np.float32),
        thermal_camera=np.zeros(size_hw, np.float32),
        truth=truth_reader.create_padding(size_hw),
        is_night=False,
        image_size_hw=size_hw,
        is_valid=False,
    )


def _stack_rows(truth_reader: TruthReader, rows: Sequence[_Row]) -> Batch:
    return Batch(
        visible=np.stack([row.visible for row in rows]),
        thermal_full=np.stack([row.thermal_full for row in rows])[..., None],
        thermal_camera=np.stack([row.thermal_camera for row in rows])[..., None],
        truth=truth_reader.stack([row.truth for row in rows]),
        is_night=np.array([row.is_night for row in rows]),
        image_size_hw=np.array([row.image_size_hw for row in rows], np.int32),
        is_valid=np.array([row.is_valid for row in rows]),
    )


def _check_batch_size(source: RecordSource, batch_size: int) -> None:
    if len(source) == 0:
        raise MdjaxError(
            "the split holds no records; choose another one, or prepare the data set again with "
            "--overwrite."
        )
    if batch_size < 1:
        raise MdjaxError(f"batch_size = {batch_size}: give 1 or more.")


def _make_read_options(num_threads: int | None) -> grain.ReadOptions:
    # One sample's work stays on one thread: OpenCV's own threads would only compete with ours.
    cv2.setNumThreads(1)
    num_threads = num_threads or min(os.cpu_count() or 1, _MAX_THREADS)
    # Whole batches wait here, 100 MB each for 16 pairs of 640x480: no more than keep threads busy.
    return grain.ReadOptions(num_threads=num_threads, prefetch_buffer_size=num_threads + 1)
