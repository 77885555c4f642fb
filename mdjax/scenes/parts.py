"""What a scene is made of: surfaces, flat parts, and things that consist of parts.

A sketch is a thing in its own metres (x right, up); `stand` and `hang` put it into the picture.
"""

import functools
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Float

from mdjax.scenes.camera import Camera

Colour: TypeAlias = tuple[float, float, float]
Outline: TypeAlias = Float[np.ndarray, "_ 2"]

BLACK: Colour = (0.0, 0.0, 0.0)


class Surface(NamedTuple):
    """How one part looks to both cameras."""

    colour: Colour
    """Share of red, green and blue light that comes back, in [0, 1], linear."""
    heat_c: float
    """Apparent temperature in degrees Celsius."""
    glow: Colour = BLACK
    """Light of its own, or headlights thrown straight back; 1 saturates the visible camera."""
    grain: float = 0.0
    """Strength of the texture in visible light, relative to the colour."""
    heat_grain: float = 0.0
    """Strength of the texture in degrees."""
    mirror: float = 0.0
    """Share of the reflected scene in what the cameras see of this surface."""


class Part(NamedTuple):
    """Polygons of one surface, in image heights; they must not overlap each other."""

    outlines: tuple[Outline, ...]
    surface: Surface


class Thing(NamedTuple):
    """Parts that belong together; an instance of a class if `class_id` is not 0."""

    parts: tuple[Part, ...]
    class_id: int
    depth_m: float


Sketch: TypeAlias = list[tuple[Outline, Surface]]


def polygon(*points_m: tuple[float, float]) -> Outline:
    """An outline through the given points."""
    return np.array(points_m, np.float64)


def box(left_m: float, bottom_m: float, right_m: float, top_m: float) -> Outline:
    """An upright rectangle."""
    return polygon((left_m, bottom_m), (right_m, bottom_m), (right_m, top_m), (left_m, top_m))


def ellipse(
    x_m: float, up_m: float, radius_x_m: float, radius_up_m: float, num: int = 12
) -> Outline:
    """An ellipse as a polygon of `num` corners."""
    return move(_unit_circle(num) * (radius_x_m, radius_up_m), x_m, up_m)


@functools.cache
def _unit_circle(num: int) -> Outline:
    angle = np.linspace(0, 2 * np.pi, num, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def move(outline: Outline, x_m: float, up_m: float) -> Outline:
    """The outline shifted to the right and up."""
    return np.add(outline, (x_m, up_m))


def mirror_x(sketch: Sketch) -> Sketch:
    """The sketch seen from its other side."""
    return [(outline * (-1, 1), surface) for outline, surface in sketch]


def stand(
    camera: Camera,
    sketch: Sketch,
    x_m: float,
    z_m: float,
    class_id: int = 0,
    *,
    is_reflection: bool = False,
) -> Thing:
    """Put a sketch upright on the ground, facing the camera; its reflection hangs below."""
    points = np.concatenate([outline for outline, _ in sketch])
    up_m = -points[:, 1] if is_reflection else points[:, 1]
    return _assemble(sketch, camera.project(x_m + points[:, 0], up_m, z_m), class_id, z_m)


def hang(camera: Camera, sketch: Sketch, x_m: float, z_m: float) -> Thing:
    """Put a sketch flat on a wall that runs along the road at `x_m`."""
    points = np.concatenate([outline for outline, _ in sketch])
    z_points_m = np.maximum(z_m + points[:, 0], 1.0)
    return _assemble(sketch, camera.project(x_m, points[:, 1], z_points_m), 0, z_m)


def _assemble(
    sketch: Sketch, points: Float[np.ndarray, "n 2"], class_id: int, depth_m: float
) -> Thing:
    parts, start = [], 0
    for outline, surface in sketch:
        stop = start + len(outline)
        parts.append(Part((points[start:stop],), surface))
        start = stop
    return Thing(tuple(parts), class_id, depth_m)
