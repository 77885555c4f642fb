"""Networks as configuration: what a preset names and a run directory records.

A network declares here what others need to know of it; nobody asks which class it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import flax.linen as nn

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.csknet import EXCHANGE_BELOW, WATCHED, CskNet
from mdjax.models.modalities import BOTH
from mdjax.models.networks import (
    DecisionLevel,
    FeatureLevel,
    Head,
    ImageLevel,
    MdStudent,
    ThermalOnly,
    VisibleOnly,
)
from mdjax.types import MdjaxError

BackboneConfig = ResNetConfig
"""Any backbone that a configuration can name; a second one makes this a union."""


@dataclass(frozen=True)
class _NetworkConfig:
    """Options of every network.

    Attributes:
        backbone: Which features, how wide and how fine.
    """

    backbone: BackboneConfig = field(default_factory=ResNetConfig)

    sees_visible: ClassVar[bool] = True
    """Whether the prediction depends on the visible image at all."""
    sees_thermal: ClassVar[bool] = True
    """Whether the prediction depends on the thermal image at all."""
    sees_full_thermal: ClassVar[bool] = False
    """Only the teacher: all others see what the cheap camera sees."""

    @property
    def sees_camera(self) -> bool:
        """Whether it is shown what the cheap camera sees."""
        return self.sees_thermal and not self.sees_full_thermal

    has_guidance: ClassVar[bool] = False
    """Whether its output has guidance logits, which GAFF's losses supervise."""
    branches: ClassVar[tuple[str, ...]] = ()
    """Branches that predict on their own, see `CskOutput.branch_predictions`."""
    watched: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """Values whose means training logs besides the loss: by name, each computed from the output."""
    leaves_missing_out: ClassVar[bool] = False
    """Whether it does without an image by leaving out what would look at it; else it is shown the
    mean image."""

    @property
    def sees(self) -> tuple[str, ...]:
        """Names of the images that the prediction depends on."""
        is_seen = (self.sees_visible, self.sees_thermal)
        return tuple(name for name, seen in zip(BOTH, is_seen, strict=True) if seen)


@dataclass(frozen=True)
class VisibleOnlyConfig(_NetworkConfig):
    """One stream, visible image only."""

    sees_thermal: ClassVar[bool] = False

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return VisibleOnly(self.backbone, head)


@dataclass(frozen=True)
class ThermalOnlyConfig(_NetworkConfig):
    """One stream, thermal image only."""

    sees_visible: ClassVar[bool] = False

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return ThermalOnly(self.backbone, head)


@dataclass(frozen=True)
class ImageLevelConfig(_NetworkConfig):
    """One stream, both images as six channels: the native student.

    Attributes:
        modality_dropout: Probability, for each of both images, that training drops it from a pair;
            never both, see `drop_modalities`.
    """

    modality_dropout: float = 0.0

    def __post_init__(self):
        _check_dropout(self.modality_dropout)

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return ImageLevel(self.backbone, head, self.modality_dropout)


@dataclass(frozen=True)
class FeatureLevelConfig(_NetworkConfig):
    """Two streams fused by GAFF, full-resolution thermal: the teacher.

    Attributes:
        modality_dropout: Probability, for each of both images, that training drops it from a pair;
            never both, see `drop_modalities`.
    """

    modality_dropout: float = 0.0

    sees_full_thermal: ClassVar[bool] = True
    has_guidance: ClassVar[bool] = True

    def __post_init__(self):
        _check_dropout(self.modality_dropout)

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return FeatureLevel(self.backbone, head, self.modality_dropout)


@dataclass(frozen=True)
class DecisionLevelConfig(_NetworkConfig):
    """A visible-only and a thermal-only network, trained apart, predictions averaged."""

    leaves_missing_out: ClassVar[bool] = True

    def create(self, head: Head) -> nn.Module:
        """Build the network around two copies of a task head."""
        return DecisionLevel(
            VisibleOnly(self.backbone, head), ThermalOnly(self.backbone, head.clone())
        )


@dataclass(frozen=True)
class MdStudentConfig(_NetworkConfig):
    """Image-level fusion with attention mask and residual block: the student that MD distils.

    Attributes:
        transfer_level: Where the block stands: 4 (C4) or 5.
        multiply_mask: Weigh the features by the attention mask.
        modality_dropout: Probability, for each of both images, that training drops it from a pair;
            never both, see `drop_modalities`.
    """

    transfer_level: Literal[4, 5] = 4
    multiply_mask: bool = True
    modality_dropout: float = 0.0

    def __post_init__(self):
        _check_dropout(self.modality_dropout)
        if self.transfer_level not in (4, 5):
            raise MdjaxError(f"transfer_level is {self.transfer_level}; give 4 (C4) or 5 (C5).")

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return MdStudent(
            self.backbone, head, self.transfer_level, self.multiply_mask, self.modality_dropout
        )


@dataclass(frozen=True)
class CskNetConfig(_NetworkConfig):
    """Shared kernels, private normalisation, one head: both images or one alone (CSK-Net).

    Attributes:
        exchange_below: A channel whose scale is below this takes the other branch's in its place;
            0: no exchange.
        has_gate: Fuse the branches by a learned gate; else by their mean.
        exchange_scale_init: Scales that decide the exchange before training, where no pretrained
            weights bring theirs.
        swap_rate: Probability, in training, that a pair swaps half of the channels of its branches.
        shares_kernels: One set of kernels for both images; else one for each.
    """

    exchange_below: float = EXCHANGE_BELOW
    has_gate: bool = True
    exchange_scale_init: float = 1.0
    swap_rate: float = 0.0
    shares_kernels: bool = True

    branches: ClassVar[tuple[str, ...]] = BOTH
    watched: ClassVar[Mapping[str, Callable[[Any], Any]]] = WATCHED
    leaves_missing_out: ClassVar[bool] = True

    def __post_init__(self):
        if self.exchange_below < 0:
            raise MdjaxError(f"exchange_below is {self.exchange_below}; give 0 or more.")
        if not self.exchange_scale_init > 0:
            raise MdjaxError(
                f"exchange_scale_init is {self.exchange_scale_init}; give a number above 0."
            )
        if not 0 <= self.swap_rate <= 1:
            raise MdjaxError(f"swap_rate is {self.swap_rate}; give 0 up to 1.")

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return CskNet(
            self.backbone,
            head,
            self.exchange_below,
            self.has_gate,
            self.exchange_scale_init,
            self.swap_rate,
            self.shares_kernels,
        )


def _check_dropout(rate: float) -> None:
    if not 0 <= rate <= 0.5:
        raise MdjaxError(
            f"modality_dropout is {rate}; give 0 up to 0.5, where each pair loses one image."
        )


NetworkConfig = (
    VisibleOnlyConfig
    | ThermalOnlyConfig
    | ImageLevelConfig
    | FeatureLevelConfig
    | DecisionLevelConfig
    | MdStudentConfig
    | CskNetConfig
)
