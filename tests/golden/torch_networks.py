"""The networks once more in PyTorch, written from the papers' formulas, NCHW, for golden values.

Nothing here is derived from the JAX code, and the project does not depend on torch: only
`make_torch_twin.py` imports this file.
"""
# pyright: reportMissingImports=false

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.golden.numbers import IMAGENET_MEAN, IMAGENET_STD

NUM_CLASSES = 9
Maps = tuple[Tensor, Tensor, Tensor]
"""C3, C4 and C5, what a head is called with besides the size of the image."""


def create_conv(
    inputs: int, outputs: int, size: int, stride: int = 1, dilation: int = 1, bias: bool = False
) -> nn.Conv2d:
    """A convolution that keeps the size of the image at stride 1."""
    padding = dilation * (size // 2)
    return nn.Conv2d(
        inputs, outputs, size, stride=stride, padding=padding, dilation=dilation, bias=bias
    )


class BasicBlock(nn.Module):
    """He et al. 2016: relu(x' + bn(conv(relu(bn(conv(x)))))); x' is x or its projection."""

    def __init__(
        self, inputs: int, outputs: int, stride: int = 1, before: int = 1, after: int = 1
    ) -> None:
        super().__init__()
        self.conv1 = create_conv(inputs, outputs, 3, stride, before)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = create_conv(outputs, outputs, 3, 1, after)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                create_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x if self.downsample is None else self.downsample(x)
        return functional.relu(y + shortcut)


def create_layer(stage: int, base: int, dilated_stages: tuple[int, ...]) -> nn.Sequential:
    """Stage 1 to 4 of ResNet-18.

    A stage in `dilated_stages` keeps its resolution. What came after its stride sees the grid at
    twice the resolution, so it dilates twice as much as the stage before: all convolutions but
    the first, which carried the stride (torchvision's rule, which it has for bottlenecks only).
    """
    inputs, outputs = base * 2 ** max(stage - 2, 0), base * 2 ** (stage - 1)
    stride = 1 if stage == 1 or stage in dilated_stages else 2
    before = 2 ** sum(other < stage for other in dilated_stages)
    after = 2 ** sum(other <= stage for other in dilated_stages)
    return nn.Sequential(
        BasicBlock(inputs, outputs, stride, before, after),
        BasicBlock(outputs, outputs, 1, after, after),
    )


class ResNet18(nn.Module):
    """Stages `first` to `last` of ResNet-18 in order; stage 0 is the stem."""

    def __init__(
        self,
        in_channels: int,
        base: int,
        stem_stride: int,
        dilated_stages: tuple[int, ...],
        first: int = 0,
        last: int = 4,
    ) -> None:
        super().__init__()
        self.has_stem, self.has_pool = first == 0, stem_stride == 4
        if self.has_stem:
            self.conv1 = create_conv(in_channels, base, 7, stride=min(stem_stride, 2))
            self.bn1 = nn.BatchNorm2d(base)
        self.stages = [stage for stage in range(1, 5) if first <= stage <= last]
        for stage in self.stages:
            self.add_module(f"layer{stage}", create_layer(stage, base, dilated_stages))

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        if self.has_stem:
            x = functional.relu(self.bn1(self.conv1(x)))
            if self.has_pool:
                x = functional.max_pool2d(x, 3, stride=2, padding=1)
        features = {}
        for stage in self.stages:
            x = features[stage] = self.get_submodule(f"layer{stage}")(x)
        return features


class Gaff(nn.Module):
    """Guided attentive feature fusion (MD eq. 1-2; Zhang et al., WACV 2021)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.intra_visible = create_conv(channels, 1, 3, bias=True)
        self.intra_thermal = create_conv(channels, 1, 3, bias=True)
        self.inter = create_conv(2 * channels, 2, 3, bias=True)

    def forward(self, visible: Tensor, thermal: Tensor) -> dict[str, Tensor]:
        logit_v, logit_t = self.intra_visible(visible), self.intra_thermal(thermal)
        logit_x = self.inter(torch.cat([thermal, visible], dim=1))
        intra_v, intra_t = torch.sigmoid(logit_v), torch.sigmoid(logit_t)
        inter_t, inter_v = torch.softmax(logit_x, dim=1).split(1, dim=1)
        weighted_v = visible * (1 + intra_v) * (1 + inter_v)
        weighted_t = thermal * (1 + intra_t) * (1 + inter_t)
        return {
            "fused": (weighted_v + weighted_t) / 2,
            "mask": intra_v * inter_v + intra_t * inter_t,
            "intra_visible": logit_v,
            "intra_thermal": logit_t,
            "inter": logit_x,
        }


class ConvBnRelu(nn.Module):
    """Convolution, batch norm unless told otherwise, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int, is_normalised: bool = True) -> None:
        super().__init__()
        self.conv = create_conv(inputs, outputs, size)
        self.bn = nn.BatchNorm2d(outputs) if is_normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class PspHead(nn.Module):
    """Pyramid pooling, joint convolution and classifier (Zhao et al. 2017), without dropout."""

    def __init__(self, in_channels: int, bin_channels: int, joint_channels: int) -> None:
        super().__init__()
        self.bins = (1, 2, 3, 6)
        for size in self.bins:
            self.add_module(f"bin{size}", ConvBnRelu(in_channels, bin_channels, 1, size > 1))
        concatenated = in_channels + len(self.bins) * bin_channels
        self.joint = ConvBnRelu(concatenated, joint_channels, 3)
        self.classifier = create_conv(joint_channels, NUM_CLASSES, 1, bias=True)

    def forward(self, pyramid: Maps, image_size: tuple[int, int]) -> Tensor:
        x = pyramid[-1]
        maps = [x]
        for size in self.bins:
            pooled = self.get_submodule(f"bin{size}")(functional.adaptive_avg_pool2d(x, size))
            maps.append(resize(pooled, (x.shape[2], x.shape[3])))
        return resize(self.classifier(self.joint(torch.cat(maps, dim=1))), image_size)


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear with half-pixel centres, no antialiasing."""
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def normalise(visible: Tensor, thermal: Tensor) -> tuple[Tensor, Tensor]:
    """ImageNet mean and standard deviation for both; the thermal channel three times."""
    mean = torch.tensor(IMAGENET_MEAN, dtype=visible.dtype).reshape(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=visible.dtype).reshape(1, 3, 1, 1)
    return (visible - mean) / std, (thermal.repeat(1, 3, 1, 1) - mean) / std


class Teacher(nn.Module):
    """Two streams to stage 3, GAFF, stage 4, a head (by default PSPNet's)."""

    def __init__(
        self,
        base: int,
        stem_stride: int,
        dilated_stages: tuple[int, ...],
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        options = (base, stem_stride, dilated_stages)
        self.visible_stream = ResNet18(3, *options, last=3)
        self.thermal_stream = ResNet18(3, *options, last=3)
        self.gaff = Gaff(4 * base)
        self.trunk = ResNet18(3, *options, first=4)
        self.head = head or PspHead(8 * base, 2 * base, 8 * base)

    def forward(self, visible: Tensor, thermal: Tensor) -> dict[str, Tensor]:
        image_size = (visible.shape[2], visible.shape[3])
        visible, thermal = normalise(visible, thermal)
        visible_stages, thermal_stages = self.visible_stream(visible), self.thermal_stream(thermal)
        c3 = (visible_stages[2] + thermal_stages[2]) / 2
        gaff = self.gaff(visible_stages[3], thermal_stages[3])
        c4, c5 = gaff["fused"], self.trunk(gaff["fused"])[4]
        return {**gaff, "c4": c4, "c5": c5, "prediction": self.head((c3, c4, c5), image_size)}


class Student(nn.Module):
    """One stream over six channels; at level "c4" or "c5" MD's attention and residual block too."""

    def __init__(
        self,
        base: int,
        stem_stride: int,
        dilated_stages: tuple[int, ...],
        level: str = "",
        head: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.backbone = ResNet18(6, base, stem_stride, dilated_stages, last=3)
        self.trunk = ResNet18(6, base, stem_stride, dilated_stages, first=4)
        self.level = level
        if level:
            self.attention = create_conv(4 * base, 1, 1, bias=True)
            channels = 4 * base if level == "c4" else 8 * base
            self.residual = BasicBlock(channels, channels)
        self.head = head or PspHead(8 * base, 2 * base, 8 * base)

    def forward(self, visible: Tensor, thermal: Tensor) -> dict[str, Tensor]:
        image_size = (visible.shape[2], visible.shape[3])
        stages = self.backbone(torch.cat(normalise(visible, thermal), dim=1))
        out = {"c4": stages[3]}
        if self.level:
            out["mask"] = torch.sigmoid(self.attention(out["c4"]))
            out["c4"] = out["c4"] * (1 + out["mask"])
        if self.level == "c4":
            out["c4"] = self.residual(out["c4"])
        out["c5"] = self.trunk(out["c4"])[4]
        if self.level == "c5":
            out["c5"] = self.residual(out["c5"])
        prediction = self.head((stages[2], out["c4"], out["c5"]), image_size)
        return {**out, "prediction": prediction}
