"""The networks of the paper: four ways to fuse, and the student.

Every network is called `network(visible, thermal, train=...)` with images in [0, 1] and returns a
`NetworkOutput`. The task is in `head`, a module with the methods of `Head`. An image that is called
`missing=` is not looked at: a network sees the mean image instead, or, if its docstring says so,
leaves out what would have looked at it.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.backbones.backbone import Backbone
from mdjax.models.backbones.resnet import BasicBlock
from mdjax.models.fusion.gaff import Gaff
from mdjax.models.layers import batch_norm
from mdjax.models.modalities import (
    BOTH,
    THERMAL,
    VISIBLE,
    Missing,
    Normalised,
    Thermal,
    Visible,
    drop_modalities,
    normalise_pair,
)
from mdjax.ops.resize import get_size_hw
from mdjax.types import Array, NetworkOutput

ATTENTION_BIAS = -2.0
"""Of the student's mask before training, whose sigmoid is 0.12."""


class Head(Protocol):
    """What a network asks of the module that turns features into a prediction."""

    def __call__(
        self, features: Mapping[str, Any], image_size_hw: tuple[int, int], *, train: bool
    ) -> Any:
        """Predict from feature maps by name, "c3" to "c5"."""
        ...

    def clone(self, **changes: Any) -> Any:
        """Return the same module with parameters of its own, as linen's `clone` does."""
        ...

    def average_predictions(self, first: Any, second: Any) -> Any:
        """Merge two predictions into one of the same form, for decision-level fusion."""
        ...

    def split_prediction(self, prediction: Any, num_parts: int) -> list[Any]:
        """Take a prediction for several sets of rows apart, see `interleave_rows`."""
        ...


class VisibleOnly(nn.Module):
    """One stream that sees the visible image; the thermal one is accepted and ignored."""

    backbone: Backbone
    head: Head

    @nn.compact
    def __call__(
        self, visible: Visible, thermal: Thermal, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        """Predict from the visible image."""
        inputs, _ = normalise_pair(visible, thermal, missing)
        return _run_one_stream(self, inputs, train=train)


class ThermalOnly(nn.Module):
    """One stream that sees the thermal image; the visible one is accepted and ignored."""

    backbone: Backbone
    head: Head

    @nn.compact
    def __call__(
        self, visible: Visible, thermal: Thermal, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        """Predict from the thermal image."""
        _, inputs = normalise_pair(visible, thermal, missing)
        return _run_one_stream(self, inputs, train=train)


class ImageLevel(nn.Module):
    """One stream that sees six channels, RGB and the thermal image three times: native student.

    Attributes:
        modality_dropout: p of `drop_modalities` in training.
    """

    backbone: Backbone
    head: Head
    modality_dropout: float = 0.0

    @nn.compact
    def __call__(
        self, visible: Visible, thermal: Thermal, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        """Predict from the concatenated pair."""
        pair = _show_pair(self, visible, thermal, missing, train=train)
        return _run_one_stream(self, jnp.concatenate(pair, axis=-1), train=train)


class FeatureLevel(nn.Module):
    """The teacher: two streams up to C4, fused by GAFF, then one stream.

    Attributes:
        modality_dropout: p of `drop_modalities` in training.
    """

    backbone: Backbone
    head: Head
    modality_dropout: float = 0.0

    @nn.compact
    def __call__(
        self, visible: Visible, thermal: Thermal, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        """Predict from the pair, with features, attention mask and guidance logits.

        Beside "c2" and "c3" (the mean of both streams), "c4" (fused by GAFF) and "c5", the features
        hold those of each stream: "visible_c2" to "visible_c4", "thermal_c2" to "thermal_c4".
        """
        backbone = self.backbone
        pair = _show_pair(self, visible, thermal, missing, train=train)
        of_visible, of_thermal = (
            backbone.create_part(2, 4, name=f"{name}_stream")(image, train=train)
            for name, image in zip(BOTH, pair, strict=True)
        )
        fused = Gaff(backbone.dtype, name="gaff")(of_visible["c4"], of_thermal["c4"])
        features = {name: (of_visible[name] + of_thermal[name]) / 2 for name in ("c2", "c3")}
        features["c4"] = fused.features
        features |= backbone.create_part(5, 5, name="trunk")(fused.features, train=train)
        return NetworkOutput(
            prediction=self.head(features, get_size_hw(visible), train=train),
            features=features
            | {f"visible_{name}": x for name, x in of_visible.items()}
            | {f"thermal_{name}": x for name, x in of_thermal.items()},
            mask=fused.mask,
            guidance=fused.guidance,
        )


class MdStudent(nn.Module):
    """The distilled student: image-level fusion with an attention mask and a residual block.

    f_1 = C4; m_S = σ(1×1(f_1)) (MD eq. 3); f_2 = f_1 (1 + m_S); f_3 = BasicBlock(f_2), which is
    compared with the teacher's features and feeds stage 4 and the head: it is this network's "c4".

    Block and mask start by leaving the features nearly as they are, so that pretrained ones are not
    lost: the block as the identity, the mask at 0.12.

    Attributes:
        transfer_level: 4: the block stands on C4. 5: it stands on C5, the mask stays on C4.
        multiply_mask: False leaves f_2 = f_1; the mask is then only supervised.
        modality_dropout: p of `drop_modalities` in training.
    """

    backbone: Backbone
    head: Head
    transfer_level: Literal[4, 5] = 4
    multiply_mask: bool = True
    modality_dropout: float = 0.0

    @nn.compact
    def __call__(
        self, visible: Visible, thermal: Thermal, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        """Predict from the concatenated pair, with features and attention mask."""
        backbone, level = self.backbone, self.transfer_level
        pair = _show_pair(self, visible, thermal, missing, train=train)
        inputs = jnp.concatenate(pair, axis=-1)
        features = dict(backbone.create_part(2, 4, name="backbone")(inputs, train=train))
        logits = nn.Conv(
            1,
            (1, 1),
            dtype=backbone.dtype,
            bias_init=nn.initializers.constant(ATTENTION_BIAS),
            name="attention",
        )(features["c4"])
        mask = jax.nn.sigmoid(logits.astype(jnp.float32))
        if self.multiply_mask:
            features["c4"] = features["c4"] * (1 + mask).astype(features["c4"].dtype)
        residual = BasicBlock(
            backbone.get_channels(level),
            dtype=backbone.dtype,
            last_norm=partial(batch_norm, scale_init=nn.initializers.zeros),
            name="residual",
        )
        trunk = backbone.create_part(5, 5, name="trunk")
        if level == 4:
            features["c4"] = residual(features["c4"], train=train)
        features |= trunk(features["c4"], train=train)
        if level == 5:
            features["c5"] = residual(features["c5"], train=train)
        prediction = self.head(features, get_size_hw(visible), train=train)
        return NetworkOutput(prediction=prediction, features=features, mask=mask)


class DecisionLevel(nn.Module):
    """Two complete networks, trained apart, whose predictions are averaged.

    Without one of the images, the other network decides alone.
    """

    visible_network: VisibleOnly
    thermal_network: ThermalOnly

    def __call__(
        self, visible: Visible, thermal: Thermal, *, train: bool, missing: Missing = "none"
    ) -> NetworkOutput:
        """Predict from each image alone and combine."""
        if missing == VISIBLE:
            return self.thermal_network(visible, thermal, train=train)
        if missing == THERMAL:
            return self.visible_network(visible, thermal, train=train)
        from_visible = self.visible_network(visible, thermal, train=train)
        from_thermal = self.thermal_network(visible, thermal, train=train)
        average = self.visible_network.head.average_predictions
        return NetworkOutput(average(from_visible.prediction, from_thermal.prediction))


def _show_pair(
    network: ImageLevel | FeatureLevel | MdStudent,
    visible: Visible,
    thermal: Thermal,
    missing: Missing,
    *,
    train: bool,
) -> tuple[Normalised, Normalised]:
    """Three normalised channels of each image (MD section 4.2), in training with dropout."""
    pair = normalise_pair(visible, thermal, missing)
    if not train or not network.modality_dropout:
        return pair
    return drop_modalities(network.make_rng("dropout"), *pair, network.modality_dropout)


def _run_one_stream(
    network: VisibleOnly | ThermalOnly | ImageLevel,
    inputs: Float[Array, "b h w c"],
    *,
    train: bool,
) -> NetworkOutput:
    features = dict(network.backbone.create_part(2, 4, name="backbone")(inputs, train=train))
    features |= network.backbone.create_part(5, 5, name="trunk")(features["c4"], train=train)
    prediction = network.head(features, get_size_hw(inputs), train=train)
    return NetworkOutput(prediction=prediction, features=features)
