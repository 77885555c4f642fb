"""Guided attentive feature fusion (Zhang et al., WACV 2021)."""

import math
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.layers import Dtype
from mdjax.types import INTER_THERMAL, INTER_VISIBLE, Array, GuidanceLogits

INTRA_PRIOR = 0.01  # share of foreground that the intra masks assume before training


class FusedFeatures(NamedTuple):
    """Fused features, the attention that weighed them, and the logits behind it."""

    features: Float[Array, "b h w c"]
    mask: Float[Array, "b h w 1"]
    guidance: GuidanceLogits


class Gaff(nn.Module):
    """Weigh the features of each modality by two attention masks and average them."""

    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, visible: Float[Array, "b h w c"], thermal: Float[Array, "b h w c"]
    ) -> FusedFeatures:
        """Fuse the streams (MD eq. 1 and 2, mask of eq. 3).

        m_intra^m = σ(F_m(f_m)); (m_inter^t, m_inter^v) = softmax(F_x([f_t, f_v]));
        f_m^weighted = f_m (1 + m_intra^m)(1 + m_inter^m); f = (f_v^weighted + f_t^weighted) / 2;
        m_teacher = m_intra^v m_inter^v + m_intra^t m_inter^t. Masks are float32.

        Args:
            visible: Features of the visible stream.
            thermal: Features of the thermal stream, of the same shape.
        """
        intra_bias = -math.log((1 - INTRA_PRIOR) / INTRA_PRIOR)
        guidance = GuidanceLogits(
            intra_visible=self._attention(1, intra_bias, "intra_visible")(visible),
            intra_thermal=self._attention(1, intra_bias, "intra_thermal")(thermal),
            inter=self._attention(2, 0.0, "inter")(jnp.concatenate([thermal, visible], axis=-1)),
        )
        guidance = jax.tree.map(lambda logits: logits.astype(jnp.float32), guidance)
        intra_visible = jax.nn.sigmoid(guidance.intra_visible)
        intra_thermal = jax.nn.sigmoid(guidance.intra_thermal)
        inter = jax.nn.softmax(guidance.inter)
        inter_thermal = inter[..., INTER_THERMAL : INTER_THERMAL + 1]
        inter_visible = inter[..., INTER_VISIBLE : INTER_VISIBLE + 1]
        weight_visible = ((1 + intra_visible) * (1 + inter_visible)).astype(visible.dtype)
        weight_thermal = ((1 + intra_thermal) * (1 + inter_thermal)).astype(thermal.dtype)
        return FusedFeatures(
            features=(visible * weight_visible + thermal * weight_thermal) / 2,
            mask=intra_visible * inter_visible + intra_thermal * inter_thermal,
            guidance=guidance,
        )

    def _attention(self, num_masks: int, bias: float, name: str) -> nn.Conv:
        return nn.Conv(
            num_masks,
            (3, 3),
            dtype=self.dtype,
            kernel_init=nn.initializers.normal(0.01),
            bias_init=nn.initializers.constant(bias),
            name=name,
        )
