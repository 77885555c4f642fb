"""CSK-Net: one network for both images, or for one alone (Sikdar, Teotia and Sundaram 2023).

Both images run through one set of kernels; what normalises them is private to each. Where a branch
has given up a channel, it takes that of the other. A gate fuses what the branches have computed,
and one head predicts from either branch and from both. Without one image, the branch of the other
runs alone: it costs what a network for one image costs.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax import struct
from flax.traverse_util import flatten_dict
from jaxtyping import Bool, Float

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
from mdjax.models.private_layers import (
    create_private_convolution,
    create_private_norm,
    is_given_up,
)
from mdjax.ops.resize import get_size_hw
from mdjax.ops.rows import interleave_rows, separate_rows
from mdjax.types import Array, MdjaxError, NetworkOutput

FUSED = "fused"
EXCHANGE_BELOW = 2e-2
"""τ of CEN."""
EXCHANGING_STAGES = (2, 3, 4)
"""Stages of the backbone in which channels are exchanged."""


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
    stages: tuple[tuple[str, int], ...] = struct.field(pytree_node=False, default=())
    """Block and stage of each of these scales."""
    frozen_stages: int = struct.field(pytree_node=False, default=0)
    """How many stages of the backbone keep their values."""
    gate: Float[Array, "b _ _ _"] | None = None
    """z of the Gated Spectral Unit; None without it or with one image."""


def find_penalised_scales(output: CskOutput) -> list[Mapping[str, Float[Array, " _"]]]:
    """Return the scales of blocks that exchange channels and are trained, by branch."""
    if not output.exchange_below:
        return []
    is_trained = {block: stage > output.frozen_stages for block, stage in output.stages}
    return [scales for block, scales in output.exchange_scales.items() if is_trained[block]]


def find_exchanged(
    output: CskOutput, branch: str, stages: Sequence[int] = EXCHANGING_STAGES
) -> Bool[Array, " _"]:
    """Tell of each channel of some stages whether a branch takes it from the other.

    Args:
        output: Of CSK-Net.
        branch: "visible" or "thermal".
        stages: Of the backbone, 2 to 4.
    """
    scales = [
        output.exchange_scales[block][branch] for block, stage in output.stages if stage in stages
    ]
    return jnp.concatenate([is_given_up(scale, below=output.exchange_below) for scale in scales])


def get_gate(output: CskOutput) -> Float[Array, "..."]:
    """Return z; the mean of both branches, which stands for a gate, weighs them evenly."""
    return jnp.full((), 0.5) if output.gate is None else output.gate


WATCHED: Mapping[str, Callable[[Any], Any]] = {
    **{f"exchanged_{branch}": partial(find_exchanged, branch=branch) for branch in BOTH},
    **{
        f"exchanged_{branch}_stage{stage}": partial(find_exchanged, branch=branch, stages=(stage,))
        for branch in BOTH
        for stage in EXCHANGING_STAGES
    },
    "gate": get_gate,
    "gate_decided": lambda output: jnp.abs(get_gate(output) - 0.5) > 0.4,
}
"""Their means are logged in training: channels exchanged, z, and how often z is decided."""


class CskNet(nn.Module):
    """Shared kernels, private normalisation, exchange of channels in stages 2 to 4, gated fusion.

    Attributes:
        backbone: Of both branches.
        head: Of all predictions, with a private normalisation for each.
        exchange_below: τ, see `exchange_channels`; 0: no exchange.
        has_gate: Fuse by the Gated Spectral Unit; False: by the mean.
        exchange_scale_init: Scales γ that decide the exchange before training; pretrained weights
            bring their own, on average 0.22 to 0.30 in stages 2 and 3 of torchvision's ResNet-18.
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
            exchange_scales=self._find_scales(trunk.variables["params"]),
            exchange_below=self.exchange_below if present == BOTH else 0.0,
            stages=self._find_stages(trunk.variables["params"]),
            frozen_stages=self.backbone.frozen_stages,
            gate=gate,
        )

    def _find_scales(self, params: Mapping[str, Any]) -> dict[str, dict[str, Array]]:
        """Those of the last normalisation of each block, by block and branch."""
        scales: dict[str, dict[str, Array]] = {}
        for path, leaf in _list_last_norms(params, self.backbone.last_norm_name):
            block, (branch, name) = _name_block(path), path[-2:]
            if name == "scale":
                scales.setdefault(block, {})[branch] = leaf
        if not scales and self.exchange_below:
            raise MdjaxError(
                f"the backbone has no normalisation {self.backbone.last_norm_name!r}, whose scales "
                "decide what CSK-Net exchanges; correct its last_norm_name."
            )
        return scales

    def _find_stages(self, params: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
        stages = self.backbone.find_stages(dict(params))
        found = _list_last_norms(stages, self.backbone.last_norm_name)
        return tuple({_name_block(path): int(stage) for path, stage in found}.items())

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


def _list_last_norms(tree: Mapping[str, Any], name: str) -> list[tuple[tuple[str, ...], Any]]:
    """List the leaves of the private normalisations of this name: block, name, branch and leaf."""
    flat: dict[Any, Any] = flatten_dict(dict(tree))
    return [(path, leaf) for path, leaf in flat.items() if path[-3:-2] == (name,)]


def _name_block(path: tuple[str, ...]) -> str:
    return "/".join(path[:-3])
