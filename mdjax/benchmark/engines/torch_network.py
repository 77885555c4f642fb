"""The student and the teacher in PyTorch, built from the variables of a network of ours.

This is what one would write by hand: modules of `torch.nn`, six channels that are normalised before
the first convolution, batch normalisation as it was trained.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

Arrays = Mapping[str, np.ndarray]
"""Variables by their paths, such as "params/backbone/conv1/kernel"."""
Facts = Mapping[str, Any]
"""From `describe_architecture`."""


def create_network(facts: Facts, arrays: Arrays) -> nn.Module:
    """Build a network for images as cameras deliver them, uint8 [b c h w].

    Args:
        facts: What the variables do not tell.
        arrays: The variables, and "anchors_xyxy_px" of a detector.

    Returns:
        A module in evaluation mode, called with one image for each input, by its name. It returns
        logits [b k h w], or boxes [b a 4] in pixels and scores [b a k].
    """
    body = TwoStreams if facts["has_two_streams"] else OneStream
    head = RetinaNetHead(facts, arrays) if "anchors_xyxy_px" in arrays else PspHead(facts, arrays)
    return Camera(facts, body(facts, arrays), head).eval()


def _create_conv(arrays: Arrays, path: str, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    kernel = arrays[f"params/{path}/kernel"].transpose(3, 2, 0, 1)
    bias = arrays.get(f"params/{path}/bias")
    outputs, inputs, size, _ = kernel.shape
    conv = nn.Conv2d(
        inputs,
        outputs,
        size,
        stride=stride,
        dilation=dilation,
        padding=dilation * (size // 2),
        bias=bias is not None,
    )
    conv.weight.data = torch.tensor(kernel)
    if bias is not None:
        conv.bias.data = torch.tensor(bias)
    return conv


def _create_norm(arrays: Arrays, path: str, epsilon: float) -> nn.BatchNorm2d:
    scale = arrays[f"params/{path}/scale"]
    norm = nn.BatchNorm2d(len(scale), eps=epsilon)
    norm.weight.data = torch.tensor(scale)
    norm.bias.data = torch.tensor(arrays[f"params/{path}/bias"])
    norm.running_mean = torch.tensor(arrays[f"batch_stats/{path}/mean"])
    norm.running_var = torch.tensor(arrays[f"batch_stats/{path}/var"])
    return norm


def _resize(x: Tensor, size_hw: tuple[int, int]) -> Tensor:
    return functional.interpolate(x, size_hw, mode="bilinear", align_corners=False)


def _get_size_hw(x: Tensor) -> tuple[int, int]:
    return x.shape[2], x.shape[3]


class Camera(nn.Module):
    """From what cameras deliver to the answer."""

    def __init__(self, facts: Facts, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.size_hw, self.sees = tuple(facts["size_hw"]), tuple(facts["sees"])
        self.body, self.head = body, head
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(facts[name]).reshape(1, 3, 1, 1))

    def forward(self, **images: Tensor) -> tuple[Tensor, ...]:
        """Answer to one image for each input, uint8 [b c h w]."""
        streams = []
        for name in self.sees:
            image = images[name].float() / 255
            if _get_size_hw(image) != self.size_hw:
                image = _resize(image, self.size_hw)
            streams.append((image.expand(-1, 3, -1, -1) - self.mean) / self.std)
        return self.head(self.body(streams), self.size_hw)


class ConvNorm(nn.Module):
    """A convolution, its normalisation if it has one, and a ReLU unless told otherwise."""

    def __init__(
        self,
        facts: Facts,
        arrays: Arrays,
        conv: str,
        norm: str,
        stride: int = 1,
        dilation: int = 1,
        has_relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = _create_conv(arrays, conv, stride, dilation)
        has_norm = f"params/{norm}/scale" in arrays
        self.norm = _create_norm(arrays, norm, facts["epsilon"]) if has_norm else nn.Identity()
        self.relu = nn.ReLU(inplace=True) if has_relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply both."""
        return self.relu(self.norm(self.conv(x)))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al. 2016)."""

    def __init__(
        self, facts: Facts, arrays: Arrays, path: str, stride: int, before: int, after: int
    ) -> None:
        super().__init__()
        parts = facts, arrays
        self.first = ConvNorm(*parts, f"{path}/conv1", f"{path}/bn1", stride, before)
        self.second = ConvNorm(*parts, f"{path}/conv2", f"{path}/bn2", 1, after, has_relu=False)
        down = f"{path}/downsample"
        self.shortcut = nn.Identity()
        if f"params/{down}_conv/kernel" in arrays:
            self.shortcut = ConvNorm(*parts, f"{down}_conv", f"{down}_bn", stride, has_relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        return functional.relu(self.second(self.first(x)) + self.shortcut(x))


class Stages(nn.Module):
    """Consecutive stages of a ResNet, the first of them with the stem."""

    def __init__(self, facts: Facts, arrays: Arrays, path: str, levels: tuple[int, ...]) -> None:
        super().__init__()
        stem_stride = facts["stem_stride"]
        self.stem = nn.Identity()
        if levels[0] == 2:
            conv1, bn1 = f"{path}/conv1", f"{path}/bn1"
            self.stem = ConvNorm(facts, arrays, conv1, bn1, min(stem_stride, 2))
        has_pool = levels[0] == 2 and stem_stride == 4
        self.pool = nn.MaxPool2d(3, stride=2, padding=1) if has_pool else nn.Identity()
        self.levels = nn.ModuleList()
        for level in levels:
            stride, before, after = facts["stages"][str(level)]
            blocks = [f"{path}/layer{level - 1}_block{i}" for i in range(facts["num_blocks"])]
            self.levels.append(
                nn.Sequential(
                    BasicBlock(facts, arrays, blocks[0], stride, before, after),
                    *(BasicBlock(facts, arrays, x, 1, after, after) for x in blocks[1:]),
                )
            )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the feature map of each level."""
        x = self.pool(self.stem(x))
        found = []
        for level in self.levels:
            x = level(x)
            found.append(x)
        return found


class OneStream(nn.Module):
    """All images as channels of one array: native and distilled student, one image alone."""

    def __init__(self, facts: Facts, arrays: Arrays) -> None:
        super().__init__()
        self.backbone = Stages(facts, arrays, "backbone", (2, 3, 4))
        self.trunk = Stages(facts, arrays, "trunk", (5,))
        self.attention, self.residual = None, None
        self.residual_level = facts["residual_level"]
        if facts["has_attention"]:
            self.attention = _create_conv(arrays, "attention")
        if self.residual_level:
            self.residual = BasicBlock(facts, arrays, "residual", 1, 1, 1)

    def forward(self, streams: list[Tensor]) -> tuple[Tensor, ...]:
        """Return C3, C4 and C5 of the normalised images."""
        _, c3, c4 = self.backbone(torch.cat(streams, dim=1))
        if self.attention is not None:
            c4 = c4 * (1 + torch.sigmoid(self.attention(c4)))
        if self.residual is not None and self.residual_level == 4:
            c4 = self.residual(c4)
        (c5,) = self.trunk(c4)
        if self.residual is not None and self.residual_level == 5:
            c5 = self.residual(c5)
        return c3, c4, c5


class TwoStreams(nn.Module):
    """The teacher: two streams up to C4, fused by GAFF, then one."""

    def __init__(self, facts: Facts, arrays: Arrays) -> None:
        super().__init__()
        self.visible = Stages(facts, arrays, "visible_stream", (2, 3, 4))
        self.thermal = Stages(facts, arrays, "thermal_stream", (2, 3, 4))
        self.trunk = Stages(facts, arrays, "trunk", (5,))
        self.intra_visible = _create_conv(arrays, "gaff/intra_visible")
        self.intra_thermal = _create_conv(arrays, "gaff/intra_thermal")
        self.inter = _create_conv(arrays, "gaff/inter")

    def forward(self, streams: list[Tensor]) -> tuple[Tensor, ...]:
        """Return C3, C4 and C5 of both normalised images."""
        _, visible_c3, visible = self.visible(streams[0])
        _, thermal_c3, thermal = self.thermal(streams[1])
        inter = torch.softmax(self.inter(torch.cat([thermal, visible], dim=1)), dim=1)
        weight_t = (1 + torch.sigmoid(self.intra_thermal(thermal))) * (1 + inter[:, :1])
        weight_v = (1 + torch.sigmoid(self.intra_visible(visible))) * (1 + inter[:, 1:])
        c4 = (visible * weight_v + thermal * weight_t) / 2
        (c5,) = self.trunk(c4)
        return (visible_c3 + thermal_c3) / 2, c4, c5


class PspHead(nn.Module):
    """Pyramid pooling (Zhao et al. 2017)."""

    def __init__(self, facts: Facts, arrays: Arrays) -> None:
        super().__init__()
        self.bins = tuple(facts["bins"])
        self.branches = nn.ModuleList(
            ConvNorm(facts, arrays, f"head/bin{x}_conv", f"head/bin{x}_bn") for x in self.bins
        )
        self.joint = ConvNorm(facts, arrays, "head/joint_conv", "head/joint_bn")
        self.classifier = _create_conv(arrays, "head/classifier")

    def forward(self, levels: tuple[Tensor, ...], size_hw: tuple[int, int]) -> tuple[Tensor, ...]:
        """Return logits [b k h w]."""
        c5 = levels[-1]
        maps = [c5]
        for bins, branch in zip(self.bins, self.branches, strict=True):
            pooled = branch(functional.adaptive_avg_pool2d(c5, bins))
            maps.append(_resize(pooled, _get_size_hw(c5)))
        return (_resize(self.classifier(self.joint(torch.cat(maps, dim=1))), size_hw),)


class RetinaNetHead(nn.Module):
    """Feature pyramid and branches for classes and boxes (Lin et al. 2017), boxes decoded."""

    def __init__(self, facts: Facts, arrays: Arrays) -> None:
        super().__init__()
        self.num_classes, self.coding = facts["num_classes"], facts["box_coding"]
        levels = ("3", "4", "5")
        self.laterals = nn.ModuleList(_create_conv(arrays, f"head/fpn/lateral{x}") for x in levels)
        self.outputs = nn.ModuleList(_create_conv(arrays, f"head/fpn/output{x}") for x in levels)
        for kind in ("class", "box"):
            branches = nn.ModuleList(
                nn.Sequential(
                    ConvNorm(facts, arrays, f"head/{kind}{x}/conv", f"head/{kind}{x}/bn"),
                    _create_conv(arrays, f"head/{kind}{x}/output"),
                )
                for x in levels
            )
            # Not the bare words: `torch.compile` writes Python, in which "class" names nothing.
            self.add_module(f"{kind}_branches", branches)
        self.register_buffer("anchors", torch.tensor(arrays["anchors_xyxy_px"]))

    def forward(self, levels: tuple[Tensor, ...], size_hw: tuple[int, int]) -> tuple[Tensor, ...]:
        """Return boxes [b a 4] in pixels and scores [b a k]."""
        merged = [lateral(x) for lateral, x in zip(self.laterals, levels, strict=True)]
        for i in (1, 0):
            upper = functional.interpolate(merged[i + 1], _get_size_hw(merged[i]), mode="nearest")
            merged[i] = merged[i] + upper
        pyramid = [output(x) for output, x in zip(self.outputs, merged, strict=True)]
        logits = self._run("class", pyramid, self.num_classes)
        offsets = self._run("box", pyramid, 4)
        centers = (self.anchors[:, :2] + self.anchors[:, 2:]) / 2
        sizes = self.anchors[:, 2:] - self.anchors[:, :2]
        centers = centers + offsets[..., :2] * self.coding["center_variance"] * sizes
        ratios = (offsets[..., 2:] * self.coding["size_variance"]).clamp(
            max=self.coding["max_log_size_ratio"]
        )
        half = torch.exp(ratios) * sizes / 2
        height, width = size_hw
        limit = torch.tensor([width, height, width, height], dtype=half.dtype)
        boxes = torch.cat([centers - half, centers + half], dim=-1).clamp(min=0).minimum(limit)
        return boxes, torch.sigmoid(logits)

    def _run(self, kind: str, pyramid: list[Tensor], num_values: int) -> Tensor:
        rows = []
        for branch, x in zip(self.get_submodule(f"{kind}_branches"), pyramid, strict=True):
            rows.append(branch(x).permute(0, 2, 3, 1).reshape(len(x), -1, num_values))
        return torch.cat(rows, dim=1)
