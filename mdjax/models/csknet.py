"""CSK-Net: one network for both images, or for one alone (Sikdar, Teotia and Sundaram 2023).

Both images run through one set of kernels; what normalises them is private to each. Where a branch
has given up a channel, it takes that of the other. A gate fuses what the branches have computed,
and one head predicts from either branch and from both. Without one image, the branch of the other
runs alone: it costs what a network for one image costs.
"""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
from flax import struct
from flax.traverse_util import flatten_dict
from jaxtyping import Float

from mdjax.models.backbones.backbone import Backbone
from mdjax.models.fusion.gated_spectral_unit import GatedSpectralUnit
from mdjax.models.layers import conv
from mdjax.models.modalities import (
    BOTH,
    THERMAL,
    VISIBLE,
    Missing,
    Thermal,
    Visible,
    list_present,
    normalise_pair,
)
from mdjax.models.networks import Head
from mdjax.models.private_layers import create_private_convolution, create_private_norm
from mdjax.ops.resize import get_size_hw
from mdjax.ops.rows import interleave_rows, separate_rows
from mdjax.types import Array, NetworkOutput

FUSED = "fused"
EXCHANGE_BELOW = 2e-2
"""τ of CEN."""


@struct.dataclass
class CskOutput(NetworkOutput):
    """What CSK-Net hands to its losses, beside the prediction from all images there are.

    Its features are those of each branch, "visible_c2" to "thermal_c5", and the fused "c5".
    """

    branch_predictions: Mapping[str, Any] = struct.field(default_factory=dict)
    """Of each branch, by "visible" and "thermal"."""
    exchange_scales: Mapping[str, Mapping[str, Float[Array, " _"]]] = struct.field(
        default_factory=dict
    )
    """Scales that decide what is exchanged: by block, such as "layer2_block0", and by branch."""
    exchange_below: float = struct.field(pytree_node=False, default=0.0)
    """τ: a branch takes a channel over where its scale is below; 0: nothing is exchanged."""
    gate: Float[Array, "b _ _ _"] | None = None
    """z of the Gated Spectral Unit; None without it or with one image."""


class CskNet(nn.Module):
    """Shared kernels, private normalisation, exchange of channels in stages 2 to 4, gated fusion.

    Attributes:
        backbone: Of both branches.
        head: Of all predictions, with a private normalisation for each.
        exchange_below: τ, see `exchange_channels`; 0: no exchange.
        has_gate: Fuse by the Gated Spectral Unit; False: by the mean.
        exchange_scale_init: Scales γ that decide the exchange before training; pretrained weights
            bring their own, of 0.2 to 0.3 in torchvision's ResNet-18.
        swap_rate: p of `swap_halves` in training, where the exchange is.
        shares_kernels: One set of kernels in the backbone; False: one for each image.
    """

    backbone: Backbone
    head: Head
    exchange_below: float = EXCHANGE_BELOW
    has_gate: bool = True
    exchange_scale_init: float = 1.0
    swap_rate: float = 0.0
    shares_kernels: bool = True

    @nn.compact
    def __call__(
        self,
        visible: Visible,
        thermal: Thermal,
        *,
        train: bool,
        missing: Missing = "none",
    ) -> CskOutput:
        """Predict from both images, or from one of them alone.

        Args:
            visible: The visible image, not looked at if it is missing.
            thermal: The thermal image, likewise.
            train: Normalise by the batch.
            missing: Without one image there is no exchange and no fusion.
        """
        present = list_present(missing)
        images: dict[str, Array] = dict(zip(BOTH, normalise_pair(visible, thermal), strict=True))
        rows = interleave_rows([images[name] for name in present])
        convolution = conv if self.shares_kernels else create_private_convolution(present)
        norm = create_private_norm(present)
        first = self.backbone.create_part(2, 2, norm=norm, convolution=convolution, name="backbone")
        trunk = self.backbone.create_part(
            3,
            5,
            norm=norm,
            last_norm=create_private_norm(
                present,
                exchange_below=self.exchange_below,
                swap_rate=self.swap_rate,
                scale_init=nn.initializers.constant(self.exchange_scale_init),
            ),
            convolution=convolution,
            name="trunk",
        )
        levels = dict(first(rows, train=train))
        levels |= trunk(levels["c2"], train=train)
        by_branch = _unstack(levels, present)
        features = {
            f"{branch}_{level}": x for branch, of in by_branch.items() for level, x in of.items()
        }
        gate = None
        if present == BOTH:
            fused, gate = self._fuse(by_branch)
            by_branch[FUSED] = fused
        predictions = self._predict(by_branch, get_size_hw(visible), train=train)
        return CskOutput(
            prediction=predictions[FUSED if FUSED in by_branch else present[0]],
            features=features | by_branch.get(FUSED, by_branch[present[0]]),
            branch_predictions={branch: predictions[branch] for branch in present},
            exchange_scales=_find_exchange_scales(trunk.variables["params"]),
            exchange_below=self.exchange_below if present == BOTH else 0.0,
            gate=gate,
        )

    def _fuse(self, by_branch: Mapping[str, Mapping[str, Array]]) -> tuple[dict[str, Any], Any]:
        """The deepest level by the gate, all others, which only an FPN reads, by their mean."""
        of_visible, of_thermal = by_branch[VISIBLE], by_branch[THERMAL]
        fused: dict[str, Any] = {
            level: (of_visible[level] + of_thermal[level]) / 2 for level in of_visible
        }
        if not self.has_gate:
            return fused, None
        unit = GatedSpectralUnit(self.backbone.dtype, name="gate")
        gated = unit(of_visible["c5"], of_thermal["c5"])
        return fused | {"c5": gated.features}, gated.gate

    def _predict(
        self,
        by_branch: Mapping[str, Mapping[str, Array]],
        image_size_hw: tuple[int, int],
        *,
        train: bool,
    ) -> dict[str, Any]:
        branches = tuple(by_branch)
        stacked = {
            level: interleave_rows([of[level] for of in by_branch.values()])
            for level in by_branch[branches[0]]
        }
        # The name "head" is that of the attribute, whose norm is not private.
        head = self.head.clone(parent=self, norm=create_private_norm(branches), name="shared_head")
        stacked_prediction = head(stacked, image_size_hw, train=train)
        parts = self.head.split_prediction(stacked_prediction, len(branches))
        return dict(zip(branches, parts, strict=True))


def _unstack(
    stacked: Mapping[str, Array], branches: tuple[str, ...]
) -> dict[str, dict[str, Array]]:
    """Take the feature maps of each branch apart again."""
    parts = {level: separate_rows(x, len(branches)) for level, x in stacked.items()}
    return {
        branch: {level: x[i] for level, x in parts.items()} for i, branch in enumerate(branches)
    }


def _find_exchange_scales(params: Mapping[str, Any]) -> dict[str, dict[str, Array]]:
    scales: dict[str, dict[str, Array]] = {}
    flat: dict[Any, Any] = flatten_dict(dict(params))
    for (block, norm, *path), leaf in flat.items():
        if norm == "bn2" and path[-1] == "scale":
            scales.setdefault(block, {})[path[0]] = leaf
    return scales
