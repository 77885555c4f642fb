"""From (seed, index) to an image pair with exact labels and boxes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from mdjax.scenes.raster import draw_part_map, read_instances
from mdjax.scenes.scene import sample_scene
from mdjax.scenes.thermal import expose_thermal
from mdjax.scenes.visible import expose_visible
from mdjax.types import MdjaxError

_MIN_SIZE_PX = 16
_EXPOSURE_STREAM = 1


@dataclass(frozen=True)
class RenderedScene:
    """A generated RGB-thermal pair with all its annotations."""

    visible_u8: UInt8[np.ndarray, "h w 3"]
    thermal_u8: UInt8[np.ndarray, "h w"]
    labels_u8: UInt8[np.ndarray, "h w"]
    """MFNet class ids, 0 (unlabelled) to 8 (bump)."""
    instances_u16: UInt16[np.ndarray, "h w"]
    """0, or 1 + the row of the pixel's thing in the arrays below."""
    boxes_xyxy_px: Float32[np.ndarray, "n 4"]
    """Tight around the visible pixels; right and bottom edges are exclusive."""
    box_class_ids: UInt8[np.ndarray, " n"]
    occlusion: Float32[np.ndarray, " n"]
    """Share of the thing's pixels inside the image that nearer things hide, in [0, 1)."""
    is_night: bool


def check_scene_settings(seed: int, image_size_hw: tuple[int, int]) -> None:
    """Refuse what no scene can be drawn with.

    Raises:
        MdjaxError: The seed is negative, or the image below 16 pixels.
    """
    if seed < 0:
        raise MdjaxError(f"synthetic scene: seed {seed} must be 0 or more.")
    if min(image_size_hw) < _MIN_SIZE_PX:
        height, width = image_size_hw
        raise MdjaxError(
            f"synthetic scene: image size {height}x{width} is too small; "
            f"ask for at least {_MIN_SIZE_PX} rows and columns."
        )


def render_scene(
    seed: int, index: int, image_size_hw: tuple[int, int], *, misalignment: float = 0.0
) -> RenderedScene:
    """Render scene `index` of the world `seed`: a pure function of its arguments.

    The same scene stands at the same place at every size; odd numbers are at night.

    Args:
        seed: Number of the world, ≥ 0.
        index: Number of the scene, ≥ 0.
        image_size_hw: Rows and columns, each at least 16.
        misalignment: The thermal camera looks off by up to this share of the height; labels
            follow the visible image.

    Raises:
        MdjaxError: An argument is out of range.
    """
    check_scene_settings(seed, image_size_hw)
    if index < 0:
        raise MdjaxError(f"synthetic scene: index {index} must be 0 or more.")
    if not 0 <= misalignment < 1:
        raise MdjaxError(f"synthetic scene: misalignment {misalignment} must be in [0, 1).")
    scene = sample_scene(seed, index)
    part_map = draw_part_map(scene.things, image_size_hw)
    ghost_map = draw_part_map(scene.ghosts, image_size_hw) if scene.ghosts else None
    instances = read_instances(part_map, scene.things)
    rng = np.random.default_rng((seed, index, _EXPOSURE_STREAM))
    return RenderedScene(
        visible_u8=expose_visible(rng, scene, part_map, ghost_map),
        thermal_u8=expose_thermal(rng, scene, part_map, ghost_map, misalignment),
        labels_u8=instances.labels_u8,
        instances_u16=instances.instances_u16,
        boxes_xyxy_px=instances.boxes_xyxy_px,
        box_class_ids=instances.box_class_ids,
        occlusion=instances.occlusion,
        is_night=scene.climate.is_night,
    )
