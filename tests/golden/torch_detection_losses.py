"""Mutual Guidance and the losses of detection in PyTorch, image by image, for golden values."""
# pyright: reportMissingImports=false

import math
from collections.abc import Sequence

import torch
from torch import Tensor

CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 1.0
BALANCED_ALPHA, BALANCED_GAMMA, BALANCED_BETA = 0.5, 1.5, 0.11
POSITIVE_IOU, IGNORED_IOU = 0.5, 0.4
NONE, NOT_COUNTED = -1, -2
MARGIN = 1e-4
"""Where two numbers are closer, rounding could decide."""


def compute_iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of all pairs [n m]."""
    top_left = torch.maximum(first[:, None, :2], second[None, :, :2])
    bottom_right = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    overlap = (bottom_right - top_left).clamp(min=0).prod(-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(-1) for boxes in (first, second)]
    return overlap / (areas[0][:, None] + areas[1][None] - overlap)


def to_centres(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and sizes of boxes given by their edges."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


def decode(offsets: Tensor, anchors: Tensor) -> Tensor:
    """Boxes by their edges: centre = anchor's + 0.1 t size, size = anchor's · exp(0.2 t)."""
    centres, sizes = to_centres(anchors)
    centres = centres + CENTRE_VARIANCE * offsets[:, :2] * sizes
    sizes = sizes * torch.exp(SIZE_VARIANCE * offsets[:, 2:])
    return torch.cat([centres - sizes / 2, centres + sizes / 2], dim=1)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """The offsets that `decode` turns into these boxes."""
    centres, sizes = to_centres(anchors)
    box_centres, box_sizes = to_centres(boxes)
    return torch.cat(
        [
            (box_centres - centres) / sizes / CENTRE_VARIANCE,
            torch.log(box_sizes / sizes) / SIZE_VARIANCE,
        ],
        dim=1,
    )


def check_clear(scores: Tensor, dim: int) -> None:
    """Refuse numbers whose best scores are so close that rounding decides who wins.

    Raises:
        ValueError: Choose other numbers.
    """
    if scores.shape[dim] < 2:
        return
    best, second = scores.topk(2, dim=dim).values.unbind(dim)
    if ((best > 0) & (best - second < MARGIN)).any():
        raise ValueError("two scores are too close: choose other numbers")


def settle(scores: Tensor) -> Tensor:
    """Give every object its best anchor (score 1), then every anchor its best object alone.

    Raises:
        ValueError: Two objects want the same anchor: the rule leaves open who gets it.
    """
    check_clear(scores, dim=1)
    best = scores.argmax(dim=1)
    if len(best.unique()) < len(best):
        raise ValueError("two objects share their best anchor: choose other numbers")
    scores = scores.clone()
    scores[torch.arange(len(best)), best] = 1.0
    check_clear(scores, dim=0)
    is_winner = torch.zeros_like(scores, dtype=torch.bool)
    is_winner[scores.argmax(dim=0), torch.arange(scores.shape[1])] = True
    return torch.where(is_winner, scores, 0.0)


def find_top(row: Tensor, count: int) -> set[int]:
    """Find the anchors with the highest scores of one object.

    Raises:
        ValueError: Too few anchors have a score, or rounding decides which come in.
    """
    values, order = row.sort(descending=True)
    if count and (values[count - 1] <= 0 or values[count - 1] - values[count] < MARGIN):
        raise ValueError("the last place is not clear: choose other numbers")
    return set(order[:count].tolist())


def assign(
    anchors: Tensor, objects: Tensor, class_ids: list[int], logits: Tensor, offsets: Tensor
) -> tuple[list[int], list[int]]:
    """Mutual Guidance for one image (Zhang et al., ACCV 2020).

    Returns:
        For each anchor the object that it is to classify as (`NONE`, or `NOT_COUNTED` by any
        class loss), and the object that it is to enclose (or `NONE`).

    Raises:
        ValueError: The numbers do not test the rule.
    """
    probabilities = torch.sigmoid(logits.detach())[:, class_ids].T
    by_anchor = compute_iou(objects, anchors)
    by_box = settle(compute_iou(objects, decode(offsets.detach(), anchors)))
    mixed = settle(by_anchor ** ((2 - probabilities) / 2))
    by_anchor = settle(by_anchor)
    for threshold in (POSITIVE_IOU, IGNORED_IOU):
        if ((by_anchor - threshold).abs() < MARGIN).any():
            raise ValueError("an overlap lies on a threshold: choose other numbers")
    class_objects, box_objects = [NONE] * len(anchors), [NONE] * len(anchors)
    for g in range(len(objects)):
        num_positive = int((by_anchor[g] >= POSITIVE_IOU).sum())
        num_candidates = int((by_anchor[g] >= IGNORED_IOU).sum())
        positives = find_top(by_box[g], num_positive)
        for a in find_top(by_box[g], num_candidates) - positives:
            class_objects[a] = NOT_COUNTED
        for a in positives:
            class_objects[a] = g
        for a in find_top(mixed[g], num_positive):
            box_objects[a] = g
    return class_objects, box_objects


def compute_focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Σ −α_t (1 − p_t)^γ log p_t; targets are 1 for the class of a positive, else 0."""
    p = torch.sigmoid(logits)
    positive = FOCAL_ALPHA * (1 - p) ** FOCAL_GAMMA * -torch.log(p)
    negative = (1 - FOCAL_ALPHA) * p**FOCAL_GAMMA * -torch.log(1 - p)
    return torch.where(targets > 0, positive, negative).sum()


def compute_balanced_l1(difference: Tensor) -> Tensor:
    """Sum of (α/b)(b x + 1) ln(b x/β + 1) − α x below β and γ x + γ/b − α β above (Libra R-CNN)."""
    x = difference.abs()
    b = math.exp(BALANCED_GAMMA / BALANCED_ALPHA) - 1
    small = BALANCED_ALPHA / b * (b * x + 1) * torch.log(b * x / BALANCED_BETA + 1)
    small = small - BALANCED_ALPHA * x
    large = BALANCED_GAMMA * x + BALANCED_GAMMA / b - BALANCED_ALPHA * BALANCED_BETA
    return torch.where(x < BALANCED_BETA, small, large).sum()


def compute_detection(
    prediction: dict[str, Tensor], objects: list[Tensor], class_ids: Sequence[list[int]]
) -> dict[str, Tensor]:
    """Both losses of a batch, each over its number of positives, and the targets behind them.

    Raises:
        ValueError: The numbers do not test the rule.
    """
    anchors = prediction["anchors"]
    focal, balanced = torch.zeros(()), torch.zeros(())
    all_targets, all_objects, num_positive, num_boxes = [], [], 0, 0
    for logits, offsets, boxes, classes in zip(
        prediction["class_logits"], prediction["box_offsets"], objects, class_ids, strict=True
    ):
        class_objects, box_objects = assign(anchors, boxes, classes, logits, offsets)
        targets = [classes[g] if g >= 0 else g for g in class_objects]
        counted = [a for a, target in enumerate(targets) if target != NOT_COUNTED]
        one_hot = torch.zeros_like(logits)
        for a, target in enumerate(targets):
            if target >= 0:
                one_hot[a, target] = 1.0
        focal = focal + compute_focal(logits[counted], one_hot[counted])
        to_enclose = [a for a, g in enumerate(box_objects) if g != NONE]
        wanted = encode(boxes[[box_objects[a] for a in to_enclose]], anchors[to_enclose])
        balanced = balanced + compute_balanced_l1(offsets[to_enclose] - wanted)
        num_positive += sum(target >= 0 for target in targets)
        num_boxes += len(to_enclose)
        all_targets.append(targets)
        all_objects.append(box_objects)
    return {
        "focal": focal / num_positive,
        "balanced_l1": balanced / (4 * num_boxes),
        "class_targets": torch.tensor(all_targets).double(),
        "box_objects": torch.tensor(all_objects).double(),
    }
