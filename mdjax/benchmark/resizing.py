"""A network at another size of its images: what it costs there, without training it again."""

from collections.abc import Sequence
from dataclasses import replace

from mdjax.runs.loading import LoadedNetwork


def change_sizes(
    loaded: LoadedNetwork, size_hw: Sequence[int] | None, resolution: str | None
) -> LoadedNetwork:
    """Let a network see images, or a thermal camera, of another size than in training.

    Args:
        loaded: The network; its weights fit images of any size.
        size_hw: Rows and columns of the images; None: as in training.
        resolution: Of the thermal camera, see `ThermalCamera`; None: as in training.

    Raises:
        MdjaxError: There is no such camera.
    """
    pipeline = loaded.config.pipeline
    if size_hw is not None:
        height, width = size_hw
        pipeline = replace(pipeline, image_size_hw=(height, width))
    if resolution is not None:
        pipeline = replace(pipeline, camera=replace(pipeline.camera, resolution=resolution))
    return replace(loaded, config=replace(loaded.config, pipeline=pipeline))
