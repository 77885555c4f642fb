"""Inputs of a trained network for the user's own image pairs."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from mdjax.data.geometry import resize_image
from mdjax.data.thermal_camera import compute_camera_size_hw, view_with_camera
from mdjax.io.images import scale_to_unit
from mdjax.models.modalities import THERMAL, Missing
from mdjax.predict.decoded import DecodedPair
from mdjax.runs.config import TrainConfig
from mdjax.runs.scoring import describe_missing
from mdjax.types import MdjaxError

SimulateCamera = Literal["auto", "always", "never"]
"""Whether thermal images pass through the simulated camera of the training: `auto` where they have
the size of the visible image, or, without one, at least as many pixels as the working size, and so
come from a better camera than the network was trained for."""


class PreparedPair(NamedTuple):
    """What a network is given for one image pair."""

    visible: Float[np.ndarray, "h w 3"]
    """At the working size."""
    thermal: Float[np.ndarray, "hh ww"]
    """At the size that the network takes: the working size, or that of the sensor."""
    notes: tuple[str, ...]


def needs_thermal(config: TrainConfig, missing: Missing = "none") -> bool:
    """Return whether a network uses a thermal image."""
    if not config.network.sees_thermal or missing == THERMAL:
        return False
    return config.network.sees_full_thermal or config.pipeline.camera.resolution != "none"


def prepare_pair(
    pair: DecodedPair,
    config: TrainConfig,
    *,
    simulate: SimulateCamera = "auto",
    rng: np.random.Generator | None = None,
    missing: Missing = "none",
    thermal_size_hw: tuple[int, int] | None = None,
    training_view: str | None = None,
) -> PreparedPair:
    """Turn a decoded pair into what the network was trained to see, as the evaluation does.

    Args:
        pair: Images as they were stored.
        config: Of the network's training.
        simulate: Whether the thermal image passes through the camera of the training.
        rng: Source of the camera's noise; needed only where it has any.
        missing: Image that the network has to do without.
        thermal_size_hw: Rows and columns of the thermal image that the network takes: of an
            exported one those of the sensor; by default the working size.
        training_view: What was cut out of the images of the training, in words; None: nothing.

    Returns:
        Images in [0, 1], the visible one at the working size; thermal zeros where the network
        takes none.

    Raises:
        MdjaxError: The network needs a thermal image and there is none.
    """
    size_hw = config.pipeline.image_size_hw
    taken_hw = thermal_size_hw or size_hw
    thermal, *notes = _prepare_thermal(pair, config, simulate, rng, missing, taken_hw)
    if pair.cut is not None:
        notes.append(pair.cut.note)
    elif training_view is not None and pair.has_visible:
        notes.append(
            f"the visible images of the training were {training_view}, this one was not: give the "
            "same --visible-crop or --homography, unless it shows that part alone"
        )
    if missing != "none":
        notes.append(f"the network had to do {describe_missing(config, missing)}")
    height, width = pair.visible_u8.shape[:2]
    if abs(height * size_hw[1] / width - size_hw[0]) > 1:
        notes.append(
            f"{width}x{height} was distorted to {_format_size(size_hw)}, the size the network was "
            "trained at, whose aspect differs"
        )
    visible = scale_to_unit(resize_image(pair.visible_u8, size_hw))
    return PreparedPair(visible, thermal, tuple(notes))


def _prepare_thermal(
    pair: DecodedPair,
    config: TrainConfig,
    simulate: SimulateCamera,
    rng: np.random.Generator | None,
    missing: Missing,
    taken_hw: tuple[int, int],
) -> tuple[Float[np.ndarray, "hh ww"], str]:
    """The thermal image for the network, and what was done to get it."""
    size_hw, camera = config.pipeline.image_size_hw, config.pipeline.camera
    if not needs_thermal(config, missing):
        reason = "it was to be missing" if missing == THERMAL else "the network needs none"
        return np.zeros(taken_hw, np.float32), f"no thermal image was used, {reason}"
    if pair.thermal is None:
        raise MdjaxError(
            "the network needs a thermal image, and none was given; add its file, or the folder of "
            "the thermal images (--thermal), or give a four-channel PNG (RGB + thermal), or do "
            "without (--missing thermal)."
        )
    given = f"thermal {_format_size(pair.thermal.shape)}"
    if pair.has_visible:
        is_full = pair.thermal.shape == pair.visible_u8.shape[:2]
    else:  # The camera of the training had a part of the pixels of the working size.
        is_full = pair.thermal.size >= size_hw[0] * size_hw[1]
    sees_full = config.network.sees_full_thermal
    is_simulated = not sees_full and (simulate == "always" or (simulate == "auto" and is_full))
    if is_full:  # As for training: brought to the working size before it is a float.
        thermal = scale_to_unit(resize_image(pair.thermal, size_hw))
    else:  # As the simulated camera: grey levels are not rounded when they are scaled up.
        thermal = resize_image(scale_to_unit(pair.thermal), size_hw if is_simulated else taken_hw)
    if sees_full:
        remark = "" if is_full else ", though the network was trained with the full resolution"
        return thermal, f"{given} was used unchanged{remark}"
    # The camera counts from the working size, at which the network was trained.
    camera_hw = compute_camera_size_hw(camera, size_hw)
    trained = f"{_format_size(camera_hw)} at {_format_size(size_hw)}"
    if is_simulated:
        note = f"{given} was passed through the simulated camera of the training, {trained}"
        return resize_image(view_with_camera(thermal, camera, rng), taken_hw), note
    used = "used unchanged"
    if taken_hw not in (size_hw, pair.thermal.shape):
        used = f"scaled to {_format_size(taken_hw)}, which the exported network takes"
    note = f"{given} was {used}; the camera of the training had {trained}"
    return resize_image(thermal, taken_hw), note


def _format_size(size_hw: tuple[int, ...]) -> str:
    return f"{size_hw[1]}x{size_hw[0]}"
