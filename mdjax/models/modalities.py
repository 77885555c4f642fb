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

    Each image of each pair is dropped with probability p, but where both would be, neither is: a
    pair loses one given image with probability p (1 − p), and keeps both with 1 − 2 p (1 − p).

    Args:
        key: Random key.
        visible: Normalised visible images.
        thermal: Normalised thermal images.
        rate: p, at least 0 and below 1.
    """
    are_dropped = jax.random.bernoulli(key, rate, (2, visible.shape[0]))
    are_dropped &= ~jnp.all(are_dropped, axis=0)
    of_visible, of_thermal = (
        jnp.where(is_dropped[:, None, None, None], 0.0, images)
        for is_dropped, images in zip(are_dropped, (visible, thermal), strict=True)
    )
    return of_visible, of_thermal
