"""What lies on or runs along the road: surface, markings, bumps, guardrails, shadows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mdjax.scenes.camera import Camera
from mdjax.scenes.class_ids import ClassId
from mdjax.scenes.climate import Climate
from mdjax.scenes.furniture import headlight_return, shine
from mdjax.scenes.parts import Colour, Outline, Part, Surface, Thing, ellipse

NEAREST_M = 1.2
FARTHEST_M = 90.0
_WHITE: Colour = (0.72, 0.72, 0.70)
_YELLOW: Colour = (0.70, 0.46, 0.04)


@dataclass(frozen=True)
class Street:
    """Where things stand across the road, in metres from the camera's axis."""

    left_m: float
    right_m: float
    walk_width_m: float
    """Width of each sidewalk; walls stand behind it."""
    walk_c: float


def space_depths(near_m: float, far_m: float, num: int) -> Float[np.ndarray, " n"]:
    """Depths from near to far that are in a constant ratio: denser where the picture needs it."""
    return near_m * (far_m / near_m) ** (np.arange(num) / (num - 1))


def strip(camera: Camera, left_m: float, right_m: float, near_m: float, far_m: float) -> Outline:
    """The outline of a band on the ground that runs along the road."""
    z_m = space_depths(near_m, far_m, 8 if far_m > 2 * near_m else 2)
    left = camera.project(left_m, 0.0, z_m)
    right = camera.project(right_m, 0.0, z_m[::-1])
    return np.concatenate([left, right])


def lay_ground(
    rng: np.random.Generator, camera: Camera, climate: Climate, street: Street
) -> list[Thing]:
    """Road, sidewalks and land beyond them."""
    asphalt = rng.uniform(0.07, 0.2)
    wet = rng.uniform(0.25, 0.5) if climate.is_wet else 0.0
    road = Surface(
        (asphalt, asphalt, 1.05 * asphalt), climate.road_c, grain=0.12, heat_grain=0.4, mirror=wet
    )
    pavement = rng.uniform(0.16, 0.32)
    walk = Surface(
        (pavement, 0.96 * pavement, 0.88 * pavement), street.walk_c, grain=0.15, heat_grain=0.4
    )
    land_colour = (0.08, 0.14, 0.05) if rng.random() < 0.5 else (0.2, 0.19, 0.17)
    land = Surface(land_colour, climate.air_c, grain=0.5, heat_grain=1.0)
    left_m, right_m, width_m = street.left_m, street.right_m, street.walk_width_m
    bands = [
        (strip(camera, left_m - 60, right_m + 60, NEAREST_M, 4 * FARTHEST_M), land),
        (strip(camera, left_m - width_m, left_m, NEAREST_M, 2 * FARTHEST_M), walk),
        (strip(camera, right_m, right_m + width_m, NEAREST_M, 2 * FARTHEST_M), walk),
        (strip(camera, left_m, right_m, NEAREST_M, 2 * FARTHEST_M), road),
    ]
    things = [Thing((Part((outline,), surface),), 0, FARTHEST_M) for outline, surface in bands]
    return things + _lay_distractors(rng, camera, climate, street, road)


def _lay_distractors(
    rng: np.random.Generator, camera: Camera, climate: Climate, street: Street, road: Surface
) -> list[Thing]:
    """Crossings, patches of other asphalt and warm manholes: seen, but of no class."""
    things = []
    left_m, right_m = street.left_m, street.right_m
    if rng.random() < 0.35:
        near_m = rng.uniform(7, 22)
        paint = Surface(_WHITE, climate.road_c, grain=0.15)
        starts_m = np.arange(left_m + 0.4, right_m - 0.6, 1.0)
        bars = tuple(strip(camera, x_m, x_m + 0.5, near_m, near_m + 3) for x_m in starts_m)
        things.append(Thing((Part(bars, paint),), 0, near_m))
    for _ in range(rng.integers(0, 3)):
        near_m, x_m = rng.uniform(3, 20), rng.uniform(left_m, right_m - 1)
        shade = rng.uniform(0.6, 0.85)
        patch = road._replace(
            colour=shine(road.colour, shade), heat_c=climate.road_c + rng.uniform(-0.6, 0.6)
        )
        outline = strip(camera, x_m, x_m + rng.uniform(0.5, 2), near_m, near_m * 1.4)
        things.append(Thing((Part((outline,), patch),), 0, near_m))
    if rng.random() < 0.35:
        z_m, x_m = rng.uniform(5, 16), rng.uniform(left_m + 0.5, right_m - 0.5)
        ring = ellipse(x_m, z_m, 0.4, 0.4)
        iron = Surface((0.08, 0.07, 0.06), climate.road_c + rng.uniform(5, 14))
        outline = camera.project(ring[:, 0], 0.0, ring[:, 1])
        things.append(Thing((Part((outline,), iron),), 0, z_m))
    return things


def paint_markings(
    rng: np.random.Generator, camera: Camera, climate: Climate, street: Street
) -> list[Thing]:
    """Lane lines and kerbs, class curve; paint has the temperature of the road."""
    things = []
    back = headlight_return(climate, 8.0, 0.2)
    left_m, right_m = street.left_m, street.right_m
    for side_m, inward in ((left_m, 1), (right_m, -1)):
        if rng.random() < 0.6:
            colour = _YELLOW if rng.random() < 0.3 else _WHITE
            paint = Surface(colour, climate.road_c, shine(colour, back), 0.2)
            inner_m = side_m + inward * rng.uniform(0.2, 0.7)
            outer_m = inner_m + inward * rng.uniform(0.25, 0.45)
            near_m = NEAREST_M if rng.random() < 0.5 else rng.uniform(2, 8)
            outline = strip(camera, inner_m, outer_m, near_m, rng.uniform(25, 70))
            things.append(Thing((Part((outline,), paint),), ClassId.CURVE, near_m))
    if rng.random() < 0.5:
        middle_m = 0.5 * (left_m + right_m) + rng.uniform(-0.5, 0.5)
        width_m, period_m = rng.uniform(0.22, 0.36), rng.uniform(4, 8)
        paint = Surface(_WHITE, climate.road_c, shine(_WHITE, back), 0.2)
        starts_m = np.arange(rng.uniform(1.5, 4), 40, period_m)
        dashes = tuple(
            strip(camera, middle_m, middle_m + width_m, z_m, z_m + 0.55 * period_m)
            for z_m in starts_m
        )
        things.append(Thing((Part(dashes, paint),), ClassId.CURVE, float(starts_m[0])))
    return things


def lay_bump(rng: np.random.Generator, camera: Camera, climate: Climate, street: Street) -> Thing:
    """A speed bump across the road, striped yellow and black; no warmer than the road."""
    near_m = rng.uniform(3.6, 8)
    far_m = near_m + rng.uniform(0.8, 1.4) * max(1.0, near_m / 5)
    left_m, right_m = street.left_m + rng.uniform(0, 1), street.right_m - rng.uniform(0, 1)
    stripes = np.linspace(left_m, right_m, int(2 * (right_m - left_m)) + 1)
    black = Surface((0.05, 0.05, 0.05), climate.road_c, grain=0.15)
    worn = shine(_YELLOW, rng.uniform(0.25, 1.0))
    back = headlight_return(climate, near_m, 0.15)
    yellow = Surface(worn, climate.road_c, shine(worn, back), grain=0.25)
    bars = tuple(
        strip(camera, stripes[i], stripes[i + 1], near_m, far_m)
        for i in range(0, len(stripes) - 1, 2)
    )
    base = strip(camera, left_m, right_m, near_m, far_m)
    return Thing((Part((base,), black), Part(bars, yellow)), ClassId.BUMP, near_m)


def build_guardrail(
    rng: np.random.Generator, camera: Camera, climate: Climate, street: Street
) -> Thing:
    """A guardrail between road and sidewalk: posts and a band or two pipes."""
    side_m = street.left_m - 0.2 if rng.random() < 0.5 else street.right_m + 0.2
    near_m = rng.uniform(2.2, 6)
    far_m = near_m + rng.uniform(6, 25)
    colour = ((0.55, 0.56, 0.58), (0.6, 0.58, 0.5), (0.30, 0.36, 0.32))[rng.integers(3)]
    # Its metal has the temperature of the ground behind it, give or take half a degree.
    metal_c = street.walk_c + rng.uniform(-0.5, 0.5)
    back = headlight_return(climate, near_m, 0.12)
    metal = Surface(colour, metal_c, shine(colour, back), 0.1)
    bands_m = ((0.34, 0.86),) if rng.random() < 0.6 else ((0.28, 0.5), (0.64, 0.86))
    z_m = space_depths(near_m, far_m, 6)
    rails = tuple(
        np.concatenate(
            [camera.project(side_m, low_m, z_m), camera.project(side_m, high_m, z_m[::-1])]
        )
        for low_m, high_m in bands_m
    )
    posts = tuple(
        np.concatenate(
            [
                camera.project(side_m, np.array([0.0, 0.8]), post_m),
                camera.project(side_m, np.array([0.8, 0.0]), post_m + 0.12),
            ]
        )
        for post_m in np.arange(near_m, far_m, 2.0)
    )
    return Thing((Part(posts, metal), Part(rails, metal)), ClassId.GUARDRAIL, near_m)


def cast_shadow(
    camera: Camera, climate: Climate, x_m: float, z_m: float, half_width_m: float
) -> Thing:
    """The dark, slightly cooler patch below a thing in daylight."""
    ring = ellipse(x_m, z_m, 1.25 * half_width_m, 0.5, 10)
    outline = camera.project(ring[:, 0], 0.0, np.maximum(ring[:, 1], NEAREST_M))
    shade = Surface((0.05, 0.05, 0.055), climate.road_c - 1.5 * climate.sun)
    return Thing((Part((outline,), shade),), 0, z_m)
