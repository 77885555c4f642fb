"""The two images of a pair, as networks see them, and what stands for one that is missing."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.layers import normalise_thermal, normalise_visible
from mdjax.types import Array

VISIBLE, THERMAL = "visible", "thermal"
BOTH = (VISIBLE, THERMAL)

Missing = Literal["none", "visible", "thermal"]
"""Which image of a pair a network has to do without."""

Visible = Float[Array, "b h w 3"]
Thermal = Float[Array, "b h w 1"]
Normalised = Float[Array, "b h w 3"]


def list_present(missing: Missing) -> tuple[str, ...]:
    """List the images that are there, in the order of `BOTH`."""
    return tuple(name for name in BOTH if name != missing)


def normalise_pair(
    visible: Visible, thermal: Thermal, missing: Missing = "none"
) -> tuple[Normalised, Normalised]:
    """Normalise both images; one that is missing is 0 everywhere, the mean of ImageNet.

    Args:
        visible: RGB in [0, 1].
        thermal: One channel in [0, 1]; it is replicated to three.
        missing: Which of them is not looked at.
    """
    of_visible, of_thermal = normalise_visible(visible), normalise_thermal(thermal)
    if missing == VISIBLE:
        of_visible = jnp.zeros_like(of_visible)
    if missing == THERMAL:
        of_thermal = jnp.zeros_like(of_thermal)
    return of_visible, of_thermal


def drop_modalities(
    key: Array, visible: Normalised, thermal: Normalised, rate: float
) -> tuple[Normalised, Normalised]:
    """Replace images at random by what stands for a missing one: modality dropout.

    A pair loses its visible image with probability p, its thermal one with p, and keeps both with
    1 − 2 p: never does it lose both.

    Args:
        key: Random key.
        visible: Normalised visible images.
        thermal: Normalised thermal images.
        rate: p, 0 to 0.5.
    """
    draws = jax.random.uniform(key, (visible.shape[0], 1, 1, 1))
    return jnp.where(draws < rate, 0.0, visible), jnp.where(draws >= 1 - rate, 0.0, thermal)
