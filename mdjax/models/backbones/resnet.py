"""ResNet-18 and ResNet-10 (He et al. 2016) with a choice of stem, output stride and width."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.dtypes import canonicalize_dtype
from jaxtyping import Float

from mdjax.models.backbones.backbone import Convolution, Norm
from mdjax.models.layers import Dtype, batch_norm, conv, max_pool_halving, scale_channels
from mdjax.types import Array, MdjaxError

FIRST_LEVEL = 2
STAGE_CHANNELS = (64, 128, 256, 512)
_LAST_NORM = "bn2"


@dataclass(frozen=True)
class ResNetConfig:
    """A ResNet of basic blocks, ResNet-18 by default; a `Backbone`.

    Attributes:
        width: Multiplies the number of channels.
        stem_stride: 4 for the standard 7×7 stride-2 convolution and max-pool, 2 without the
            max-pool, 1 without stride either: for small images.
        output_stride: Stride of C5, one of 8, 4 and 2 times `stem_stride`; below 8 times,
            stage 4 (and 3) dilates instead of striding.
        compute_dtype: Type of activations; parameters, statistics and losses stay float32. float64
            is for checks and needs JAX_ENABLE_X64.
        blocks_per_stage: 2 for ResNet-18, 1 for ResNet-10.
        frozen_stages: Stages that keep the weights and statistics they start with, for pretrained
            ones: 1 freezes stem and stage 1, as detectors do, 2 also stage 2, and so on. No
            gradient is computed there.
    """

    width: float = 1.0
    stem_stride: Literal[1, 2, 4] = 4
    output_stride: int = 32
    compute_dtype: Literal["float32", "bfloat16", "float64"] = "float32"
    blocks_per_stage: Literal[1, 2] = 2
    frozen_stages: Literal[0, 1, 2, 3, 4] = 0

    def __post_init__(self):
        if not 0 < self.width <= 4:
            raise MdjaxError(f"width is {self.width}; give a number above 0 and up to 4.")
        if self.stem_stride not in (1, 2, 4):
            raise MdjaxError(f"stem_stride is {self.stem_stride}; give 1, 2 or 4.")
        if self.blocks_per_stage not in (1, 2):
            raise MdjaxError(
                f"blocks_per_stage is {self.blocks_per_stage}; give 2 (ResNet-18) or 1 (ResNet-10)."
            )
        if not 0 <= self.frozen_stages <= len(STAGE_CHANNELS):
            raise MdjaxError(f"frozen_stages is {self.frozen_stages}; give 0 to 4.")
        if self.compute_dtype == "float64" and canonicalize_dtype("float64") != jnp.float64:
            raise MdjaxError("compute_dtype is float64; set JAX_ENABLE_X64=1, or give float32.")
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

    @property
    def last_norm_name(self) -> str:
        """Name of the last normalisation of each block."""
        return _LAST_NORM

    def get_channels(self, level: int) -> int:
        """Return the number of channels of C2, C3, C4 or C5."""
        return scale_channels(STAGE_CHANNELS[level - FIRST_LEVEL], self.width)

    def stage_stride_and_dilations(self, level: int) -> tuple[int, int, int]:
        """Return the stride, the first block's first dilation and the dilation of a stage.

        Args:
            level: 2 to 5, of the feature map that the stage computes.
        """
        num_strided = {8: 3, 4: 2, 2: 1}[self.output_stride // self.stem_stride]
        if level == FIRST_LEVEL:
            return 1, 1, 1
        if level - FIRST_LEVEL <= num_strided:
            return 2, 1, 1
        dilation = 2 ** (level - FIRST_LEVEL - num_strided)
        return 1, dilation // 2, dilation

    def find_stages(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the stage of each parameter, see `Backbone.find_stages`."""
        flat = flatten_dict(dict(params))
        parts = find_resnet_parts(flat)

        def find_stage(path: tuple[str, ...]) -> int:
            for i, name in enumerate(path):
                if path[:i] in parts:
                    return _get_stage(name) or 1
            return 0

        return unflatten_dict({path: find_stage(path) for path in flat})

    def create_part(
        self,
        first: int,
        last: int,
        *,
        norm: Norm = batch_norm,
        last_norm: Norm | None = None,
        convolution: Convolution = conv,
        name: str,
    ) -> "ResNetPart":
        """Build the module that computes C_first to C_last, see `Backbone.create_part`."""
        return ResNetPart(self, first, last, norm, last_norm, convolution, name=name)


def find_resnet_parts(paths: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """List the modules that hold residual stages, of the paths of a tree of parameters.

    A network has several where it is split into a backbone and a trunk, or sees its images in two
    streams. Modules that hold none are of no ResNet, even if they have a `conv1`, too.
    """
    parts = {path[:i]: None for path in paths for i, name in enumerate(path) if _get_stage(name)}
    return tuple(parts)


def _get_stage(name: str) -> int | None:
    """`layer2_block0` → 2; None for what is no block."""
    match = re.fullmatch(r"layer(\d)_block\d", name)
    return int(match[1]) if match else None


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
    norm: Norm = batch_norm
    last_norm: Norm | None = None
    convolution: Convolution = conv

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b hh ww f"]:
        """Apply the block; a 1×1 projection joins the shortcut where shapes differ."""
        dtype = self.dtype
        y = self.convolution(
            self.features,
            3,
            stride=self.stride,
            dilation=self.first_dilation,
            dtype=dtype,
            name="conv1",
        )(x)
        y = nn.relu(self.norm(train=train, dtype=dtype, name="bn1")(y))
        y = self.convolution(self.features, 3, dilation=self.dilation, dtype=dtype, name="conv2")(y)
        y = (self.last_norm or self.norm)(train=train, dtype=dtype, name="bn2")(y)
        if self.stride != 1 or x.shape[-1] != self.features:
            x = self.convolution(
                self.features, 1, stride=self.stride, dtype=dtype, name="downsample_conv"
            )(x)
            x = self.norm(train=train, dtype=dtype, name="downsample_bn")(x)
        return nn.relu(x + y)


class ResNetPart(nn.Module):
    """Consecutive stages of a ResNet, the first of them with the stem.

    Attributes:
        config: Width, strides and compute type.
        first: Level of the first stage; C2 comes with the stem.
        last: Level of the last stage.
        norm: Builds the normalisation of each convolution.
        last_norm: Builds the last one of each block, if that is to be another.
        convolution: Builds each convolution.
    """

    config: ResNetConfig
    first: int
    last: int
    norm: Norm = batch_norm
    last_norm: Norm | None = None
    convolution: Convolution = conv

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], *, train: bool
    ) -> dict[str, Float[Array, "b _ _ _"]]:
        """Return feature maps by name, "c2" to "c5" as far as they belong to this part.

        Args:
            x: The normalised image, of any number of channels, or the level before the first.
            train: Normalise by the batch and update the running statistics.
        """
        x = x.astype(self.config.dtype)
        last_frozen = FIRST_LEVEL - 1 + self.config.frozen_stages
        if self.first == FIRST_LEVEL:
            x = self._run_stem(x, train=train and last_frozen < FIRST_LEVEL)
        features = {}
        for level in range(self.first, self.last + 1):
            x = self._run_stage(x, level, train=train and level > last_frozen)
            if level <= last_frozen:
                x = jax.lax.stop_gradient(x)
            features[f"c{level}"] = x
        return features

    def _run_stem(self, x: Array, *, train: bool) -> Array:
        config = self.config
        stride = 1 if config.stem_stride == 1 else 2
        channels = config.get_channels(FIRST_LEVEL)
        x = self.convolution(channels, 7, stride=stride, dtype=config.dtype, name="conv1")(x)
        x = nn.relu(self.norm(train=train, dtype=config.dtype, name="bn1")(x))
        if config.stem_stride == 4:
            x = max_pool_halving(x)
        return x

    def _run_stage(self, x: Array, level: int, *, train: bool) -> Array:
        config = self.config
        stride, first_dilation, dilation = config.stage_stride_and_dilations(level)
        for block in range(config.blocks_per_stage):
            x = BasicBlock(
                config.get_channels(level),
                stride=stride if block == 0 else 1,
                first_dilation=first_dilation if block == 0 else dilation,
                dilation=dilation,
                dtype=config.dtype,
                norm=self.norm,
                last_norm=self.last_norm,
                convolution=self.convolution,
                # Stages are counted from 1, as torchvision's are.
                name=f"layer{level - 1}_block{block}",
            )(x, train=train)
        return x
