"""Sky, skyline and the walls along the road, with windows, posters and warm patches."""

from itertools import pairwise

import numpy as np

from mdjax.scenes.actors import draw_person
from mdjax.scenes.camera import Camera
from mdjax.scenes.climate import Climate
from mdjax.scenes.ground import FARTHEST_M, Street, space_depths
from mdjax.scenes.parts import (
    BLACK,
    Colour,
    Outline,
    Part,
    Sketch,
    Surface,
    Thing,
    box,
    hang,
    move,
    polygon,
)

_WALL_COLOURS: tuple[Colour, ...] = (
    (0.42, 0.40, 0.36),
    (0.30, 0.13, 0.09),
    (0.22, 0.22, 0.23),
    (0.50, 0.44, 0.32),
)


def draw_sky(rng: np.random.Generator, camera: Camera, climate: Climate) -> list[Thing]:
    """The cold sky and a skyline at the horizon."""
    if climate.is_night:
        colour = (0.25, 0.25, 0.3)
    else:
        colour = (0.62, 0.72, 0.9) if climate.sun > 0.4 else (0.75, 0.76, 0.78)
    sky = Surface(colour, climate.sky_c, grain=0.12, heat_grain=1.5)
    things = [Thing((Part((box(-4, -1, 4, 2),), sky),), 0, FARTHEST_M)]
    edges = np.sort(rng.uniform(-2, 2, 14))
    for left, right in pairwise(edges):
        is_leafy = rng.random() < 0.5
        shade = rng.uniform(0.1, 0.3)
        far = Surface(
            (0.4 * shade, 0.7 * shade, 0.3 * shade) if is_leafy else (shade, shade, shade),
            climate.air_c + rng.uniform(-2, 1),
            grain=0.5 if is_leafy else 0.2,
            heat_grain=0.8,
        )
        top = camera.horizon - rng.uniform(0.02, 0.2)
        outline = box(left, top, right + 0.02, camera.horizon + 0.02)
        things.append(Thing((Part((outline,), far),), 0, FARTHEST_M))
    return things


def build_walls(
    rng: np.random.Generator, camera: Camera, climate: Climate, street: Street
) -> tuple[list[Thing], list[Thing]]:
    """Buildings and hedges on both sides; returns them and what their glass reflects."""
    walls: list[Thing] = []
    ghosts: list[Thing] = []
    for side, edge_m in ((-1, street.left_m), (1, street.right_m)):
        x_m = edge_m + side * street.walk_width_m
        borders_m = [70.0, rng.uniform(24, 34), rng.uniform(9, 15), 2.0]
        for far_m, near_m in pairwise(borders_m):
            kind = rng.random()
            if kind < 0.5:
                house, reflected = _build_house(rng, camera, climate, x_m, near_m, far_m)
                walls += house
                ghosts += reflected
            elif kind < 0.8:
                height_m, green = rng.uniform(0.8, 2.6), rng.uniform(0.07, 0.15)
                leaves = Surface((0.55 * green, green, 0.3 * green), climate.air_c, BLACK, 0.9, 1.2)
                faces = _faces(camera, side, x_m, near_m, far_m, height_m)
                walls.append(Thing(tuple(Part((f,), leaves) for f in faces), 0, near_m))
    return walls, ghosts


def _faces(
    camera: Camera, side: int, x_m: float, near_m: float, far_m: float, height_m: float
) -> tuple[Outline, Outline]:
    """The face across the road's direction and the face along it."""
    front = camera.project(
        np.array([x_m, x_m + 15 * side, x_m + 15 * side, x_m]),
        np.array([0, 0, height_m, height_m]),
        near_m,
    )
    z_m = space_depths(near_m, far_m, 4)
    along = np.concatenate(
        [camera.project(x_m, 0.0, z_m), camera.project(x_m, height_m, z_m[::-1])]
    )
    return front, along


def _build_house(
    rng: np.random.Generator,
    camera: Camera,
    climate: Climate,
    x_m: float,
    near_m: float,
    far_m: float,
) -> tuple[list[Thing], list[Thing]]:
    side = 1 if x_m > 0 else -1
    num_storeys = int(rng.integers(1, 5))
    height_m = 3.1 * num_storeys + 0.8
    colour = _WALL_COLOURS[rng.integers(len(_WALL_COLOURS))]
    wall_c = climate.air_c + rng.uniform(0, 3) + 4 * climate.sun * rng.random()
    wall = Surface(colour, wall_c, grain=0.2, heat_grain=0.7)
    red, green, blue = colour
    shaded = wall._replace(colour=(0.7 * red, 0.7 * green, 0.72 * blue), heat_c=wall_c - 1)
    front, along = _faces(camera, side, x_m, near_m, far_m, height_m)
    parts = [Part((front,), shaded), Part((along,), wall)]
    parts += _cut_windows(rng, camera, climate, x_m, near_m, far_m, num_storeys, wall_c)
    things = [Thing(tuple(parts), 0, near_m)]
    ghosts: list[Thing] = []
    if near_m > 20:
        return things, ghosts
    centre_m = rng.uniform(max(near_m, 4.0) + 1, min(far_m, 16.0))
    decoration = rng.random()
    if decoration < 0.35:
        things.append(hang(camera, _paint_poster(rng, climate, wall_c), x_m, centre_m))
    elif decoration < 0.6:
        heat_c = wall_c + rng.uniform(4, 16)
        width_m, low_m = rng.uniform(0.2, 0.6), rng.uniform(0.1, 1.0)
        vent = box(-width_m, low_m, width_m, low_m + rng.uniform(0.6, 1.6))
        patch = [(vent, wall._replace(heat_c=heat_c, heat_grain=1.5))]
        things.append(hang(camera, patch, x_m, centre_m))
    elif decoration < 0.85:
        glass = Surface((0.06, 0.07, 0.08), climate.air_c - 1, mirror=0.55)
        things.append(hang(camera, [(box(-2.2, 0.2, 2.2, 2.5), glass)], x_m, centre_m))
        stretch = rng.uniform(0.8, 1.6)
        ghost = [(o * (stretch, 1), s) for o, s in draw_person(rng, climate)]
        ghosts.append(hang(camera, ghost, x_m, centre_m + rng.uniform(-1, 1)))
    return things, ghosts


def _cut_windows(
    rng: np.random.Generator,
    camera: Camera,
    climate: Climate,
    x_m: float,
    near_m: float,
    far_m: float,
    num_storeys: int,
    wall_c: float,
) -> list[Part]:
    """Windows in rows: cold glass, some with a lamp behind them at night, some heated."""
    starts_m = np.arange(max(near_m, 3.0) + 0.8, min(far_m, 34.0) - 1.6, rng.uniform(2.6, 4.5))
    lows_m = 3.1 * np.arange(num_storeys) + 1.2
    z_m, low_m = (grid.ravel() for grid in np.meshgrid(starts_m, lows_m))
    if not len(z_m):
        return []
    corners_z_m = z_m[:, None] + np.array([0.0, 1.5, 1.5, 0.0])
    corners_up_m = low_m[:, None] + np.array([0.0, 0.0, 1.4, 1.4])
    outlines = camera.project(x_m, corners_up_m, corners_z_m)
    cold_c = wall_c - rng.uniform(1, 4)
    lamp = rng.uniform(0.3, 1.0)
    lit_glow = (lamp, 0.85 * lamp, 0.6 * lamp) if climate.is_night else BLACK
    surfaces = (
        Surface((0.05, 0.06, 0.08), cold_c, mirror=0.15),
        Surface((0.3, 0.28, 0.2), cold_c + 2, lit_glow, grain=0.3),
        Surface((0.05, 0.06, 0.08), wall_c + rng.uniform(3, 9)),
    )
    kinds = rng.choice(3, len(outlines), p=(0.65, 0.22, 0.13))
    return [
        Part(tuple(outlines[kinds == kind]), surface)
        for kind, surface in enumerate(surfaces)
        if (kinds == kind).any()
    ]


def _paint_poster(rng: np.random.Generator, climate: Climate, wall_c: float) -> Sketch:
    """A picture of a person on a wall: looks like one, but is as cold as the wall."""
    paper = Surface((0.45, 0.45, 0.42), wall_c, grain=0.1)
    sheet = polygon((-1.1, 0.1), (1.1, 0.1), (1.1, 2.1), (-1.1, 2.1))
    person = [
        (move(outline * (1.4, 1), 0, 0.15), surface._replace(heat_c=wall_c, heat_grain=0.0))
        for outline, surface in draw_person(rng, climate)
    ]
    return [(sheet, paper), *person]
