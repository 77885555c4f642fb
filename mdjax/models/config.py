"""Networks as configuration: what a preset names and a run directory records.

A network declares here what others need to know of it; nobody asks which class it is.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import flax.linen as nn

from mdjax.models.backbones.resnet import ResNetConfig
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

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return ThermalOnly(self.backbone, head)


@dataclass(frozen=True)
class ImageLevelConfig(_NetworkConfig):
    """One stream, both images as six channels: the native student."""

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return ImageLevel(self.backbone, head)


@dataclass(frozen=True)
class FeatureLevelConfig(_NetworkConfig):
    """Two streams fused by GAFF, full-resolution thermal: the teacher."""

    sees_full_thermal: ClassVar[bool] = True
    has_guidance: ClassVar[bool] = True

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return FeatureLevel(self.backbone, head)


@dataclass(frozen=True)
class DecisionLevelConfig(_NetworkConfig):
    """A visible-only and a thermal-only network, trained apart, predictions averaged."""

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
    """

    transfer_level: Literal[4, 5] = 4
    multiply_mask: bool = True

    def __post_init__(self):
        if self.transfer_level not in (4, 5):
            raise MdjaxError(f"transfer_level is {self.transfer_level}; give 4 (C4) or 5 (C5).")

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return MdStudent(self.backbone, head, self.transfer_level, self.multiply_mask)


NetworkConfig = (
    VisibleOnlyConfig
    | ThermalOnlyConfig
    | ImageLevelConfig
    | FeatureLevelConfig
    | DecisionLevelConfig
    | MdStudentConfig
)
