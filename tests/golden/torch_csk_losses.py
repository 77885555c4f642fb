"""The losses of CSK-Net once more in PyTorch, written from their formulas, for golden values."""
# pyright: reportMissingImports=false

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

MIN_GAP = 1e-4
"""What float32 must not decide: a thousand times its rounding of a similarity."""


def compute_divergence(
    student: Tensor, teacher: Tensor, labels: Tensor, temperature: float
) -> Tensor:
    """T² KL(softmax(z_T / T) || softmax(z_S / T)), the mean over the pixels with a label."""
    divergence = functional.kl_div(
        torch.log_softmax(student / temperature, dim=1),
        torch.softmax(teacher.detach() / temperature, dim=1),
        reduction="none",
    )
    return temperature**2 * divergence.sum(1)[labels != 255].mean()


def compute_penalty(visible: Iterable[Tensor], thermal: Iterable[Tensor]) -> Tensor:
    """CEN's L1: Σ|γ| of the first half of the visible scales, the second of the thermal ones."""
    total = torch.zeros(())
    for of_visible, of_thermal in zip(visible, thermal, strict=True):
        half = len(of_visible) // 2
        total = total + of_visible[:half].abs().sum() + of_thermal[half:].abs().sum()
    return total


def take_centres(labels: Tensor, grid: tuple[int, int]) -> Tensor:
    """The label at the centre of each cell, all cells in one row [b n]."""
    coarse = functional.interpolate(labels.double().unsqueeze(1), grid, mode="nearest-exact")
    return coarse.long().flatten(1)


def compute_contrast(vectors: Tensor, labels: Tensor, temperature: float, share: float) -> Tensor:
    """InfoNCE of every pixel with the farthest of its class and the nearest of others.

    The mean over the pixels that have both; the mean of -log(e^s_p / (e^s_p + Σ_q e^s_q)) over the
    positives p of a pixel. Each of them meets pixels of its own image only.

    Args:
        vectors: Of the pixels of each image [b n d].
        labels: Of the same pixels [b n].
        temperature: What cosines are divided by.
        share: Share of the pixels that are hard.
    """
    losses = []
    for image, image_labels in zip(vectors, labels, strict=True):
        has_label = image_labels != 255
        unit = functional.normalize(image[has_label], dim=1)
        classes = image_labels[has_label]
        for i in range(len(unit)):
            similarities = unit @ unit[i] / temperature
            is_same = classes == classes[i]
            is_same[i] = False
            positives = take_smallest(similarities[is_same], share)
            negatives = -take_smallest(-similarities[classes != classes[i]], share)
            if len(positives) and len(negatives):
                candidates = [torch.cat([p.reshape(1), negatives]) for p in positives]
                logs = [torch.log_softmax(values, dim=0)[0] for values in candidates]
                losses.append(-torch.stack(logs).mean())
    return torch.stack(losses).mean()


def take_smallest(values: Tensor, share: float) -> Tensor:
    """The least values, their number rounded up.

    Raises:
        ValueError: The numbers do not test the rule: rounding decides which value is the last.
    """
    num_taken = math.ceil(round(share * len(values), 6))
    ordered = values.sort().values
    if 0 < num_taken < len(values) and ordered[num_taken] - ordered[num_taken - 1] < MIN_GAP:
        raise ValueError("two similarities are too close: choose other numbers")
    return ordered[:num_taken]
