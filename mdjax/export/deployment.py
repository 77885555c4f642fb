"""A trained network as a function of what the cameras deliver."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

from mdjax.data.thermal_camera import compute_camera_size_hw
from mdjax.export.heads import ExportHead, choose_head
from mdjax.models.modalities import BOTH, THERMAL, VISIBLE, Missing
from mdjax.ops.resize import resize_bilinear
from mdjax.runs.config import TrainConfig
from mdjax.runs.loading import LoadedNetwork
from mdjax.runs.scoring import list_seen, require_image
from mdjax.types import MdjaxError

InputType = Literal["uint8", "float"]
"""Grey levels 0 to 255 as cameras deliver them, or float32 in [0, 1]."""


@dataclass(frozen=True)
class ImageInput:
    """An input of an exported network.

    Attributes:
        name: visible, thermal, or visible_thermal for both in one array.
        size_hw: Rows and columns.
        num_channels: RGB, thermal, or RGB and thermal.
    """

    name: str
    size_hw: tuple[int, int]
    num_channels: int


@dataclass(frozen=True)
class Deployment:
    """A trained network with everything between the images and its answer.

    Attributes:
        run: From images [b h w c], one for each input, to the outputs in their order.
        inputs: What it takes.
        input_type: Of the images.
        head_name: Of the head.
        head: What the outputs mean.
        working_size_hw: Rows and columns of what the network sees: boxes are in its pixels.
    """

    run: Callable[..., tuple[jax.Array, ...]]
    inputs: tuple[ImageInput, ...]
    input_type: InputType
    head_name: str
    head: ExportHead
    working_size_hw: tuple[int, int]

    @property
    def input_max(self) -> float:
        """Largest value of the images."""
        return 255.0 if self.input_type == "uint8" else 1.0

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of what `run` returns; the selection of boxes comes behind it."""
        if self.head.nms is None:
            return tuple(self.head.outputs)
        return tuple(self.head.outputs)[:2]

    def list_shapes(self, batch_size: Any = 1) -> list[jax.ShapeDtypeStruct]:
        """Return the shape of each input for so many images."""
        dtype = jnp.uint8 if self.input_type == "uint8" else jnp.float32
        return [
            jax.ShapeDtypeStruct((batch_size, *x.size_hw, x.num_channels), dtype)
            for x in self.inputs
        ]


def deploy(
    loaded: LoadedNetwork,
    *,
    head: str | None = None,
    input_type: InputType = "uint8",
    missing: Missing = "none",
    in_one_array: bool = False,
) -> Deployment:
    """Make a trained network a function of images as its cameras deliver them.

    The visible image has the working size; the thermal one that of the camera that the network was
    trained with, and is scaled up bilinearly inside, as in training. In one array both have the
    working size.

    Args:
        loaded: From `load_network`.
        head: What it answers with, see `list_heads`; None for the usual one.
        input_type: Of the images.
        missing: Image that the network has to do without.
        in_one_array: Take RGB and thermal as four channels of one array.

    Raises:
        MdjaxError: There is no such head, no image would be left, or there are no two to join.
    """
    require_image(loaded, missing)
    config = loaded.config
    size_hw = config.pipeline.image_size_hw
    seen = [name for name in list_seen(config) if name != missing]
    separate = {
        VISIBLE: ImageInput(VISIBLE, size_hw, 3),
        THERMAL: ImageInput(THERMAL, get_thermal_size_hw(config), 1),
    }
    inputs = tuple(separate[name] for name in seen)
    if in_one_array:
        if len(seen) < 2:
            raise MdjaxError(
                f"{loaded.source}: only the {seen[0]} image is left to take, but in_one_array "
                "joins two; omit it."
            )
        inputs = (ImageInput("visible_thermal", size_hw, 4),)
    head_name, chosen = choose_head(config.task, head)
    options: Mapping[str, Any] = {} if missing == "none" else {"missing": missing}
    scale = 1.0 if input_type == "float" else 1 / 255

    def run(*arrays: jax.Array) -> tuple[jax.Array, ...]:
        images = _separate(inputs, arrays)
        batch_size = arrays[0].shape[0]

        def show(name: str) -> jax.Array:
            if name not in images:
                return jnp.zeros((batch_size, *size_hw, separate[name].num_channels))
            image = images[name].astype(jnp.float32)
            # In this order normalisation and scale are one map, which conv1 takes in.
            return resize_bilinear(image, size_hw=size_hw) * scale

        output: Any = loaded.network.apply(
            dict(loaded.variables), *map(show, BOTH), train=False, **options
        )
        return tuple(chosen.answer(output.prediction, size_hw).values())

    return Deployment(run, inputs, input_type, head_name, chosen, size_hw)


def get_thermal_size_hw(config: TrainConfig) -> tuple[int, int]:
    """Return rows and columns of the thermal camera that a network was trained with."""
    size_hw, camera = config.pipeline.image_size_hw, config.pipeline.camera
    if config.network.sees_full_thermal or camera.resolution == "none":
        return size_hw
    return compute_camera_size_hw(camera, size_hw)


def _separate(
    inputs: tuple[ImageInput, ...], arrays: tuple[jax.Array, ...]
) -> Mapping[str, jax.Array]:
    images = {x.name: array for x, array in zip(inputs, arrays, strict=True)}
    if len(inputs) == 1 and inputs[0].num_channels == 4:
        return {VISIBLE: arrays[0][..., :3], THERMAL: arrays[0][..., 3:]}
    return images
