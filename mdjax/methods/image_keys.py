"""Random keys of images that do not depend on how a batch is cut."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import UInt32

from mdjax.types import Array

_FACTOR = 1_000_003  # Odd, so that no leaf is lost modulo 2^32.


def make_image_keys(step_key: Array, batch: Any) -> Array:
    """Derive a random key for each image of a batch, from a key of the step and from its content.

    An image has no number that all parts of a batch agree on, but its content is the same in every
    part and on every device. Equal images of a batch share their key.

    Args:
        step_key: The same for all parts of the batch: the random stream "step" of a method.
        batch: Arrays that have the image as their first axis.

    Returns:
        Keys [b].
    """
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(step_key, _number_images(batch))


def _number_images(batch: Any) -> UInt32[Array, " b"]:
    """Return a number of each image that depends on every bit of it, and on its position."""
    leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(batch)]
    numbers = jnp.zeros(leaves[0].shape[0], jnp.uint32)
    for leaf in leaves:
        words = _read_words(leaf).reshape(leaf.shape[0], -1)
        # Odd factors: modulo 2^32, one changed word always changes the sum.
        factors = 2 * jnp.arange(words.shape[1], dtype=jnp.uint32) + 1
        numbers = numbers * jnp.uint32(_FACTOR) + jnp.sum(words * factors, 1, dtype=jnp.uint32)
    return numbers


def _read_words(leaf: Array) -> UInt32[Array, "..."]:
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jax.lax.bitcast_convert_type(leaf.astype(jnp.float32), jnp.uint32)
    return leaf.astype(jnp.uint32)
