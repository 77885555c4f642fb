"""Sketches of what stands at the road: cones, car stops, and distractors that belong to no class.

Cones, markings and bumps have the road's temperature: only their colour shows them.
"""

import numpy as np

from mdjax.scenes.climate import Climate
from mdjax.scenes.parts import BLACK, Colour, Outline, Sketch, Surface, box, ellipse, move, polygon

LAMP_LIGHT: Colour = (3.0, 2.6, 1.8)
_CONE_COLOURS: tuple[Colour, ...] = ((0.75, 0.13, 0.02), (0.7, 0.05, 0.03), (0.05, 0.35, 0.12))


def headlight_return(climate: Climate, z_m: float, share: float) -> float:
    """Light that a retroreflecting surface throws back from the own headlights at night."""
    return share * float(np.exp(-z_m / 18)) if climate.is_night else 0.0


def shine(colour: Colour, strength: float) -> Colour:
    """The colour as light of the given strength."""
    red, green, blue = colour
    return red * strength, green * strength, blue * strength


def draw_cone(climate: Climate, colour_index: int, ground_c: float, z_m: float) -> Sketch:
    """A colour cone with a white sleeve; as warm as the ground it stands on."""
    colour = _CONE_COLOURS[colour_index % len(_CONE_COLOURS)]
    back = headlight_return(climate, z_m, 0.3)
    paint = Surface(colour, ground_c, shine(colour, 0.4 * back))
    sleeve = Surface((0.7, 0.7, 0.7), ground_c, shine((0.7, 0.7, 0.7), back))
    return [
        (box(-0.3, 0.0, 0.3, 0.08), paint),
        (polygon((-0.24, 0.08), (0.24, 0.08), (0.06, 0.95), (-0.06, 0.95)), paint),
        (polygon((-0.17, 0.36), (0.17, 0.36), (0.12, 0.6), (-0.12, 0.6)), sleeve),
    ]


def draw_car_stop(
    rng: np.random.Generator, climate: Climate, kind: int, ground_c: float, z_m: float
) -> Sketch:
    """What keeps cars out: a bollard, a concrete block or a planter."""
    stone_c = ground_c + rng.uniform(-1.2, 0.8)
    back = headlight_return(climate, z_m, 0.18)
    stone = Surface((0.34, 0.33, 0.31), stone_c, shine((0.34, 0.33, 0.31), 0.25 * back), 0.15, 0.3)
    if kind == 0:
        dark = Surface((0.03, 0.03, 0.03), stone_c)
        band = Surface((0.7, 0.55, 0.05), stone_c, shine((0.7, 0.6, 0.1), back))
        return [
            (box(-0.16, 0.0, 0.16, 0.85), dark),
            (ellipse(0, 0.85, 0.16, 0.06, 8), dark),
            (box(-0.16, 0.55, 0.16, 0.67), band),
            (box(-0.16, 0.74, 0.16, 0.81), band),
        ]
    if kind == 1:
        return [
            (polygon((-0.6, 0.0), (0.6, 0.0), (0.48, 0.7), (-0.48, 0.7)), stone),
            (box(-0.12, 0.3, 0.12, 0.42), Surface((0.6, 0.1, 0.03), stone_c, (back, 0.0, 0.0))),
        ]
    green = Surface((0.05, 0.14, 0.03), climate.air_c, grain=0.6, heat_grain=0.5)
    return [(ellipse(0, 0.68, 0.5, 0.22, 10), green), (box(-0.52, 0.0, 0.52, 0.6), stone)]


def draw_street_lamp(rng: np.random.Generator, climate: Climate) -> Sketch:
    """A pole with a lamp: the lamp is hot and blinds at night, and is not an object."""
    pole = Surface((0.12, 0.12, 0.12), climate.air_c - 1.5)
    height_m, arm_m = rng.uniform(4, 6.5), rng.choice([-1, 1]) * rng.uniform(0.5, 1.5)
    glow = LAMP_LIGHT if climate.is_night else BLACK
    lamp_c = climate.air_c + (rng.uniform(10, 25) if climate.is_night else 1.0)
    return [
        (box(-0.07, 0, 0.07, height_m), pole),
        (
            polygon((0, height_m - 0.1), (arm_m, height_m), (arm_m, height_m + 0.1), (0, height_m)),
            pole,
        ),
        (ellipse(arm_m, height_m, 0.3, 0.14, 8), Surface((0.7, 0.7, 0.65), lamp_c, glow)),
    ]


def draw_vending_machine(rng: np.random.Generator, climate: Climate) -> Sketch:
    """As tall and warm as a person; its shape, and at night its light, tell them apart."""
    warm_c = climate.dress_c(rng.uniform(0.35, 0.8))
    colour: Colour = ((0.5, 0.04, 0.03), (0.6, 0.6, 0.62), (0.05, 0.12, 0.4))[rng.integers(3)]
    light = (0.5, 0.55, 0.6) if climate.is_night else (0.05, 0.05, 0.05)
    return [
        (box(-0.45, 0, 0.45, 1.85), Surface(colour, warm_c, shine(colour, 0.1 * light[0]))),
        (box(-0.36, 0.95, 0.36, 1.7), Surface((0.5, 0.55, 0.6), warm_c + 1, light, grain=0.4)),
        (box(-0.3, 0.3, 0.3, 0.55), Surface((0.03, 0.03, 0.03), warm_c + 4)),
    ]


def draw_warm_post(rng: np.random.Generator, climate: Climate) -> Sketch:
    """A warm pipe or cabinet of a person's size, dull grey in visible light."""
    warm_c = climate.dress_c(rng.uniform(0.35, 0.8))
    grey = rng.uniform(0.08, 0.4)
    width, height_m = rng.uniform(0.12, 0.35), rng.uniform(1.1, 2.1)
    case = Surface((grey, grey, 0.9 * grey), warm_c, grain=0.1, heat_grain=0.5)
    lid = Surface((0.6 * grey, 0.6 * grey, 0.6 * grey), warm_c - 2)
    return [
        (box(-width, 0, width, height_m), case),
        (box(-1.1 * width, height_m - 0.08, 1.1 * width, height_m), lid),
    ]


def draw_tree(rng: np.random.Generator, climate: Climate) -> Sketch:
    """A trunk and three clumps of leaves."""
    green = rng.uniform(0.08, 0.2)
    leaf: Colour = (green * rng.uniform(0.35, 1.0), green, green * rng.uniform(0.2, 0.4))
    leaves_c = climate.air_c - 0.5 + climate.sun
    bark = Surface((0.09, 0.06, 0.04), climate.air_c + 0.5, grain=0.4, heat_grain=0.5)
    trunk_m = rng.uniform(1.8, 3.2)
    sketch: Sketch = [
        (polygon((-0.22, 0), (0.22, 0), (0.13, trunk_m + 1), (-0.13, trunk_m + 1)), bark)
    ]
    for _ in range(3):
        shade = rng.uniform(0.6, 1.2)
        crown = Surface(shine(leaf, shade), leaves_c, grain=0.9, heat_grain=1.2)
        x_m, up_m = rng.uniform(-1.2, 1.2), trunk_m + rng.uniform(0.5, 2.5)
        sketch.append((_rough_blob(rng, x_m, up_m, rng.uniform(1.2, 2.2)), crown))
    return sketch


def _rough_blob(rng: np.random.Generator, x_m: float, up_m: float, radius_m: float) -> Outline:
    blob = ellipse(0, 0, radius_m, radius_m, 16) * rng.uniform(0.75, 1.15, (16, 1))
    return move(blob, x_m, up_m)
