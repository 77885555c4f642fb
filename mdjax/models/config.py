"""Networks as configuration: what a preset names and a run directory records."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import flax.linen as nn

from mdjax.models.backbones.resnet import ResNetOptions
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


@dataclass(frozen=True)
class _NetworkConfig:
    """Options of every network.

    Attributes:
        options: Width, stride and compute type of the ResNet-18.
    """

    options: ResNetOptions = field(default_factory=ResNetOptions)

    sees_full_thermal: ClassVar[bool] = False
    """Only the teacher: all others see what the cheap camera sees."""


@dataclass(frozen=True)
class VisibleOnlyConfig(_NetworkConfig):
    """One stream, visible image only."""

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return VisibleOnly(self.options, head)


@dataclass(frozen=True)
class ThermalOnlyConfig(_NetworkConfig):
    """One stream, thermal image only."""

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return ThermalOnly(self.options, head)


@dataclass(frozen=True)
class ImageLevelConfig(_NetworkConfig):
    """One stream, both images as six channels: the native student."""

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        return ImageLevel(self.options, head)


@dataclass(frozen=True)
class FeatureLevelConfig(_NetworkConfig):
    """Two streams fused by GAFF, full-resolution thermal: the teacher.

    Attributes:
        transfer_level: Features that it teaches: 4 (fused C4) or 5.
    """

    transfer_level: Literal[4, 5] = 4

    sees_full_thermal: ClassVar[bool] = True

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        _check_transfer_level(self.transfer_level)
        return FeatureLevel(self.options, head, self.transfer_level)


@dataclass(frozen=True)
class DecisionLevelConfig(_NetworkConfig):
    """A visible-only and a thermal-only network, predictions averaged."""

    def create(self, head: Head) -> nn.Module:
        """Build the network around two copies of a task head."""
        return DecisionLevel(
            VisibleOnly(self.options, head), ThermalOnly(self.options, head.clone())
        )


@dataclass(frozen=True)
class MdStudentConfig(_NetworkConfig):
    """Image-level fusion with attention mask and residual block: the distilled student.

    Attributes:
        transfer_level: Where the block stands: 4 (C4) or 5.
        multiply_mask: Weigh the features by the attention mask.
    """

    transfer_level: Literal[4, 5] = 4
    multiply_mask: bool = True

    def create(self, head: Head) -> nn.Module:
        """Build the network around a task head."""
        _check_transfer_level(self.transfer_level)
        return MdStudent(self.options, head, self.transfer_level, self.multiply_mask)


def _check_transfer_level(level: int) -> None:
    if level not in (4, 5):
        raise MdjaxError(f"transfer_level is {level}; give 4 (C4) or 5 (C5).")


NetworkConfig = (
    VisibleOnlyConfig
    | ThermalOnlyConfig
    | ImageLevelConfig
    | FeatureLevelConfig
    | DecisionLevelConfig
    | MdStudentConfig
)
