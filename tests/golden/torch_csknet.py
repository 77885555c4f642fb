"""CSK-Net once more in PyTorch, from the formulas of CEN, GMU and PSPNet, for golden values.

Sikdar, Teotia and Sundaram 2023 name the parts; CEN (Wang et al., NeurIPS 2020) has the exchange,
the Gated Multimodal Unit (Arevalo et al. 2017) the gate. Each branch runs on its own, as two
networks would that hold the same kernels.
"""
# pyright: reportMissingImports=false

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.golden.torch_networks import (
    NUM_CLASSES,
    PspHead,
    ResNet18,
    create_conv,
    normalise,
    resize,
)

BOTH = ("visible", "thermal")
THRESHOLD = 0.02
"""τ of CEN."""
Branches = dict[str, Tensor]
"""The same feature map of each branch."""


class PrivateNorms(nn.Module):
    """A batch norm for each branch."""

    def __init__(self, channels: int, branches: Iterable[str] = BOTH) -> None:
        super().__init__()
        for branch in branches:
            self.add_module(branch, nn.BatchNorm2d(channels))

    def forward(self, maps: Branches) -> Branches:
        return {branch: self.get_submodule(branch)(x) for branch, x in maps.items()}

    def get_scale(self, branch: str) -> Tensor:
        """γ of one branch."""
        return self.get_parameter(f"{branch}.weight")


def run_each(layer: nn.Module, maps: Branches) -> Branches:
    """One layer with one set of weights, on every branch in turn."""
    return {branch: layer(x) for branch, x in maps.items()}


def run_relu(maps: Branches) -> Branches:
    """ReLU of every branch."""
    return {branch: functional.relu(x) for branch, x in maps.items()}


def exchange(maps: Branches, norms: PrivateNorms) -> Branches:
    """CEN: a channel with |γ| < τ is that of the other branch, as normalised there."""
    exchanged = {}
    for branch, other in (BOTH, BOTH[::-1]):
        is_own = norms.get_scale(branch).detach().abs() >= THRESHOLD
        channels = [
            (maps[branch] if own else maps[other])[:, c] for c, own in enumerate(is_own.tolist())
        ]
        exchanged[branch] = torch.stack(channels, dim=1)
    return exchanged


class PairBlock(nn.Module):
    """A basic block of ResNet on both branches, with or without exchange after its last norm."""

    def __init__(
        self, inputs: int, outputs: int, stride: int, before: int, after: int, exchanges: bool
    ) -> None:
        super().__init__()
        self.exchanges = exchanges
        self.conv1 = create_conv(inputs, outputs, 3, stride, before)
        self.bn1 = PrivateNorms(outputs)
        self.conv2 = create_conv(outputs, outputs, 3, 1, after)
        self.bn2 = PrivateNorms(outputs)
        self.downsample = nn.ModuleList()
        if stride != 1 or inputs != outputs:
            self.downsample.append(create_conv(inputs, outputs, 1, stride))
            self.downsample.append(PrivateNorms(outputs))

    def forward(self, maps: Branches) -> Branches:
        inner = run_relu(self.bn1(run_each(self.conv1, maps)))
        residuals = self.bn2(run_each(self.conv2, inner))
        if self.exchanges:
            residuals = exchange(residuals, self.bn2)
        shortcuts = maps
        if self.downsample:
            convolution, norms = self.downsample
            shortcuts = norms(run_each(convolution, maps))
        return run_relu({branch: shortcuts[branch] + residuals[branch] for branch in BOTH})


class PairStages(nn.Module):
    """Stages `first` to `last` of ResNet-18 on both branches; stage 1 comes with the stem.

    Images of stride 2 after the stem; stage 4 dilates in the place of its stride. The first
    convolution of a dilated stage keeps the dilation of the stage before.
    """

    def __init__(self, base: int, first: int, last: int, exchanges: bool) -> None:
        super().__init__()
        self.has_stem = first == 1
        if self.has_stem:
            self.conv1 = create_conv(3, base, 7, stride=2)
            self.bn1 = PrivateNorms(base)
        self.stages = range(first, last + 1)
        for stage in self.stages:
            inputs, outputs = base * 2 ** max(stage - 2, 0), base * 2 ** (stage - 1)
            stride, dilation = (2, 1) if stage in (2, 3) else (1, 2 if stage == 4 else 1)
            layer = nn.Sequential(
                PairBlock(inputs, outputs, stride, 1, dilation, exchanges),
                PairBlock(outputs, outputs, 1, dilation, dilation, exchanges),
            )
            self.add_module(f"layer{stage}", layer)

    def forward(self, maps: Branches) -> dict[int, Branches]:
        if self.has_stem:
            maps = run_relu(self.bn1(run_each(self.conv1, maps)))
        levels = {}
        for stage in self.stages:
            maps = levels[stage] = self.get_submodule(f"layer{stage}")(maps)
        return levels


class GatedUnit(nn.Module):
    """Arevalo et al. 2017, with 1×1 convolutions: h = z tanh(W_v v) + (1 - z) tanh(W_t t)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.visible = create_conv(channels, channels, 1, bias=True)
        self.thermal = create_conv(channels, channels, 1, bias=True)
        self.gate = create_conv(2 * channels, channels, 1, bias=True)

    def forward(self, maps: Branches) -> tuple[Tensor, Tensor]:
        gate = torch.sigmoid(self.gate(torch.cat([maps["visible"], maps["thermal"]], dim=1)))
        of_visible = torch.tanh(self.visible(maps["visible"]))
        of_thermal = torch.tanh(self.thermal(maps["thermal"]))
        return gate * of_visible + (1 - gate) * of_thermal, gate


class SharedConv(nn.Module):
    """Convolution with shared kernels, private norms unless told otherwise, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int, is_normalised: bool = True) -> None:
        super().__init__()
        self.conv = create_conv(inputs, outputs, size)
        self.bn = PrivateNorms(outputs, (*BOTH, "fused")) if is_normalised else nn.Identity()

    def forward(self, maps: Branches) -> Branches:
        return run_relu(self.bn(run_each(self.conv, maps)))


class SharedPspHead(nn.Module):
    """PSPNet's head for the visible, the thermal and the fused map, without dropout."""

    def __init__(self, in_channels: int, bin_channels: int, joint_channels: int) -> None:
        super().__init__()
        self.bins = (1, 2, 3, 6)
        for size in self.bins:
            self.add_module(f"bin{size}", SharedConv(in_channels, bin_channels, 1, size > 1))
        concatenated = in_channels + len(self.bins) * bin_channels
        self.joint = SharedConv(concatenated, joint_channels, 3)
        self.classifier = create_conv(joint_channels, NUM_CLASSES, 1, bias=True)

    def forward(self, maps: Branches, image_size: tuple[int, int]) -> Branches:
        parts = {branch: [x] for branch, x in maps.items()}
        for size in self.bins:
            pooled = {b: functional.adaptive_avg_pool2d(x, size) for b, x in maps.items()}
            for branch, x in self.get_submodule(f"bin{size}")(pooled).items():
                grid = (maps[branch].shape[2], maps[branch].shape[3])
                parts[branch].append(resize(x, grid))
        joint = self.joint({branch: torch.cat(part, dim=1) for branch, part in parts.items()})
        return {branch: resize(self.classifier(x), image_size) for branch, x in joint.items()}


class CskNet(nn.Module):
    """Shared kernels, private norms, exchange in stages 2 to 4, gated fusion, one head."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.backbone = PairStages(base, 1, 1, exchanges=False)
        self.trunk = PairStages(base, 2, 4, exchanges=True)
        self.gate = GatedUnit(8 * base)
        self.shared_head = SharedPspHead(8 * base, 2 * base, 8 * base)

    def forward(self, visible: Tensor, thermal: Tensor) -> dict[str, Tensor]:
        image_size = (visible.shape[2], visible.shape[3])
        images = dict(zip(BOTH, normalise(visible, thermal), strict=True))
        c2 = self.backbone(images)[1]
        c5 = self.trunk(c2)[4]
        fused, gate = self.gate(c5)
        predictions = self.shared_head({**c5, "fused": fused}, image_size)
        return {
            "gate": gate,
            "fused_c5": fused,
            **{f"{branch}_c2": x for branch, x in c2.items()},
            **{f"{branch}_c5": x for branch, x in c5.items()},
            **{f"{branch}_prediction": x for branch, x in predictions.items()},
        }

    def list_exchange_scales(self, branch: str) -> list[Tensor]:
        """γ of all norms after which channels are exchanged, in the order of the blocks."""
        return [
            block.bn2.get_scale(branch) for block in self.modules() if is_exchanging_block(block)
        ]


def is_exchanging_block(module: nn.Module) -> bool:
    """Whether channels are exchanged there."""
    return isinstance(module, PairBlock) and module.exchanges


class Projector(nn.Module):
    """A 1×1 convolution for the deepest map of each branch and for the fused one."""

    def __init__(self, channels: int, projected: int) -> None:
        super().__init__()
        for branch in (*BOTH, "fused"):
            self.add_module(branch, create_conv(channels, projected, 1, bias=True))

    def forward(self, out: dict[str, Tensor]) -> Tensor:
        """All positions of the three maps, one map after the other [b n d]."""
        maps = [self.get_submodule(branch)(out[f"{branch}_c5"]) for branch in (*BOTH, "fused")]
        return torch.cat([x.flatten(2).transpose(1, 2) for x in maps], dim=1)


class VisibleOnly(nn.Module):
    """ResNet-18 and PSPNet's head on the visible image: what teaches the visible branch."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.backbone = ResNet18(3, base, 2, (4,), last=3)
        self.trunk = ResNet18(3, base, 2, (4,), first=4)
        self.head = PspHead(8 * base, 2 * base, 8 * base)

    def forward(self, visible: Tensor) -> dict[str, Tensor]:
        image_size = (visible.shape[2], visible.shape[3])
        stages = self.backbone(normalise(visible, visible[:, :1])[0])
        c5 = self.trunk(stages[3])[4]
        prediction = self.head((stages[2], stages[3], c5), image_size)
        return {"c2": stages[1], "prediction": prediction}
