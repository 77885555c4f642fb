"""Make the golden files of this folder with the PyTorch twin, in float64.

    python -m tests.golden.make_torch_twin        (about 20 s; torch 2.13.0; from the project root)

The files hold digests of outputs, losses, gradients and updated running statistics; parameters and
inputs come from their names (`numbers.py`). Nothing here reads the JAX code.
"""
# pyright: reportMissingImports=false

from typing import Any

import torch
from torch import Tensor, nn

from tests.golden.numbers import (
    create_images,
    create_leaf,
    random_normal,
    random_uniform,
    save_golden,
)
from tests.golden.torch_losses import (
    compute_cross_entropy,
    compute_dice,
    compute_focal_mse,
    compute_foreground,
    compute_guidance,
    compute_mse,
)
from tests.golden.torch_networks import Gaff, PspHead, ResNet18, Student, Teacher

BASE = 8  # 64 channels at width 0.125
BATCH, HEIGHT, WIDTH = 2, 32, 48
Results = dict[str, Tensor]


def create_module(module: nn.Module, prefix: str) -> nn.Module:
    """Give every parameter and running statistic the numbers that belong to its name."""
    state = module.state_dict()
    for name, old in state.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(create_leaf(f"{prefix}/{name}", tuple(old.shape)))
    module.load_state_dict(state)
    return module


def create_normal(name: str, *shape: int) -> Tensor:
    """A named standard normal input in float64."""
    return torch.tensor(random_normal(name, shape)).double()


def compute_gradients(loss: Tensor, module: nn.Module) -> Results:
    """Gradients of all parameters, by `grad/<name>`."""
    module.zero_grad()
    loss.backward()
    return {f"grad/{name}": get_gradient(leaf) for name, leaf in module.named_parameters()}


def get_gradient(leaf: Tensor) -> Tensor:
    """The gradient that `backward` left with a leaf; every leaf must have one."""
    if leaf.grad is None:
        raise ValueError("the loss does not depend on some parameter")
    return leaf.grad


class RunningStatistics:
    """Collects the running statistics after one training step, in flax's convention.

    PyTorch normalises with the biased variance of the batch but averages the unbiased one,
    n/(n - 1) times as large, into its running variance; flax averages the biased one. With
    momentum 0.1 the update is new = 0.9 old + 0.1 var, so the flax value follows from the two
    PyTorch values as 0.9 old + (new - 0.9 old) (n - 1)/n, n = batch · height · width.
    """

    def __init__(self, module: nn.Module) -> None:
        self.old: Results = {}
        self.num_values: dict[str, int] = {}
        self.layers: dict[str, Any] = {
            name: layer for name, layer in module.named_modules() if hasattr(layer, "running_var")
        }
        for name, layer in self.layers.items():
            self.old[name] = layer.running_var.clone()
            layer.register_forward_hook(self.create_counter(name))

    def create_counter(self, name: str):
        """A hook that notes over how many values a layer averages, and that it runs only once."""

        def count(_: nn.Module, inputs: tuple[Tensor], __: Tensor) -> None:
            if name in self.num_values:
                raise RuntimeError(f"{name} ran twice")
            self.num_values[name] = inputs[0].numel() // inputs[0].shape[1]

        return count

    def read(self) -> Results:
        """Return `stats/<name>.running_mean` and `.running_var` of every layer."""
        results = {}
        for name, layer in self.layers.items():
            n = self.num_values[name]
            increment = (layer.running_var - 0.9 * self.old[name]) * (n - 1) / n
            results[f"stats/{name}.running_mean"] = layer.running_mean
            results[f"stats/{name}.running_var"] = 0.9 * self.old[name] + increment
        return results


def make_resnet(stem_stride: int, dilated_stages: tuple[int, ...], size: tuple[int, int]) -> None:
    """Evaluation outputs; then one training pass with the gradient of a random projection."""
    name = f"resnet18_stem{stem_stride}_dilated{len(dilated_stages)}"
    network = create_module(ResNet18(3, BASE, stem_stride, dilated_stages), "resnet18")
    images = create_normal(f"{name}/images", BATCH, 3, *size)
    results = {f"eval/c{s + 1}": x for s, x in network.eval()(images).items() if s > 1}
    statistics = RunningStatistics(network)
    features = {f"c{s + 1}": x for s, x in network.train()(images).items() if s > 1}
    loss = sum(
        ((x * create_normal(f"{name}/{key}", *x.shape)).mean() for key, x in features.items()),
        torch.zeros(()),
    )
    results |= {"loss": loss, **{f"train/{key}": x for key, x in features.items()}}
    save(name, {**results, **compute_gradients(loss, network), **statistics.read()})


def make_gaff() -> None:
    """Outputs of GAFF and gradients of a projection of its outputs plus its guidance losses."""
    gaff = create_module(Gaff(4 * BASE), "gaff")
    visible = create_normal("gaff/visible", BATCH, 4 * BASE, 4, 6).requires_grad_()
    thermal = create_normal("gaff/thermal", BATCH, 4 * BASE, 4, 6).requires_grad_()
    out = gaff(visible, thermal)
    labels = torch.tensor(create_images("gaff", BATCH, HEIGHT, WIDTH)["labels"])
    guidance = compute_guidance(out, compute_foreground(labels, (4, 6)))
    loss = guidance["intra"] + guidance["inter"]
    for key in ("fused", "mask"):
        loss = loss + (out[key] * create_normal(f"gaff/{key}", *out[key].shape)).mean()
    results = compute_gradients(loss, gaff)
    results |= {"grad/visible": get_gradient(visible), "loss": loss}
    results["grad/thermal"] = get_gradient(thermal)
    out["inter_logits"] = out.pop("inter")
    save("gaff", {**out, **guidance, **results})


def make_pspnet(grid: tuple[int, int]) -> None:
    """Logits of the head and gradients of a projection, on grids that no bin count divides."""
    name = f"pspnet_{grid[0]}x{grid[1]}"
    head = create_module(PspHead(8 * BASE, 2 * BASE, 8 * BASE), "pspnet")
    features = create_normal(f"{name}/features", BATCH, 8 * BASE, *grid).requires_grad_()
    size = (8 * grid[0], 8 * grid[1])
    results = {"eval/prediction": head.eval()((features,) * 3, size)}
    statistics = RunningStatistics(head)
    prediction = head.train()((features,) * 3, size)
    loss = (prediction * create_normal(f"{name}/projection", *prediction.shape)).mean()
    results |= {"train/prediction": prediction, "loss": loss, **compute_gradients(loss, head)}
    save(name, {**results, "grad/features": get_gradient(features), **statistics.read()})


def make_losses() -> None:
    """Every loss and the gradients of what it teaches."""
    results: Results = {}

    def note(name: str, loss: Tensor, *inputs: Tensor) -> None:
        gradients = torch.autograd.grad(loss, inputs)
        results[name] = loss
        results.update({f"{name}/grad{i}": grad for i, grad in enumerate(gradients)})

    labels = torch.tensor(create_images("losses", BATCH, HEIGHT, WIDTH)["labels"])
    logits = (3 * create_normal("losses/logits", BATCH, 9, HEIGHT, WIDTH)).requires_grad_()
    note("cross_entropy", compute_cross_entropy(logits, labels), logits)
    guidance = {
        "intra_visible": create_normal("losses/intra_visible", BATCH, 1, 4, 6),
        "intra_thermal": create_normal("losses/intra_thermal", BATCH, 1, 4, 6),
        "inter": create_normal("losses/inter", BATCH, 2, 4, 6),
    }
    for leaf in guidance.values():
        leaf.requires_grad_()
    results["foreground"] = compute_foreground(labels, (4, 6))
    terms = compute_guidance(guidance, results["foreground"])
    note("intra", terms["intra"], guidance["intra_visible"], guidance["intra_thermal"])
    note("inter", terms["inter"], guidance["inter"])
    masks = [
        torch.tensor(random_uniform(f"losses/{who}_mask", (BATCH, 1, 4, 6))).double()
        for who in ("student", "teacher")
    ]
    note("attention", compute_dice(masks[0].requires_grad_(), masks[1]), masks[0])
    student = create_normal("losses/student", BATCH, 32, 4, 6).requires_grad_()
    teacher = create_normal("losses/teacher", BATCH, 32, 4, 6)
    note("mse", compute_mse(student, teacher), student)
    for reduction in ("mean", "sum"):
        for has_gradient in (False, True):
            loss, mask = compute_focal_mse(student, teacher, reduction, has_gradient)
            note(f"focal_mse_{reduction}_{has_gradient}", loss, student)
            results[f"focal_mask_{reduction}"] = mask
    save("losses", results)


def make_teacher_step() -> None:
    """One training step of the teacher: cross-entropy + 0.1 (intra + inter)."""
    images = create_images("teacher_step", BATCH, HEIGHT, WIDTH)
    teacher = create_module(Teacher(BASE, stem_stride=2, dilated_stages=(4,)), "teacher")
    statistics = RunningStatistics(teacher)
    inputs = [torch.tensor(images[key]).double() for key in ("visible", "thermal_full")]
    out = teacher.train()(*inputs)
    labels = torch.tensor(images["labels"])
    foreground = compute_foreground(labels, (out["mask"].shape[2], out["mask"].shape[3]))
    terms = compute_guidance(out, foreground)
    task = compute_cross_entropy(out["prediction"], labels)
    total = task + 0.1 * (terms["intra"] + terms["inter"])
    results = {**terms, "task": task, "total": total, **compute_gradients(total, teacher)}
    save("teacher_step", {**results, **statistics.read()})


def make_distill_step(name: str, level: str, weights: tuple[float, float]) -> None:
    """One distillation step from a frozen teacher: L_task + λ_att L_att + λ_sem L_sem."""
    images = create_images("distill_step", BATCH, HEIGHT, WIDTH)
    teacher = create_module(Teacher(BASE, stem_stride=2, dilated_stages=(4,)), "teacher")
    student = create_module(Student(BASE, 2, (4,), level), "student")
    statistics = RunningStatistics(student)
    visible, full, coarse = (
        torch.tensor(images[key]).double() for key in ("visible", "thermal_full", "thermal_camera")
    )
    with torch.no_grad():
        target = teacher.eval()(visible, full)
    out = student.train()(visible, coarse)
    task = compute_cross_entropy(out["prediction"], torch.tensor(images["labels"]))
    attention = compute_dice(out["mask"], target["mask"])
    semantic, mask = compute_focal_mse(out[level], target[level], "mean", False)
    total = task + weights[0] * attention + weights[1] * semantic
    perplexity = torch.exp(-(mask * mask.log()).sum((1, 2))).mean()
    results = {"task": task, "attention": attention, "semantic": semantic, "total": total}
    results |= {"perplexity": perplexity, "prediction": out["prediction"], "mask": out["mask"]}
    results |= {"features": out[level], "teacher_features": target[level]}
    results |= {"teacher_prediction": target["prediction"], "teacher_mask": target["mask"]}
    save(name, {**results, **compute_gradients(total, student), **statistics.read()})


def make_native_student() -> None:
    """The image-level student without distillation, in evaluation mode."""
    images = create_images("distill_step", BATCH, HEIGHT, WIDTH)
    inputs = [torch.tensor(images[key]).double() for key in ("visible", "thermal_camera")]
    student = create_module(Student(BASE, 2, (4,)), "student").eval()
    out = student(*inputs)
    save("native_student", {"prediction": out["prediction"], "features": out["c4"]})


def save(name: str, results: Results) -> None:
    """Store results as float32 digests and print their size and scale."""
    save_golden(name, {key: value.detach().numpy() for key, value in results.items()})
    scalars = {key: round(value.item(), 4) for key, value in results.items() if value.ndim == 0}
    print(f"{name}: {len(results)} results, {scalars}")


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    make_resnet(4, (), (64, 96))
    make_resnet(2, (4,), (HEIGHT, WIDTH))
    make_resnet(1, (3, 4), (24, 16))
    make_gaff()
    make_pspnet((4, 6))
    make_pspnet((5, 7))
    make_losses()
    make_teacher_step()
    make_distill_step("distill_step_c4", "c4", (1.0, 1.0))
    make_distill_step("distill_step_c5", "c5", (0.5, 5.0))
    make_native_student()
