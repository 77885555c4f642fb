"""RetinaNet head (Lin et al., ICCV 2017) in the form that MD uses."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.backbones.backbone import Norm
from mdjax.models.heads.fpn import FPN_CHANNELS, Fpn
from mdjax.models.layers import Dtype, batch_norm
from mdjax.ops.anchors import AnchorOptions, create_anchors
from mdjax.ops.resize import get_size_hw
from mdjax.ops.rows import separate_rows
from mdjax.types import AnchorPrediction, Array, Features

CLASS_PRIOR = 0.01  # Lin et al. 2017, section 4.1: probability of any class before training
KERNEL_DEVIATION = 0.01  # same place


class RetinaNetHead(nn.Module):
    """Classify and shift the anchors of P3, P4 and P5, by branches of each level's own.

    Differs from Lin et al.: three levels; one hidden convolution with batch normalisation instead
    of four without; no weights shared between levels, as in the code of Mutual Guidance, by MD's
    authors.

    Attributes:
        num_classes: Classes with a sigmoid each; there is none for the background.
        anchors: Sizes on three levels.
        channels: Of the feature pyramid and of the hidden convolutions.
        dtype: Type of activations; what the head returns is float32.
        norm: Builds the normalisation of each hidden convolution.
    """

    num_classes: int
    anchors: AnchorOptions
    channels: int = FPN_CHANNELS
    dtype: Dtype = jnp.float32
    norm: Norm = batch_norm

    @nn.compact
    def __call__(
        self,
        features: Features,
        image_size_hw: tuple[int, int],
        *,
        train: bool,
    ) -> AnchorPrediction:
        """Return float32 class logits and box offsets of all anchors.

        Before training every class has the probability `CLASS_PRIOR`: were it 1/2, the many
        negatives would make up nearly all of the first losses.

        Args:
            features: "c3", "c4" and "c5".
            image_size_hw: Height and width in pixels of the image that the anchors cover.
            train: Normalise by the batch.

        Raises:
            MdjaxError: The anchors are not those of three levels.
        """
        levels = Fpn(self.channels, self.dtype, name="fpn")(features)
        class_bias = math.log(CLASS_PRIOR / (1 - CLASS_PRIOR))
        class_logits, box_offsets = [], []
        for level, x in zip((3, 4, 5), levels, strict=True):
            classify = self._branch(self.num_classes, class_bias, f"class{level}")
            class_logits.append(classify(x, train=train))
            regress = self._branch(4, 0.0, f"box{level}")
            box_offsets.append(regress(x, train=train))
        anchors = create_anchors(self.anchors, [get_size_hw(x) for x in levels], image_size_hw)
        return AnchorPrediction(
            class_logits=jnp.concatenate(class_logits, axis=1),
            box_offsets=jnp.concatenate(box_offsets, axis=1),
            anchors_xyxy_px=jnp.asarray(anchors),
        )

    def average_predictions(
        self, first: AnchorPrediction, second: AnchorPrediction
    ) -> AnchorPrediction:
        """Average class probabilities and box offsets anchor by anchor.

        p = (σ(z_1) + σ(z_2)) / 2, given back as its logit, ln(σ(z_1) + σ(z_2)) − ln(σ(−z_1) +
        σ(−z_2)): finite for finite logits.
        """
        log_sum = _log_sum_sigmoid(first.class_logits, second.class_logits)
        log_rest = _log_sum_sigmoid(-first.class_logits, -second.class_logits)
        return AnchorPrediction(
            class_logits=log_sum - log_rest,
            box_offsets=(first.box_offsets + second.box_offsets) / 2,
            anchors_xyxy_px=first.anchors_xyxy_px,
        )

    def split_prediction(
        self, prediction: AnchorPrediction, num_parts: int
    ) -> list[AnchorPrediction]:
        """Take what is said of interleaved sets of rows apart; the anchors are the same."""
        class_logits = separate_rows(prediction.class_logits, num_parts)
        box_offsets = separate_rows(prediction.box_offsets, num_parts)
        return [
            AnchorPrediction(logits, offsets, prediction.anchors_xyxy_px)
            for logits, offsets in zip(class_logits, box_offsets, strict=True)
        ]

    def _branch(self, num_values: int, bias: float, name: str) -> "AnchorBranch":
        return AnchorBranch(
            self.anchors.num_per_cell,
            num_values,
            bias,
            self.channels,
            self.dtype,
            self.norm,
            name=name,
        )


class AnchorBranch(nn.Module):
    """3×3 convolution, batch normalisation, ReLU and 3×3 convolution on one level.

    Attributes:
        num_anchors: At each cell.
        num_values: Of each anchor.
        bias: What all values are before training, but for the small random kernel.
        channels: Of the hidden convolution.
        dtype: Type of activations; the values are float32.
        norm: Builds the normalisation.
    """

    num_anchors: int
    num_values: int
    bias: float
    channels: int
    dtype: Dtype = jnp.float32
    norm: Norm = batch_norm

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b a v"]:
        """Return the values of all anchors in float32.

        Channel i is value i % v of anchor i // v of its cell, so that a mere reshaping orders the
        anchors by row, column and anchor of the cell, as `create_anchors` does.
        """
        kernel_init = nn.initializers.normal(KERNEL_DEVIATION)
        x = nn.Conv(
            self.channels,
            (3, 3),
            use_bias=False,
            dtype=self.dtype,
            kernel_init=kernel_init,
            name="conv",
        )(x)
        x = nn.relu(self.norm(train=train, dtype=self.dtype, name="bn")(x))
        x = nn.Conv(
            self.num_anchors * self.num_values,
            (3, 3),
            dtype=self.dtype,
            kernel_init=kernel_init,
            bias_init=nn.initializers.constant(self.bias),
            name="output",
        )(x)
        return x.astype(jnp.float32).reshape(x.shape[0], -1, self.num_values)


def _log_sum_sigmoid(
    first: Float[Array, "b a k"], second: Float[Array, "b a k"]
) -> Float[Array, "b a k"]:
    return jnp.logaddexp(jax.nn.log_sigmoid(first), jax.nn.log_sigmoid(second))
