"""Gated Spectral Unit: fusion of two feature maps by a learned gate (CSK-Net)."""

import flax.linen as nn
import jax.numpy as jnp
from flax import struct
from jaxtyping import Float

from mdjax.models.layers import Dtype
from mdjax.types import Array


@struct.dataclass
class GatedFeatures:
    """What the unit returns.

    Attributes:
        features: f, the fused features.
        gate: z in [0, 1]: 1 takes the visible features alone, 0 the thermal ones.
    """

    features: Float[Array, "b h w c"]
    gate: Float[Array, "b h w c"]


class GatedSpectralUnit(nn.Module):
    """f = z h_v + (1 − z) h_t with h_m = tanh(1×1(f_m)) and z = σ(1×1([f_v, f_t])).

    The gate has a value for each channel and position. In the form of the Gated Multimodal Unit
    (Arevalo et al. 2017), which CSK-Net names as its origin.
    """

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, visible: Float[Array, "b h w c"], thermal: Float[Array, "b h w c"]
    ) -> GatedFeatures:
        """Fuse the features of both images."""

        def project(x: Array, name: str) -> Array:
            return nn.Conv(visible.shape[-1], (1, 1), dtype=self.dtype, name=name)(x)

        of_visible = jnp.tanh(project(visible, "visible"))
        of_thermal = jnp.tanh(project(thermal, "thermal"))
        pair = jnp.concatenate([visible, thermal], axis=-1)
        gate = nn.sigmoid(project(pair, "gate"))
        return GatedFeatures(gate * of_visible + (1 - gate) * of_thermal, gate)
