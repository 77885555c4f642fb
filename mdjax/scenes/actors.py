"""Sketches of what moves: persons, cars and bikes. Warm, and dark at night."""

import numpy as np

from mdjax.scenes.climate import SKIN_C, Climate
from mdjax.scenes.parts import (
    BLACK,
    Colour,
    Outline,
    Sketch,
    Surface,
    box,
    ellipse,
    mirror_x,
    move,
    polygon,
)

_SKIN_COLOURS: tuple[Colour, ...] = ((0.55, 0.36, 0.27), (0.36, 0.21, 0.14), (0.12, 0.07, 0.05))
_CAR_COLOURS: tuple[Colour, ...] = (
    (0.70, 0.70, 0.70),
    (0.40, 0.42, 0.45),
    (0.03, 0.03, 0.035),
    (0.35, 0.03, 0.03),
    (0.04, 0.08, 0.30),
    (0.22, 0.22, 0.20),
)
_HEADLIGHT: Colour = (2.5, 2.4, 2.0)
_TAIL_LIGHT: Colour = (0.9, 0.05, 0.03)
_TYRE: Colour = (0.02, 0.02, 0.02)
_GLASS: Colour = (0.05, 0.06, 0.07)


def draw_person(rng: np.random.Generator, climate: Climate, *, is_riding: bool = False) -> Sketch:
    """A person, walking or standing; `is_riding` sits them on a bike."""
    girth = rng.uniform(0.85, 1.2)
    stride_m = rng.uniform(0.02, 0.3)
    lean_m = 0.22 if is_riding else rng.uniform(-0.03, 0.05)
    # A padded coat lets little warmth through: then only the head and the legs show.
    coat_c, trousers_c = (
        climate.dress_c(rng.uniform(0.2, 0.65)),
        climate.dress_c(rng.uniform(0.3, 0.65)),
    )
    coat = Surface(_sample_dress(rng), coat_c, grain=0.25, heat_grain=0.8)
    trousers = Surface(_sample_dress(rng), trousers_c, grain=0.2, heat_grain=0.6)
    skin = Surface(_SKIN_COLOURS[rng.integers(len(_SKIN_COLOURS))], climate.dress_c(0.72))
    hair = Surface(_TYRE, climate.dress_c(0.5))
    hip, shoulder, width = 0.9, 1.45, 0.22 * girth
    torso = polygon(
        (-0.85 * width, hip - 0.05),
        (0.85 * width, hip - 0.05),
        (width + lean_m, shoulder - 0.03),
        (0.1 + lean_m, shoulder + 0.05),
        (-0.1 + lean_m, shoulder + 0.05),
        (-width + lean_m, shoulder - 0.03),
    )
    sketch: Sketch = [(leg, trousers) for leg in _shape_legs(stride_m, hip, is_riding=is_riding)]
    for side in (-1, 1):
        swing_m = 0.35 if is_riding else side * (0.5 * stride_m + 0.08)
        arm = polygon((-0.05, shoulder), (0.05, shoulder), (0.07 + swing_m, 0.85), (swing_m, 0.85))
        sketch.append((move(arm, side * width + lean_m, 0), coat))
    sketch += [
        (torso, coat),
        (ellipse(lean_m, 1.6, 0.105, 0.15, 10), skin),
        (ellipse(lean_m, 1.69, 0.1, 0.08, 8), hair),
    ]
    if rng.random() < 0.3:
        bag = Surface(_sample_dress(rng), climate.air_c + 1.0)
        sketch.append((box(-0.3, 0.85, -0.08, 1.2), bag))
    scale = rng.uniform(1.5, 1.88) / 1.77
    lift_m = 0.12 if is_riding else 0.0
    sketch = [(move(outline * scale, 0, lift_m), surface) for outline, surface in sketch]
    return mirror_x(sketch) if rng.random() < 0.5 else sketch


def _shape_legs(stride_m: float, hip_m: float, *, is_riding: bool) -> list[Outline]:
    if is_riding:
        thigh = polygon((-0.15, hip_m), (0.12, hip_m), (0.3, 0.6), (0.1, 0.6))
        shin = polygon((0.16, 0.62), (0.3, 0.62), (0.16, 0.1), (0.05, 0.1))
        return [thigh, shin]
    left = polygon((-0.16, hip_m), (0.02, hip_m), (0.03 - stride_m, 0), (-0.12 - stride_m, 0))
    return [left, left * (-1, 1)]


def draw_bike(rng: np.random.Generator, climate: Climate, *, is_ridden: bool) -> Sketch:
    """A bicycle, turned by any angle; its mask covers the wheels as discs, as in MFNet."""
    turn = rng.uniform(0.4, 1.0)
    metal_c = climate.air_c - 1.0 + 5.0 * climate.sun
    paint = Surface(_sample_dress(rng), metal_c)
    tyre = Surface(_TYRE, metal_c + (4.0 if is_ridden else 1.0))
    spokes = Surface((0.14, 0.14, 0.15), metal_c, grain=0.6)
    reflector = Surface((0.5, 0.03, 0.02), metal_c, glow=(0.35, 0.03, 0.02))
    sketch: Sketch = []
    for wheel_x_m in (-0.53, 0.53):
        sketch += [
            (ellipse(wheel_x_m, 0.34, 0.34, 0.34, 14), tyre),
            (ellipse(wheel_x_m, 0.34, 0.26, 0.26, 14), spokes),
        ]
    sketch += [
        (polygon((-0.55, 0.32), (-0.2, 0.8), (-0.12, 0.8), (-0.45, 0.32)), paint),
        (polygon((-0.5, 0.3), (0.0, 0.24), (0.0, 0.32), (-0.5, 0.38)), paint),
        (polygon((-0.2, 0.72), (0.4, 0.84), (0.4, 0.92), (-0.2, 0.8)), paint),
        (polygon((-0.05, 0.28), (0.4, 0.82), (0.4, 0.92), (-0.1, 0.32)), paint),
        (polygon((0.5, 0.34), (0.57, 0.34), (0.4, 1.02), (0.33, 1.02)), paint),
        (box(0.2, 0.98, 0.44, 1.05), tyre),
        (box(-0.33, 0.84, -0.05, 0.92), tyre),
        (box(-0.9, 0.5, -0.78, 0.6), reflector if climate.is_night else paint),
    ]
    if is_ridden and climate.is_night:
        sketch.append((box(0.44, 0.84, 0.54, 0.94), Surface(_GLASS, metal_c, glow=(1.2, 1.2, 1.1))))
    sketch = [(outline * (turn, 1), surface) for outline, surface in sketch]
    return mirror_x(sketch) if rng.random() < 0.5 else sketch


def draw_car(
    rng: np.random.Generator, climate: Climate, *, is_oncoming: bool, is_parked: bool
) -> Sketch:
    """A car or van from the front or behind; lamps and engine heat only if it is not parked."""
    width, roof, shoulder = rng.uniform(0.82, 0.95), rng.uniform(1.38, 1.6), 0.92
    if rng.random() < 0.25:
        width, roof, shoulder = rng.uniform(0.92, 1.05), rng.uniform(1.9, 2.5), 1.15
    cabin = width * (0.78 if roof < 1.7 else 0.95)
    body, window, tyre, dark = _sample_car_surfaces(rng, climate, is_parked=is_parked)
    warm = 0.0 if is_parked else rng.uniform(8, 18)
    bonnet = body._replace(heat_c=body.heat_c + warm) if is_oncoming else body
    sketch: Sketch = [
        (box(-width + 0.03, 0.0, -width + 0.27, 0.4), tyre),
        (box(width - 0.27, 0.0, width - 0.03, 0.4), tyre),
        (
            polygon(
                (-0.86 * width, shoulder - 0.05),
                (-cabin * 0.82, roof - 0.06),
                (-cabin * 0.7, roof),
                (cabin * 0.7, roof),
                (cabin * 0.82, roof - 0.06),
                (0.86 * width, shoulder - 0.05),
            ),
            body,
        ),
        (
            polygon(
                (-0.76 * width, shoulder),
                (-cabin * 0.74, roof - 0.13),
                (cabin * 0.74, roof - 0.13),
                (0.76 * width, shoulder),
            ),
            window,
        ),
        (
            polygon(
                (-0.95 * width, 0.22),
                (-width, 0.45),
                (-0.97 * width, 0.78),
                (-0.86 * width, shoulder),
                (0.86 * width, shoulder),
                (0.97 * width, 0.78),
                (width, 0.45),
                (0.95 * width, 0.22),
            ),
            bonnet,
        ),
        (box(-0.55 * width, 0.42, 0.55 * width, 0.56), dark),
        (box(-0.9 * width, 0.24, 0.9 * width, 0.34), dark),
    ]
    plate = Surface(
        (0.6, 0.6, 0.55), body.heat_c, (0.06, 0.06, 0.05) if climate.is_night else BLACK
    )
    sketch.append((box(-0.22, 0.44, 0.22, 0.55), plate))
    lamp_c = body.heat_c + 0.6 * warm
    lamp_colour = (0.6, 0.6, 0.58) if is_oncoming else (0.4, 0.04, 0.03)
    glow = BLACK
    if not is_parked and (climate.is_night or rng.random() < 0.15):
        glow = _HEADLIGHT if is_oncoming else _TAIL_LIGHT
    elif climate.is_night:
        glow = (0.03, 0.01, 0.01)
    for side in (-1, 1):
        lamp = box(0.62 * width, 0.62, 0.92 * width, 0.78) * (side, 1)
        sketch.append((lamp, Surface(lamp_colour, lamp_c, glow)))
    if not is_oncoming and not is_parked:
        sketch.append((box(0.3, 0.16, 0.55, 0.26), dark._replace(heat_c=SKIN_C + 14)))
    return sketch


def draw_car_side(rng: np.random.Generator, climate: Climate, *, is_parked: bool) -> Sketch:
    """A car that crosses or stands across: its side, with wheel arches, windows and bonnet."""
    stretch, lift = rng.uniform(0.85, 1.1), rng.uniform(0.95, 1.15)
    body, window, tyre, dark = _sample_car_surfaces(rng, climate, is_parked=is_parked)
    warm = 0.0 if is_parked else rng.uniform(6, 14)
    sketch: Sketch = [
        (
            polygon(
                (-2.1, 0.25),
                (-2.15, 0.75),
                (-1.95, 0.95),
                (-1.2, 1.0),
                (-0.65, 1.42),
                (0.95, 1.45),
                (1.6, 1.0),
                (2.1, 0.9),
                (2.15, 0.5),
                (2.1, 0.25),
            ),
            body,
        ),
        (
            polygon((-2.12, 0.4), (-2.13, 0.75), (-1.95, 0.93), (-1.2, 0.97), (-1.2, 0.4)),
            body._replace(heat_c=body.heat_c + warm),
        ),
        (polygon((-1.05, 1.0), (-0.6, 1.34), (0.1, 1.36), (0.1, 1.0)), window),
        (polygon((0.2, 1.0), (0.2, 1.36), (0.85, 1.36), (1.3, 1.0)), window),
        (box(-1.9, 0.2, 1.9, 0.32), dark),
    ]
    for wheel_x_m in (-1.35, 1.35):
        sketch += [
            (ellipse(wheel_x_m, 0.33, 0.34, 0.34), tyre),
            (ellipse(wheel_x_m, 0.33, 0.17, 0.17, 8), Surface((0.4, 0.4, 0.42), tyre.heat_c + 2)),
        ]
    is_lit = climate.is_night and not is_parked
    front, back = (_HEADLIGHT, _TAIL_LIGHT) if is_lit else (BLACK, BLACK)
    sketch += [
        (box(-2.15, 0.66, -1.98, 0.8), Surface((0.6, 0.6, 0.58), body.heat_c, front)),
        (box(1.98, 0.68, 2.14, 0.82), Surface((0.4, 0.04, 0.03), body.heat_c, back)),
    ]
    sketch = [(outline * (stretch, lift), surface) for outline, surface in sketch]
    return mirror_x(sketch) if rng.random() < 0.5 else sketch


def _sample_car_surfaces(
    rng: np.random.Generator, climate: Climate, *, is_parked: bool
) -> tuple[Surface, Surface, Surface, Surface]:
    """Body, window, tyre and dark trim; polished metal and glass mirror the cold sky."""
    colour = _CAR_COLOURS[rng.integers(len(_CAR_COLOURS))]
    body_c = climate.air_c + 7.0 * climate.sun * rng.uniform(0.3, 1.0)
    body_c += rng.uniform(-2.5, 0.0) if is_parked else rng.uniform(2.0, 5.0)
    tyre_c = climate.road_c + (0.0 if is_parked else rng.uniform(5, 14))
    return (
        Surface(colour, body_c, grain=0.08, heat_grain=0.5),
        Surface(_GLASS, climate.air_c - rng.uniform(1.5, 6)),
        Surface(_TYRE, tyre_c),
        Surface((0.03, 0.03, 0.03), body_c + 1.0),
    )


def _sample_dress(rng: np.random.Generator) -> Colour:
    """Mostly dark, dull cloth; now and then a bright colour."""
    if rng.random() < 0.65:
        grey = 0.02 + 0.18 * rng.random() ** 2
        red, green, blue = (grey * rng.uniform(0.6, 1.4, 3)).tolist()
    else:
        red, green, blue = rng.uniform(0.03, 0.6, 3).tolist()
    return red, green, blue
