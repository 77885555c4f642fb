"""Make the golden files of detection with the PyTorch twin, in float64.

    python -m tests.golden.make_torch_detection   (about 10 s; torch 2.13.0; from the project root)

See `make_torch_twin.py`. Nothing here reads the JAX code.
"""
# pyright: reportMissingImports=false

import torch

from tests.golden.make_torch_twin import (
    BASE,
    BATCH,
    HEIGHT,
    WIDTH,
    RunningStatistics,
    compute_gradients,
    create_module,
    create_normal,
    get_gradient,
    save,
)
from tests.golden.numbers import CLASS_IDS, OBJECTS, create_images
from tests.golden.torch_detection_losses import compute_detection
from tests.golden.torch_detector import RetinaHead
from tests.golden.torch_losses import compute_dice, compute_focal_mse
from tests.golden.torch_networks import Student, Teacher

GRIDS = ((5, 7), (3, 4), (2, 2))


def make_retinanet() -> None:
    """Outputs of FPN and head and gradients of projections, on grids of odd sizes."""
    head = create_module(RetinaHead(BASE), "retinanet")
    pyramid = [
        create_normal(f"retinanet/c{level}", BATCH, BASE * 2 ** (level - 2), *grid).requires_grad_()
        for level, grid in zip((3, 4, 5), GRIDS, strict=True)
    ]
    size = (40, 56)
    results = {f"eval/{key}": x for key, x in head.eval()(pyramid, size).items()}
    results |= {f"p{level}": x for level, x in head.get_submodule("fpn")(*pyramid).items()}
    statistics = RunningStatistics(head)
    prediction = head.train()(pyramid, size)
    loss = torch.zeros(())
    for key in ("class_logits", "box_offsets"):
        results[f"train/{key}"] = x = prediction[key]
        loss = loss + (x * create_normal(f"retinanet/{key}", *x.shape)).mean()
    results |= {"loss": loss, **compute_gradients(loss, head), **statistics.read()}
    for level, features in zip((3, 4, 5), pyramid, strict=True):
        results[f"grad/c{level}"] = get_gradient(features)
    save("retinanet", results)


def make_detection_step() -> None:
    """One distillation step: focal + balanced L1 + attention + semantic transfer on C4."""
    images = create_images("detection_step", BATCH, HEIGHT, WIDTH)
    options = (BASE, 2, (4,))
    teacher = create_module(Teacher(*options, head=RetinaHead(BASE)), "detection_teacher")
    student = create_module(Student(*options, "c4", head=RetinaHead(BASE)), "detection_student")
    statistics = RunningStatistics(student)
    visible, full, coarse = (
        torch.tensor(images[key]).double() for key in ("visible", "thermal_full", "thermal_camera")
    )
    with torch.no_grad():
        target = teacher.eval()(visible, full)
    out = student.train()(visible, coarse)
    objects = [torch.tensor(boxes).double() for boxes in OBJECTS]
    terms = compute_detection(out["prediction"], objects, CLASS_IDS)
    attention = compute_dice(out["mask"], target["mask"])
    semantic, _ = compute_focal_mse(out["c4"], target["c4"], "mean", False)
    total = terms["focal"] + terms["balanced_l1"] + attention + semantic
    results = {**terms, "attention": attention, "semantic": semantic, "total": total}
    for key in ("class_logits", "box_offsets"):
        results[key] = out["prediction"][key]
        results[f"teacher_{key}"] = target["prediction"][key]
    save("detection_step", {**results, **compute_gradients(total, student), **statistics.read()})


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    make_retinanet()
    make_detection_step()
