"""The networks of the paper: four ways to fuse, and the student.

Every network is called `network(visible, thermal, train=...)` with images in [0, 1] and returns a
`NetworkOutput`. The task is in `head`, a module with the methods of `Head`.
"""

from typing import Any, Literal, Protocol

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.backbones.resnet import Backbone, BasicBlock, Pyramid, ResNetOptions, Trunk
from mdjax.models.fusion.gaff import Gaff
from mdjax.models.layers import normalise_thermal, normalise_visible
from mdjax.ops.resize import get_size_hw
from mdjax.types import Array, NetworkOutput

Visible = Float[Array, "b h w 3"]
Thermal = Float[Array, "b h w 1"]


class Head(Protocol):
    """What a network asks of the module that turns features into a prediction."""

    def __call__(self, pyramid: Pyramid, image_size_hw: tuple[int, int], *, train: bool) -> Any:
        """Predict."""
        ...

    def clone(self) -> Any:
        """Return the same module with parameters of its own, as linen's `clone` does."""
        ...

    def average_predictions(self, first: Any, second: Any) -> Any:
        """Merge two predictions into one of the same form, for decision-level fusion."""
        ...


class VisibleOnly(nn.Module):
    """One stream that sees the visible image; the thermal one is accepted and ignored."""

    options: ResNetOptions
    head: Head

    @nn.compact
    def __call__(self, visible: Visible, thermal: Thermal, *, train: bool) -> NetworkOutput:
        """Predict from the visible image."""
        return _run_one_stream(self, normalise_visible(visible), train=train)


class ThermalOnly(nn.Module):
    """One stream that sees the thermal image; the visible one is accepted and ignored."""

    options: ResNetOptions
    head: Head

    @nn.compact
    def __call__(self, visible: Visible, thermal: Thermal, *, train: bool) -> NetworkOutput:
        """Predict from the thermal image."""
        return _run_one_stream(self, normalise_thermal(thermal), train=train)


class ImageLevel(nn.Module):
    """One stream that sees six channels, RGB and the thermal image three times: native student."""

    options: ResNetOptions
    head: Head

    @nn.compact
    def __call__(self, visible: Visible, thermal: Thermal, *, train: bool) -> NetworkOutput:
        """Predict from the concatenated pair."""
        return _run_one_stream(self, concatenate_pair(visible, thermal), train=train)


class FeatureLevel(nn.Module):
    """The teacher: two streams up to stage 3, fused by GAFF, then one stream.

    Attributes:
        transfer_level: Which features the student will be asked to mimic: fused C4, or C5.
    """

    options: ResNetOptions
    head: Head
    transfer_level: Literal[4, 5] = 4

    @nn.compact
    def __call__(self, visible: Visible, thermal: Thermal, *, train: bool) -> NetworkOutput:
        """Predict from the pair, with features, attention mask and guidance logits."""
        options = self.options
        visible_c3, visible_c4 = Backbone(options, name="visible_stream")(
            normalise_visible(visible), train=train
        )
        thermal_c3, thermal_c4 = Backbone(options, name="thermal_stream")(
            normalise_thermal(thermal), train=train
        )
        fused = Gaff(options.dtype, name="gaff")(visible_c4, thermal_c4)
        c5 = Trunk(options, name="trunk")(fused.features, train=train)
        pyramid = Pyramid((visible_c3 + thermal_c3) / 2, fused.features, c5)
        return NetworkOutput(
            prediction=self.head(pyramid, get_size_hw(visible), train=train),
            features=fused.features if self.transfer_level == 4 else c5,
            mask=fused.mask,
            guidance=fused.guidance,
        )


class MdStudent(nn.Module):
    """The distilled student: image-level fusion with an attention mask and a residual block.

    f_1 = C4; m_S = σ(1×1(f_1)) (MD eq. 3); f_2 = f_1 (1 + m_S); f_3 = BasicBlock(f_2), which is
    compared with the teacher's features and feeds stage 4 and the head.

    Attributes:
        transfer_level: 4: the block stands on C4. 5: it stands on C5, the mask stays on C4.
        multiply_mask: False leaves f_2 = f_1; the mask is then only supervised.
    """

    options: ResNetOptions
    head: Head
    transfer_level: Literal[4, 5] = 4
    multiply_mask: bool = True

    @nn.compact
    def __call__(self, visible: Visible, thermal: Thermal, *, train: bool) -> NetworkOutput:
        """Predict from the concatenated pair, with features and attention mask."""
        options = self.options
        inputs = concatenate_pair(visible, thermal)
        c3, c4 = Backbone(options, name="backbone")(inputs, train=train)
        logits = nn.Conv(1, (1, 1), dtype=options.dtype, name="attention")(c4)
        mask = jax.nn.sigmoid(logits.astype(jnp.float32))
        if self.multiply_mask:
            c4 = c4 * (1 + mask).astype(c4.dtype)
        trunk = Trunk(options, name="trunk")
        residual = BasicBlock(
            options.stage_channels(self.transfer_level - 1),
            dtype=options.dtype,
            name="residual",
        )
        if self.transfer_level == 4:
            c4 = residual(c4, train=train)
            c5 = trunk(c4, train=train)
        else:
            c5 = residual(trunk(c4, train=train), train=train)
        return NetworkOutput(
            prediction=self.head(Pyramid(c3, c4, c5), get_size_hw(visible), train=train),
            features=c4 if self.transfer_level == 4 else c5,
            mask=mask,
        )


class DecisionLevel(nn.Module):
    """Two complete networks whose predictions are averaged, in the way of the task."""

    visible_network: VisibleOnly
    thermal_network: ThermalOnly

    def __call__(self, visible: Visible, thermal: Thermal, *, train: bool) -> NetworkOutput:
        """Predict from each image alone and combine."""
        from_visible = self.visible_network(visible, thermal, train=train)
        from_thermal = self.thermal_network(visible, thermal, train=train)
        average = self.visible_network.head.average_predictions
        return NetworkOutput(average(from_visible.prediction, from_thermal.prediction))


def concatenate_pair(visible: Visible, thermal: Thermal) -> Float[Array, "b h w 6"]:
    """Stack the normalised pair to six channels, three from each modality (MD section 4.2)."""
    return jnp.concatenate([normalise_visible(visible), normalise_thermal(thermal)], axis=-1)


def _run_one_stream(
    network: VisibleOnly | ThermalOnly | ImageLevel,
    inputs: Float[Array, "b h w c"],
    *,
    train: bool,
) -> NetworkOutput:
    c3, c4 = Backbone(network.options, name="backbone")(inputs, train=train)
    c5 = Trunk(network.options, name="trunk")(c4, train=train)
    head = network.head(Pyramid(c3, c4, c5), get_size_hw(inputs), train=train)
    return NetworkOutput(prediction=head, features=c4)
