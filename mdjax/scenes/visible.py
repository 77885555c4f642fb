"""The visible camera: reflected light, lamps, glare and noise."""

import numpy as np
from jaxtyping import Float32, UInt8

from mdjax.scenes.fields import sample_texture, spread_glare, sum_light_pools
from mdjax.scenes.raster import PartMap, average_samples
from mdjax.scenes.scene import Scene

_NIGHT_NOISE = 0.020
_DAY_NOISE = 0.010


def expose_visible(
    rng: np.random.Generator,
    scene: Scene,
    part_map: PartMap,
    ghost_map: PartMap | None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Draw the RGB image.

    linear = colour · light · (1 + grain) + glow + glare + mirror · reflection; the camera shows its
    square root (gamma 2) with noise of its own.
    """
    climate = scene.climate
    colour = average_samples(part_map, _colour_and_grain(part_map))
    height, width = colour.shape[:2]
    light = np.array(climate.daylight, np.float32)
    if scene.light_pools:
        light = light + sum_light_pools(scene.light_pools, (height, width))
    grain = 1 + colour[..., 3:] * sample_texture(rng, (height, width))[..., None]
    linear = colour[..., :3] * light * np.maximum(grain, 0.1)
    if climate.is_night:
        linear += _collect_glow(part_map, ghost_map)
    elif ghost_map is not None:
        # By day a reflection is only a faint darkening or brightening of its surface.
        mirror = average_samples(part_map, _mirror(part_map))
        is_ghost = average_samples(ghost_map, _is_drawn(ghost_map))
        reflected = average_samples(ghost_map, _colour_and_grain(ghost_map))[..., :3]
        linear += 0.4 * mirror * (reflected * light - is_ghost * linear)
    noise = rng.standard_normal(linear.shape, np.float32)
    noise *= (_NIGHT_NOISE if climate.is_night else _DAY_NOISE) * rng.uniform(0.7, 1.3)
    encoded = np.sqrt(np.clip(linear, 0, 1)) + noise
    return np.clip(encoded * 255 + 0.5, 0, 255).astype(np.uint8)


def _collect_glow(part_map: PartMap, ghost_map: PartMap | None) -> Float32[np.ndarray, "h w 3"]:
    """Lamps, what wet roads reflect of them, and their glare."""
    glow = average_samples(part_map, _glow(part_map))
    if ghost_map is not None:
        mirror = average_samples(part_map, _mirror(part_map))
        glow += 0.5 * mirror * average_samples(ghost_map, _glow(ghost_map))
    return glow + spread_glare(glow)


def _colour_and_grain(part_map: PartMap) -> Float32[np.ndarray, "p 4"]:
    return np.array([(*s.colour, s.grain) for s in part_map.surfaces], np.float32)


def _glow(part_map: PartMap) -> Float32[np.ndarray, "p 3"]:
    return np.array([s.glow for s in part_map.surfaces], np.float32)


def _mirror(part_map: PartMap) -> Float32[np.ndarray, "p 1"]:
    return np.array([(s.mirror,) for s in part_map.surfaces], np.float32)


def _is_drawn(part_map: PartMap) -> Float32[np.ndarray, "p 1"]:
    return (np.arange(len(part_map.surfaces), dtype=np.float32) > 0).astype(np.float32)[:, None]
