"""Light and temperature of one scene."""

from dataclasses import dataclass

import numpy as np

from mdjax.scenes.parts import Colour

SKIN_C = 34.0


@dataclass(frozen=True)
class Climate:
    """What the time of day and the weather do to both cameras."""

    is_night: bool
    is_wet: bool
    air_c: float
    road_c: float
    sky_c: float
    sun: float
    """0 under clouds and at night, 1 in full sun."""
    daylight: Colour
    """Light that falls on everything, linear, per channel."""
    thermal_low_c: float
    """Temperature that the thermal camera shows as 0."""
    thermal_high_c: float
    """Temperature that the thermal camera shows as 255."""

    def dress_c(self, share: float) -> float:
        """Temperature of something between air (share 0) and skin (share 1), warmed by the sun."""
        return self.air_c + share * (SKIN_C - self.air_c) + 4.0 * self.sun * (1 - share)


def sample_climate(rng: np.random.Generator, *, is_night: bool) -> Climate:
    """Draw light and temperatures; by day a sunny road is about as warm as a person."""
    is_wet = bool(rng.random() < 0.35)
    if is_night:
        air_c, sun = rng.uniform(2, 18), 0.0
        road_c = air_c + rng.uniform(0.5, 4)
        light = np.exp(rng.uniform(np.log(0.004), np.log(0.014)))
        tint = np.array([1.0, 0.9, 0.75]) if rng.random() < 0.5 else np.array([0.75, 0.95, 1.0])
        low_c, high_c = air_c - rng.uniform(7, 11), air_c + rng.uniform(22, 30)
    else:
        air_c = rng.uniform(15, 29)
        sun = 0.0 if is_wet else rng.uniform(0, 1)
        road_c = air_c + rng.uniform(0, 2) + 9 * sun
        light = rng.uniform(0.55, 0.9) + 0.5 * sun
        tint = np.array([0.94 + 0.06 * sun, 0.98, 1.04 - 0.08 * sun])
        low_c, high_c = air_c - rng.uniform(8, 13), air_c + rng.uniform(24, 32)
    red, green, blue = (float(channel) for channel in light * tint)
    return Climate(
        is_night=is_night,
        is_wet=is_wet,
        air_c=float(air_c),
        road_c=float(road_c),
        sky_c=float(air_c - rng.uniform(15, 35)),
        sun=float(sun),
        daylight=(red, green, blue),
        thermal_low_c=float(low_c),
        thermal_high_c=float(high_c),
    )
