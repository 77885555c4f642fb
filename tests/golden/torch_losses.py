"""The losses once more in PyTorch, written from the papers' formulas, for golden values."""
# pyright: reportMissingImports=false

import torch
from torch import Tensor
from torch.nn import functional

MARGIN = 0.1


def compute_dice(mask: Tensor, target: Tensor) -> Tensor:
    """1 - (2 Σ m t + 1) / (Σ m + Σ t + 1), sums over everything."""
    return 1 - (2 * (mask * target).sum() + 1) / (mask.sum() + target.sum() + 1)


def compute_foreground(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Share of pixels in each cell whose label is neither 0 nor 255 [b 1 h w]."""
    is_foreground = ((labels > 0) & (labels < 255)).double().unsqueeze(1)
    return functional.adaptive_avg_pool2d(is_foreground, size)


def compute_guidance(out: dict[str, Tensor], foreground: Tensor) -> dict[str, Tensor]:
    """Intra: Dice of both masks. Inter: cross-entropy where one mask is better by the margin.

    Raises:
        ValueError: The numbers do not test the rule: a difference lies so close to the margin
            that rounding decides, or one modality is never better.
    """
    mask_v, mask_t = torch.sigmoid(out["intra_visible"]), torch.sigmoid(out["intra_thermal"])
    intra = compute_dice(mask_v, foreground) + compute_dice(mask_t, foreground)
    error_v, error_t = (mask_v - foreground).abs(), (mask_t - foreground).abs()
    advantage = (error_v - error_t).detach().squeeze(1)
    if ((advantage.abs() - MARGIN).abs() < 1e-4).any():
        raise ValueError("a cell lies on the margin: choose other numbers")
    labels = torch.full(advantage.shape, -100)
    labels[advantage > MARGIN] = 0
    labels[advantage < -MARGIN] = 1
    total = functional.cross_entropy(out["inter"], labels, ignore_index=-100, reduction="sum")
    if min((labels == 0).sum(), (labels == 1).sum()) == 0:
        raise ValueError("one modality is never preferred: choose other numbers")
    return {"intra": intra, "inter": total / max(1, int((labels >= 0).sum()))}


def compute_focal_mse(
    student: Tensor, teacher: Tensor, reduction: str, has_mask_gradient: bool
) -> tuple[Tensor, Tensor]:
    """MD eq. 4, averaged over the batch, and the mask."""
    d = (student - teacher.detach()) ** 2
    logits = d.mean(1) if reduction == "mean" else d.sum(1)
    mask = torch.softmax(logits.flatten(1), dim=1)
    weights = mask if has_mask_gradient else mask.detach()
    loss = (weights * d.mean(1).flatten(1)).sum(1).mean()
    return loss, mask.reshape(logits.shape)


def compute_mse(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of the squared differences."""
    return ((student - teacher.detach()) ** 2).mean()


def compute_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the pixels whose label is not 255."""
    return functional.cross_entropy(logits, labels.long(), ignore_index=255)
