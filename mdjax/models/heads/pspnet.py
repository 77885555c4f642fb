"""Pyramid scene parsing head and its auxiliary head (Zhao et al., CVPR 2017)."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.backbones.backbone import Norm
from mdjax.models.layers import Dtype, batch_norm, conv
from mdjax.ops.resize import adaptive_average_pool, get_size_hw, resize_bilinear
from mdjax.ops.rows import separate_rows
from mdjax.types import Array, Batch, Features, NetworkOutput

PYRAMID_BINS = (1, 2, 3, 6)  # Zhao et al. 2017, section 3.2
BIN_CHANNELS = 128
JOINT_CHANNELS = 512
DROPOUT_RATE = 0.1
AUXILIARY_SHARE = 4  # The auxiliary head has a quarter of C4's channels: semseg's 256 of 1,024.


class PspHead(nn.Module):
    """Classify every pixel from C5 and its averages over 1, 2×2, 3×3 and 6×6 regions.

    Source: Zhao et al. 2017, section 3.2.

    Differs from the authors' PyTorch code (github.com/hszhao/semseg):

    - Resizing takes half-pixel centres, there the corners are aligned (`align_corners=True`).
    - Dropout drops single values, there whole channels (`Dropout2d`).
    - The branch of one bin has no batch normalisation: one value per channel and image remains
      there, which a small batch cannot normalise.
    - The auxiliary loss on C4 is an option and off by default, see `AuxiliaryHead`; there its
      weight is 0.4.
    - New layers learn at the rate of the pretrained ones unless `backbone_rate_factor` is set;
      there at ten times that rate.
    - The branches and the joint layer have 128 and 512 channels times the width of the backbone;
      there each branch has a quarter of C5's channels, 512 of 2,048.

    Attributes:
        num_classes: Classes of a pixel.
        bin_channels: Of the branch of each grid of regions.
        joint_channels: Of the layer that joins the branches.
        dropout_rate: Share of the joint channels that training drops.
        dtype: Type of activations; the logits are float32.
        norm: Builds the normalisation of each convolution.
    """

    num_classes: int
    bin_channels: int = BIN_CHANNELS
    joint_channels: int = JOINT_CHANNELS
    dropout_rate: float = DROPOUT_RATE
    dtype: Dtype = jnp.float32
    norm: Norm = batch_norm

    @nn.compact
    def __call__(
        self,
        features: Features,
        image_size_hw: tuple[int, int],
        *,
        train: bool,
    ) -> Float[Array, "b h w k"]:
        """Return float32 logits at the size of the image.

        Args:
            features: Only "c5" is read.
            image_size_hw: Height and width of the logits in pixels.
            train: Normalise by the batch, and drop (needs the random key "dropout").
        """
        dtype, c5 = self.dtype, features["c5"]
        grid = get_size_hw(c5)
        branches = [c5]
        for bins in PYRAMID_BINS:
            branch = adaptive_average_pool(c5, (bins, bins))
            branch = conv(self.bin_channels, 1, dtype=dtype, name=f"bin{bins}_conv")(branch)
            if bins > 1:
                branch = self.norm(train=train, dtype=dtype, name=f"bin{bins}_bn")(branch)
            branches.append(resize_bilinear(nn.relu(branch), grid))
        x = jnp.concatenate(branches, axis=-1)
        x = conv(self.joint_channels, 3, dtype=dtype, name="joint_conv")(x)
        x = nn.relu(self.norm(train=train, dtype=dtype, name="joint_bn")(x))
        x = nn.Dropout(self.dropout_rate, deterministic=not train)(x)
        logits = nn.Conv(self.num_classes, (1, 1), dtype=dtype, name="classifier")(x)
        return resize_bilinear(logits.astype(jnp.float32), image_size_hw)

    def average_predictions(
        self, first: Float[Array, "b h w k"], second: Float[Array, "b h w k"]
    ) -> Float[Array, "b h w k"]:
        """Average the class probabilities: log((softmax(z_1) + softmax(z_2)) / 2), logits again."""
        log_sum = jnp.logaddexp(jax.nn.log_softmax(first), jax.nn.log_softmax(second))
        return log_sum - jnp.log(2.0)

    def split_prediction(self, prediction: Float[Array, "n h w k"], num_parts: int) -> list[Any]:
        """Take the logits of interleaved sets of rows apart."""
        return separate_rows(prediction, num_parts)


class AuxiliaryHead(nn.Module):
    """Classify every pixel from C4 in training, beside the network (Zhao et al. 2017, section 3.3).

    A 3×3 convolution with normalisation and ReLU to a quarter of C4's channels, dropout, and a 1×1
    convolution. It is not part of the network: evaluation and what is exported do without.

    Attributes:
        num_classes: Classes of a pixel.
        dropout_rate: Share of the inner channels that training drops.
        dtype: Type of activations; the logits are float32.
        norm: Builds the normalisation.
    """

    num_classes: int
    dropout_rate: float = DROPOUT_RATE
    dtype: Dtype = jnp.float32
    norm: Norm = batch_norm

    @nn.compact
    def __call__(
        self, output: NetworkOutput, teachers: Mapping[str, Any], batch: Batch, *, train: bool
    ) -> Float[Array, "b h w k"]:
        """Return float32 logits at the size of the image.

        Args:
            output: Of the network; its features "c4" are read.
            teachers: Not read.
            batch: Tells the size.
            train: Normalise by the batch, and drop (needs the random key "dropout").
        """
        del teachers
        dtype, c4 = self.dtype, output.features["c4"]
        channels = max(1, c4.shape[-1] // AUXILIARY_SHARE)
        x = conv(channels, 3, dtype=dtype, name="conv")(c4)
        x = nn.relu(self.norm(train=train, dtype=dtype, name="bn")(x))
        x = nn.Dropout(self.dropout_rate, deterministic=not train)(x)
        logits = nn.Conv(self.num_classes, (1, 1), dtype=dtype, name="classifier")(x)
        return resize_bilinear(logits.astype(jnp.float32), get_size_hw(batch.visible))
