"""Feature pyramid network (Lin et al., CVPR 2017)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.layers import Dtype
from mdjax.ops.operator import operator
from mdjax.ops.resize import get_size_hw
from mdjax.types import Array, Features

FPN_CHANNELS = 256  # Lin et al. 2017, section 3


class Fpn(nn.Module):
    """Bring C3, C4 and C5 to one number of channels, each with what the coarser ones know.

    The convolutions have a bias and no normalisation, as in the paper.

    Attributes:
        channels: Of every level.
        dtype: Type of activations.
    """

    channels: int = FPN_CHANNELS
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, features: Features
    ) -> tuple[Float[Array, "b h3 w3 c"], Float[Array, "b h4 w4 c"], Float[Array, "b h5 w5 c"]]:
        """Return P3, P4 and P5, on the grids of C3, C4 and C5.

        M_5 = L_5(C_5); M_l = L_l(C_l) + up(M_{l+1}); P_l = O_l(M_l), with 1×1 convolutions L, 3×3
        convolutions O, and up = nearest neighbour to the grid of the finer level.

        Args:
            features: "c3", "c4" and "c5"; each level has the size of the finer one or half of it,
                rounded up.
        """
        merged = self._conv(1, "lateral5")(features["c5"])
        outputs = [self._conv(3, "output5")(merged)]
        for level in ("4", "3"):
            lateral = self._conv(1, f"lateral{level}")(features[f"c{level}"])
            merged = lateral + upsample_nearest(merged, get_size_hw(lateral))
            outputs.append(self._conv(3, f"output{level}")(merged))
        p5, p4, p3 = outputs
        return p3, p4, p5

    def _conv(self, kernel_size: int, name: str) -> nn.Conv:
        return nn.Conv(self.channels, (kernel_size, kernel_size), dtype=self.dtype, name=name)


@operator("size_hw")
def upsample_nearest(
    features: Float[Array, "b h w c"], size_hw: tuple[int, int]
) -> Float[Array, "b hh ww c"]:
    """Repeat every cell over the cells of the finer grid that it stands for.

    Fine cell i gets coarse cell ⌊i / s⌋, s = ⌈fine size / coarse size⌉. Where the fine size is odd,
    the last coarse cell is repeated once less; `jax.image.resize` would shift some cells there.

    Args:
        features: Any range; the dtype is kept.
        size_hw: Height and width of the finer grid.
    """
    for axis, fine in ((1, size_hw[0]), (2, size_hw[1])):
        factor = -(-fine // features.shape[axis])
        repeated = jnp.repeat(features, factor, axis=axis)
        features = jax.lax.slice_in_dim(repeated, 0, fine, axis=axis)
    return features
