"""ResNet-18 (He et al. 2016) with a choice of stem, output stride and width."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Float

from mdjax.models.layers import Dtype, batch_norm, conv, scale_channels
from mdjax.types import Array, MdjaxError

STAGE_CHANNELS = (64, 128, 256, 512)
BLOCKS_PER_STAGE = 2


@dataclass(frozen=True)
class ResNetOptions:
    """Options that every part of a ResNet-18 takes.

    Attributes:
        width: Multiplies the number of channels.
        stem_stride: 4 for the standard 7×7 stride-2 convolution and max-pool, 2 without the
            max-pool, 1 without stride either: for small images.
        output_stride: Stride of C5, one of 8, 4 and 2 times `stem_stride`; below 8 times,
            stage 4 (and 3) dilates instead of striding.
        compute_dtype: Type of activations; parameters, statistics and losses stay float32.
    """

    width: float = 1.0
    stem_stride: Literal[1, 2, 4] = 4
    output_stride: int = 32
    compute_dtype: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self):
        if not 0 < self.width <= 4:
            raise MdjaxError(f"width is {self.width}; give a number above 0 and up to 4.")
        if self.stem_stride not in (1, 2, 4):
            raise MdjaxError(f"stem_stride is {self.stem_stride}; give 1, 2 or 4.")
        possible = tuple(factor * self.stem_stride for factor in (8, 4, 2))
        if self.output_stride not in possible:
            raise MdjaxError(
                f"output_stride is {self.output_stride}; with stem_stride {self.stem_stride} "
                f"it can be {possible[0]}, {possible[1]} or {possible[2]}."
            )

    @property
    def dtype(self) -> Dtype:
        """The compute type as JAX knows it."""
        return jnp.dtype(self.compute_dtype)

    def stage_channels(self, stage: int) -> int:
        """Return the number of output channels of stage 1, 2, 3 or 4."""
        return scale_channels(STAGE_CHANNELS[stage - 1], self.width)

    def stage_stride_and_dilations(self, stage: int) -> tuple[int, int, int]:
        """Return the stride, the first block's first dilation and the dilation of a stage."""
        num_strided = {8: 3, 4: 2, 2: 1}[self.output_stride // self.stem_stride]
        if stage == 1:
            return 1, 1, 1
        if stage - 1 <= num_strided:
            return 2, 1, 1
        dilation = 2 ** (stage - 1 - num_strided)
        return 1, dilation // 2, dilation


class Pyramid(NamedTuple):
    """Outputs of stages 2, 3 and 4 of a backbone, fine to coarse: what a task head reads."""

    c3: Float[Array, "b h3 w3 c3"]
    c4: Float[Array, "b h4 w4 c4"]
    c5: Float[Array, "b h5 w5 c5"]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: y = relu(x' + F(x)).

    In a dilated stage the first convolution of the first block keeps the dilation of the stage
    before (`first_dilation`): then the stage computes what the strided one would, at every offset.
    """

    features: int
    stride: int = 1
    first_dilation: int = 1
    dilation: int = 1
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b hh ww f"]:
        """Apply the block; a 1×1 projection joins the shortcut where shapes differ."""
        dtype = self.dtype
        y = conv(
            self.features,
            3,
            stride=self.stride,
            dilation=self.first_dilation,
            dtype=dtype,
            name="conv1",
        )(x)
        y = nn.relu(batch_norm(train=train, dtype=dtype, name="bn1")(y))
        y = conv(self.features, 3, dilation=self.dilation, dtype=dtype, name="conv2")(y)
        y = batch_norm(train=train, dtype=dtype, name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = conv(self.features, 1, stride=self.stride, dtype=dtype, name="downsample_conv")(x)
            x = batch_norm(train=train, dtype=dtype, name="downsample_bn")(x)
        return nn.relu(x + y)


class Backbone(nn.Module):
    """Stem and stages 1 to 3: everything before the features that MD distils."""

    options: ResNetOptions

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], *, train: bool
    ) -> tuple[Float[Array, "b h3 w3 c3"], Float[Array, "b h4 w4 c4"]]:
        """Return C3 and C4.

        Args:
            x: Normalised image of any number of channels.
            train: Normalise by the batch and update the running statistics.
        """
        options = self.options
        stride = 1 if options.stem_stride == 1 else 2
        x = x.astype(options.dtype)
        channels = options.stage_channels(1)
        x = conv(channels, 7, stride=stride, dtype=options.dtype, name="conv1")(x)
        x = nn.relu(batch_norm(train=train, dtype=options.dtype, name="bn1")(x))
        if options.stem_stride == 4:
            x = nn.max_pool(x, (3, 3), strides=(2, 2), padding=[(1, 1), (1, 1)])  # pyright: ignore
        x = run_stage(x, stage=1, options=options, train=train)
        c3 = run_stage(x, stage=2, options=options, train=train)
        c4 = run_stage(c3, stage=3, options=options, train=train)
        return c3, c4


class Trunk(nn.Module):
    """Stage 4, which runs on one stream in every network but decision-level fusion."""

    options: ResNetOptions

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h5 w5 c5"]:
        """Return C5 from C4."""
        return run_stage(x, stage=4, options=self.options, train=train)


def run_stage(
    x: Float[Array, "b h w c"], *, stage: int, options: ResNetOptions, train: bool
) -> Float[Array, "b hh ww cc"]:
    """Apply the two blocks of one stage; call it inside a compact method."""
    stride, first_dilation, dilation = options.stage_stride_and_dilations(stage)
    for block in range(BLOCKS_PER_STAGE):
        x = BasicBlock(
            options.stage_channels(stage),
            stride=stride if block == 0 else 1,
            first_dilation=first_dilation if block == 0 else dilation,
            dilation=dilation,
            dtype=options.dtype,
            name=f"layer{stage}_block{block}",
        )(x, train=train)
    return x
