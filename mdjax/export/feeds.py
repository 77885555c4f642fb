"""Image pairs as an exported network takes them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Shaped

from mdjax.data.geometry import resize_image
from mdjax.data.pipeline import make_evaluation_batches
from mdjax.data.source import SplitSource
from mdjax.data.thermal_camera import view_with_camera
from mdjax.export.deployment import Deployment, InputType
from mdjax.io.images import scale_to_unit
from mdjax.models.modalities import THERMAL, VISIBLE
from mdjax.ops.resize import resize_bilinear
from mdjax.predict.pairs import PairFiles, read_pair
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.scoring import list_seen
from mdjax.types import Batch, MdjaxError

Feed = Mapping[str, np.ndarray]
"""Images [1 h w c] by the name of the input."""


def make_feed(
    deployment: Deployment,
    config: TrainConfig,
    visible: Float[np.ndarray, "h w 3"],
    thermal: Float[np.ndarray, "ht wt"],
    *,
    has_camera_pixels: bool = False,
) -> Feed:
    """Make the inputs of one pair.

    Args:
        deployment: What takes them.
        config: Of the network's training.
        visible: RGB in [0, 1] at the working size.
        thermal: In [0, 1]: at the working size, seen by the camera of the training first; or at
            the size of the network's thermal input.
        has_camera_pixels: It is the latter.
    """
    if not has_camera_pixels and config.network.sees_camera and THERMAL in list_seen(config):
        thermal = view_with_camera(thermal, config.pipeline.camera, np.random.default_rng(0))
    images = {VISIBLE: visible, THERMAL: thermal[..., None]}
    if len(deployment.inputs) == 1 and deployment.inputs[0].num_channels == 4:
        large = np.asarray(resize_bilinear(images[THERMAL][None], size_hw=visible.shape[:2]))[0]
        images = {deployment.inputs[0].name: np.concatenate([visible, large], axis=-1)}
    return {
        x.name: convert_to_input(images[x.name], deployment.input_type)[None]
        for x in deployment.inputs
    }


def convert_to_input(
    images: Float[np.ndarray, "..."], input_type: InputType
) -> Shaped[np.ndarray, "..."]:
    """Turn images in [0, 1] into what an exported network takes."""
    if input_type == "float":
        return images.astype(np.float32)
    return np.round(255 * images).astype(np.uint8)


def make_feeds_of_batch(deployment: Deployment, config: TrainConfig, batch: Batch) -> list[Feed]:
    """Make the inputs of each real row of a batch of the pipeline."""
    visible, thermal = np.asarray(batch.visible), np.asarray(batch.thermal_full)
    return [
        make_feed(deployment, config, visible[row], thermal[row, ..., 0])
        for row in np.flatnonzero(np.asarray(batch.is_valid))
    ]


def read_feeds_of_split(
    deployment: Deployment, config: TrainConfig, split: SplitSource, num_pairs: int
) -> list[Feed]:
    """Read pairs that are spread over a split."""
    step = max(1, len(split) // num_pairs)
    feeds: list[Feed] = []
    batches = make_evaluation_batches(
        split, config.pipeline, config.task.create_truth_reader(split), batch_size=1
    )
    for index, batch in enumerate(batches):
        if index % step == 0 and len(feeds) < num_pairs:
            feeds += make_feeds_of_batch(deployment, config, batch)
    return feeds


def read_feeds_of_files(
    deployment: Deployment, loaded: LoadedNetwork, pairs: Sequence[PairFiles]
) -> list[Feed]:
    """Read pairs of files; a thermal image as large as the visible one is seen by the camera.

    Raises:
        MdjaxError: A file cannot be read, or the network needs an image that is not there.
    """
    return [_read_feed_of_files(deployment, loaded, files) for files in pairs]


def _read_feed_of_files(deployment: Deployment, loaded: LoadedNetwork, files: PairFiles) -> Feed:
    pair = read_pair(files, thermal_range_counts=loaded.thermal_range_counts)
    size_hw = deployment.working_size_hw
    visible = scale_to_unit(resize_image(pair.visible_u8, size_hw))
    needed = {x.name: x for x in deployment.inputs if x.name != VISIBLE}
    if not needed:
        return make_feed(deployment, loaded.config, visible, np.zeros(size_hw, np.float32))
    if pair.thermal is None:
        raise MdjaxError(
            f"{files.visible}: has no thermal image beside it, which the network needs; name the "
            "folder of the thermal images with --calibrate-thermal."
        )
    is_full = pair.thermal.shape == pair.visible_u8.shape[:2]
    if is_full:  # As for training: brought to the working size before it is a float.
        thermal = scale_to_unit(resize_image(pair.thermal, size_hw))
    else:  # As the simulated camera: grey levels are not rounded when they are scaled up.
        target = needed[THERMAL].size_hw if THERMAL in needed else size_hw
        thermal = resize_image(scale_to_unit(pair.thermal), target)
    return make_feed(deployment, loaded.config, visible, thermal, has_camera_pixels=not is_full)
