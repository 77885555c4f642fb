"""What stands where in one scene: drawn at random from (seed, index), independent of image size."""

from dataclasses import dataclass

import numpy as np

from mdjax.scenes.actors import draw_bike, draw_car, draw_car_side, draw_person
from mdjax.scenes.camera import Camera
from mdjax.scenes.class_ids import ClassId
from mdjax.scenes.climate import Climate, sample_climate
from mdjax.scenes.furniture import (
    draw_car_stop,
    draw_cone,
    draw_street_lamp,
    draw_tree,
    draw_vending_machine,
    draw_warm_post,
)
from mdjax.scenes.ground import (
    Street,
    build_guardrail,
    cast_shadow,
    lay_bump,
    lay_ground,
    paint_markings,
)
from mdjax.scenes.parts import Colour, Sketch, Thing, stand
from mdjax.scenes.surroundings import build_walls, draw_sky

_NEAR_M, _FAR_M = 4.0, 40.0


@dataclass(frozen=True)
class LightPool:
    """Light of a street lamp on the ground, a soft ellipse in image heights."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    colour: Colour


@dataclass(frozen=True)
class Scene:
    """Everything the two cameras see."""

    camera: Camera
    climate: Climate
    things: tuple[Thing, ...]
    """In drawing order: what comes later hides what came before."""
    ghosts: tuple[Thing, ...]
    """What wet roads and glass reflect, in drawing order; never labelled."""
    light_pools: tuple[LightPool, ...]


class _Composer:
    """Collects what stands on the ground, with shadows and reflections."""

    def __init__(self, rng: np.random.Generator, camera: Camera, climate: Climate, street: Street):
        self.rng, self.camera, self.climate, self.street = rng, camera, climate, street
        self.standing: list[Thing] = []
        self.shadows: list[Thing] = []
        self.ghosts: list[Thing] = []
        self.pools: list[LightPool] = []

    def add(self, sketch: Sketch, x_m: float, z_m: float, class_id: int = 0) -> None:
        self.standing.append(stand(self.camera, sketch, x_m, z_m, class_id))
        if self.climate.is_wet:
            self.ghosts.append(stand(self.camera, sketch, x_m, z_m, is_reflection=True))
        if self.climate.sun > 0.2 and z_m < 30:
            half_width_m = float(np.ptp(np.concatenate([o[:, 0] for o, _ in sketch[:3]])) / 2)
            self.shadows.append(
                cast_shadow(self.camera, self.climate, x_m, z_m, min(half_width_m, 1.5))
            )

    def sample_depth(self, near_m: float = _NEAR_M, far_m: float = _FAR_M) -> float:
        return float(np.exp(self.rng.uniform(np.log(near_m), np.log(far_m))))

    def sample_x(self, z_m: float, *, is_on_road: bool) -> float:
        """A place on the road or on a sidewalk that the camera can see at this depth."""
        street = self.street
        reach_m = 0.6 * z_m / self.camera.focal
        shift_m = -self.camera.vanishing_x * z_m / self.camera.focal - self.camera.bend * z_m**2
        low_m, high_m = shift_m - reach_m, shift_m + reach_m
        if is_on_road:
            x_m = self.rng.uniform(street.left_m + 0.5, street.right_m - 0.5)
        elif self.rng.random() < 0.5:
            x_m = street.left_m - self.rng.uniform(0.4, street.walk_width_m - 0.3)
        else:
            x_m = street.right_m + self.rng.uniform(0.4, street.walk_width_m - 0.3)
        if low_m <= x_m <= high_m:
            return float(x_m)
        x_m = self.rng.uniform(low_m, high_m)
        return float(np.clip(x_m, street.left_m - 3, street.right_m + 3))


def sample_scene(seed: int, index: int) -> Scene:
    """Draw scene number `index` of the world `seed`; odd numbers are at night."""
    rng = np.random.default_rng((seed, index))
    climate = sample_climate(rng, is_night=index % 2 == 1)
    camera = Camera(
        horizon=float(rng.uniform(0.36, 0.48)),
        vanishing_x=float(rng.uniform(-0.22, 0.22)),
        focal=float(rng.uniform(1.1, 1.5)),
        height_m=float(rng.uniform(1.4, 1.9)),
        bend=float(rng.uniform(-0.004, 0.004)),
    )
    street = Street(
        left_m=float(-rng.uniform(2.2, 5.5)),
        right_m=float(rng.uniform(2.2, 5.5)),
        walk_width_m=float(rng.uniform(1.6, 3.5)),
        walk_c=float(climate.road_c + rng.uniform(-1.0, 1.0)),
    )
    composer = _Composer(rng, camera, climate, street)
    walls, wall_ghosts = build_walls(rng, camera, climate, street)
    on_ground = paint_markings(rng, camera, climate, street)
    if rng.random() < 0.4:
        on_ground.append(lay_bump(rng, camera, climate, street))
    if rng.random() < 0.4:
        composer.standing.append(build_guardrail(rng, camera, climate, street))
    _add_scenery(composer)
    _add_cars(composer)
    _add_persons(composer)
    _add_bikes(composer)
    _add_barriers(composer)
    return Scene(
        camera=camera,
        climate=climate,
        things=(
            *draw_sky(rng, camera, climate),
            *lay_ground(rng, camera, climate, street),
            # Shadows first: a shaded marking keeps its label.
            *composer.shadows,
            *on_ground,
            *walls,
            *_far_first(composer.standing),
        ),
        ghosts=(*wall_ghosts, *_far_first(composer.ghosts)),
        light_pools=tuple(composer.pools),
    )


def _far_first(things: list[Thing]) -> list[Thing]:
    return sorted(things, key=lambda thing: -thing.depth_m)


def _add_scenery(composer: _Composer) -> None:
    """Trees, lamps, and warm things that are no persons."""
    rng, climate, street = composer.rng, composer.climate, composer.street
    for _ in range(rng.integers(1, 4)):
        side_m = street.left_m if rng.random() < 0.5 else street.right_m
        out_m = np.sign(side_m) * rng.uniform(0.6, street.walk_width_m - 0.2)
        composer.add(draw_tree(rng, climate), side_m + out_m, composer.sample_depth(8, 50))
    if climate.is_night:
        strength = rng.uniform(0.008, 0.025)
        composer.pools.append(
            LightPool(
                x=composer.camera.vanishing_x,
                y=composer.camera.horizon + 0.35,
                radius_x=0.45,
                radius_y=0.2,
                colour=(strength, strength, 0.9 * strength),
            )
        )
    for _ in range(rng.integers(0, 3)):
        side_m = street.left_m - 0.5 if rng.random() < 0.5 else street.right_m + 0.5
        z_m = composer.sample_depth(7, 35)
        composer.add(draw_street_lamp(rng, climate), side_m, z_m)
        if climate.is_night:
            x, y = composer.camera.project(side_m, 0.0, z_m)
            radius = composer.camera.focal * 4 / z_m
            strength = rng.uniform(0.02, 0.07)
            colour = (strength, 0.85 * strength, 0.6 * strength)
            composer.pools.append(LightPool(float(x), float(y), radius, 0.35 * radius, colour))
    for draw in (draw_vending_machine, draw_warm_post, draw_warm_post):
        if rng.random() < 0.4:
            z_m = composer.sample_depth(6, 30)
            composer.add(draw(rng, climate), composer.sample_x(z_m, is_on_road=False), z_m)


def _add_cars(composer: _Composer) -> None:
    rng, climate, street = composer.rng, composer.climate, composer.street
    for _ in range(rng.choice(4, p=(0.15, 0.35, 0.3, 0.2))):
        z_m = composer.sample_depth(6.0, 35)
        is_parked = bool(rng.random() < 0.45)
        if rng.random() < 0.3:
            sketch = draw_car_side(rng, climate, is_parked=is_parked)
            x_m = composer.sample_x(z_m, is_on_road=True)
        else:
            is_left = rng.random() < 0.5
            sketch = draw_car(rng, climate, is_oncoming=bool(is_left), is_parked=is_parked)
            if is_parked:
                x_m = street.left_m + 0.9 if is_left else street.right_m - 0.9
            else:
                x_m = 0.5 * (street.left_m if is_left else street.right_m) + rng.uniform(-0.4, 0.4)
        composer.add(sketch, x_m, z_m, ClassId.CAR)


def _add_persons(composer: _Composer) -> None:
    """Single persons and small groups, many of them far away."""
    rng, climate = composer.rng, composer.climate
    for _ in range(rng.choice(5, p=(0.12, 0.28, 0.28, 0.2, 0.12))):
        z_m = composer.sample_depth()
        x_m = composer.sample_x(z_m, is_on_road=bool(rng.random() < 0.35))
        for member in range(1 + int(rng.random() < 0.3) + int(rng.random() < 0.15)):
            offset_m = member * rng.uniform(0.45, 0.9)
            z_member_m = z_m + 0.3 * member
            composer.add(draw_person(rng, climate), x_m + offset_m, z_member_m, ClassId.PERSON)


def _add_bikes(composer: _Composer) -> None:
    """Cyclists and bikes in a row at the roadside."""
    rng, climate, street = composer.rng, composer.climate, composer.street
    if rng.random() < 0.32:
        z_m = composer.sample_depth(4.5, 24)
        x_m = composer.sample_x(z_m, is_on_road=True)
        rider = draw_person(rng, climate, is_riding=True)
        composer.add(rider, x_m, z_m + 0.05, ClassId.PERSON)
        composer.add(draw_bike(rng, climate, is_ridden=True), x_m, z_m, ClassId.BIKE)
    if rng.random() < 0.35:
        z_m, side = composer.sample_depth(4.0, 12), rng.choice([-1, 1])
        x_m = (street.left_m if side < 0 else street.right_m) + side * rng.uniform(0.5, 1.2)
        for _ in range(rng.integers(2, 6)):
            composer.add(draw_bike(rng, climate, is_ridden=False), x_m, z_m, ClassId.BIKE)
            x_m += rng.uniform(-0.3, 0.3)
            z_m += rng.uniform(0.5, 1.2)


def _add_barriers(composer: _Composer) -> None:
    """Rows of cones and of car stops."""
    rng, climate, street = composer.rng, composer.climate, composer.street
    if rng.random() < 0.45:
        colour_index = int(rng.integers(3))
        z_m, step_m = composer.sample_depth(3.6, 10), rng.uniform(0.8, 2.0)
        x_m = composer.sample_x(z_m, is_on_road=True)
        drift_m = rng.uniform(-0.7, 0.7)
        for _ in range(rng.integers(2, 7)):
            ground_c = climate.road_c if street.left_m < x_m < street.right_m else street.walk_c
            cone = draw_cone(climate, colour_index, ground_c, z_m)
            composer.add(cone, x_m, z_m, ClassId.COLOUR_CONE)
            x_m, z_m = x_m + drift_m, z_m + step_m
    if rng.random() < 0.45:
        kind = int(rng.integers(3))
        z_m = composer.sample_depth(4.2, 12)
        x_m = composer.sample_x(z_m, is_on_road=bool(rng.random() < 0.3))
        is_across = rng.random() < 0.5
        for _ in range(rng.integers(2, 6)):
            stop = draw_car_stop(rng, climate, kind, street.walk_c, z_m)
            composer.add(stop, x_m, z_m, ClassId.CAR_STOP)
            if is_across:
                x_m += 1.5
            else:
                z_m += 1.8
