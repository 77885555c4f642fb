"""FPN, RetinaNet head and anchors in PyTorch, written from the formulas, for golden values."""
# pyright: reportMissingImports=false

import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.golden.torch_networks import create_conv

NUM_CLASSES = 2
HEIGHTS_PX = (12.0, 20.0, 28.0)
"""Of the smallest anchor of P3, P4 and P5: fit for images of 32x48 pixels."""
SCALES = (1.0, 2 ** (1 / 3), 2 ** (2 / 3))
WIDTH_TO_HEIGHT = 0.41


class Fpn(nn.Module):
    """Lin et al. 2017: M5 = L5(C5), M = L(C) + up(coarser M), P = O(M)."""

    def __init__(self, in_channels: tuple[int, int, int], channels: int) -> None:
        super().__init__()
        for level, inputs in zip((3, 4, 5), in_channels, strict=True):
            self.add_module(f"lateral{level}", create_conv(inputs, channels, 1, bias=True))
            self.add_module(f"output{level}", create_conv(channels, channels, 3, bias=True))

    def forward(self, c3: Tensor, c4: Tensor, c5: Tensor) -> dict[int, Tensor]:
        m5 = self.get_submodule("lateral5")(c5)
        m4 = self.get_submodule("lateral4")(c4)
        m4 = m4 + functional.interpolate(m5, size=m4.shape[2:], mode="nearest")
        m3 = self.get_submodule("lateral3")(c3)
        m3 = m3 + functional.interpolate(m4, size=m3.shape[2:], mode="nearest")
        return {
            level: self.get_submodule(f"output{level}")(m)
            for level, m in ((3, m3), (4, m4), (5, m5))
        }


class Branch(nn.Module):
    """3×3 convolution, batch norm, ReLU, 3×3 convolution with bias."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv = create_conv(channels, channels, 3)
        self.bn = nn.BatchNorm2d(channels)
        self.output = create_conv(channels, outputs, 3, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(functional.relu(self.bn(self.conv(x))))


class RetinaHead(nn.Module):
    """A class and a box branch on each level of the pyramid; anchors by row, column and scale."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.fpn = Fpn((2 * base, 4 * base, 8 * base), 4 * base)
        for level in (3, 4, 5):
            self.add_module(f"class{level}", Branch(4 * base, len(SCALES) * NUM_CLASSES))
            self.add_module(f"box{level}", Branch(4 * base, len(SCALES) * 4))

    def forward(
        self, pyramid: tuple[Tensor, Tensor, Tensor], image_size: tuple[int, int]
    ) -> dict[str, Tensor]:
        maps = self.fpn(*pyramid)
        return {
            "class_logits": self.run_branches("class", maps, NUM_CLASSES),
            "box_offsets": self.run_branches("box", maps, 4),
            "anchors": create_anchors(
                [(x.shape[2], x.shape[3]) for x in maps.values()], image_size
            ),
        }

    def run_branches(self, kind: str, maps: dict[int, Tensor], num_values: int) -> Tensor:
        """Values of all anchors [b a v] from channels that count values within anchors."""
        rows = []
        for level, x in maps.items():
            y = self.get_submodule(f"{kind}{level}")(x)
            rows.append(y.permute(0, 2, 3, 1).reshape(len(y), -1, num_values))
        return torch.cat(rows, dim=1)


def create_anchors(grids: list[tuple[int, int]], image_size: tuple[int, int]) -> Tensor:
    """Boxes around the middle of each cell: left, top, right, bottom in pixels [a 4]."""
    boxes = []
    for (rows, columns), height in zip(grids, HEIGHTS_PX, strict=True):
        for row in range(rows):
            for column in range(columns):
                x = (column + 0.5) * image_size[1] / columns
                y = (row + 0.5) * image_size[0] / rows
                for scale in SCALES:
                    h = scale * height
                    w = WIDTH_TO_HEIGHT * h
                    boxes.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    return torch.tensor(boxes)
