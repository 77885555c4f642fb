"""Rows of several sets in one batch: those that belong to one image lie side by side.

So a batch that is spread over devices holds all rows of an image on one device, and taking the sets
apart moves nothing between devices.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Shaped

from mdjax.types import Array


def interleave_rows(sets: Sequence[Shaped[Array, "b ..."]]) -> Shaped[Array, "n ..."]:
    """Join sets of b rows: the first row of each, then the second row of each, and so on.

    Args:
        sets: As many rows of each.
    """
    if len(sets) == 1:
        return jnp.asarray(sets[0])
    # The same without a fifth axis, so that exported models stay plain.
    if sets[0].shape[0] == 1:
        return jnp.concatenate(sets)
    joined = jnp.stack(sets, axis=1)
    return joined.reshape(-1, *joined.shape[2:])


def separate_rows(x: Shaped[Array, "n ..."], num_sets: int) -> list[Shaped[Array, "b ..."]]:
    """Take apart what `interleave_rows` has joined.

    Args:
        x: Rows of all sets.
        num_sets: How many sets there are.
    """
    if num_sets == 1:
        return [x]
    if x.shape[0] == num_sets:
        return list(jnp.split(x, num_sets))
    apart = x.reshape(-1, num_sets, *x.shape[1:])
    return [apart[:, i] for i in range(num_sets)]
