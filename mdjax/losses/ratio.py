"""A loss as a sum and what it is divided by, so that it means the same however a batch is cut."""

import jax.numpy as jnp
from flax import struct
from jaxtyping import Float, Shaped

from mdjax.types import Array


@struct.dataclass
class Ratio:
    """A loss of a batch, still to be divided; those of the batch's parts add up to it.

    value = Σ_i total_i / max(1, normaliser_i + ε)

    Were each part divided by its own normaliser, the loss would depend on the cut: a part without a
    positive anchor, say, would count as much as one with thirty.
    """

    total: Float[Array, "*n"]
    """Sum over the batch, float32."""
    normaliser: Float[Array, "*n"]
    """What it is divided by, also a sum over the batch: of pixels, anchors, images, mask values."""
    epsilon: float = struct.field(pytree_node=False, default=0.0)
    """Added to the normaliser of the whole batch, once."""

    @property
    def value(self) -> Float[Array, ""]:
        """The loss, a float32 scalar; the normaliser counts as 1 where it is less."""
        normaliser = jnp.asarray(self.normaliser + self.epsilon)
        return jnp.sum(self.total / jnp.where(normaliser < 1, 1.0, normaliser))


def count(is_counted: Shaped[Array, "..."]) -> Float[Array, ""]:
    """Return the number of true values as a normaliser."""
    return jnp.sum(is_counted, dtype=jnp.float32)


def mean_ratio(values: Shaped[Array, "..."]) -> Ratio:
    """Return the mean of all values, computed in float32, as a ratio.

    Example:
        >>> import jax.numpy as jnp
        >>> import mdjax
        >>> float(mdjax.mean_ratio(jnp.array([1.0, 2.0, 6.0])).value)
        3.0
    """
    return Ratio(jnp.sum(values, dtype=jnp.float32), jnp.float32(values.size))
