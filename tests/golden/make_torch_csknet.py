"""Make the golden file of CSK-Net's distillation with the PyTorch twin, in float64.

    python -m tests.golden.make_torch_csknet      (about 5 s; torch 2.13.0; from the project root)

See `make_torch_twin.py`. Nothing here reads the JAX code.
"""
# pyright: reportMissingImports=false

import torch

from tests.golden.make_torch_twin import (
    BATCH,
    HEIGHT,
    WIDTH,
    RunningStatistics,
    compute_gradients,
    create_module,
    get_gradient,
    save,
)
from tests.golden.numbers import CSK_SETTINGS, create_images
from tests.golden.torch_csk_losses import (
    compute_contrast,
    compute_divergence,
    compute_penalty,
    take_centres,
)
from tests.golden.torch_csknet import BOTH, THRESHOLD, CskNet, Projector, VisibleOnly
from tests.golden.torch_losses import compute_cross_entropy, compute_mse

BASE = 4  # 64 channels at width 0.0625
GRID = (HEIGHT // 8, WIDTH // 8)


def require_exchange(network: CskNet) -> None:
    """The scales test the rule in each block: both branches take channels, and both keep some.

    Raises:
        ValueError: They do not.
    """
    for scales in zip(*(network.list_exchange_scales(branch) for branch in BOTH), strict=True):
        given_up = [scale.abs() < THRESHOLD for scale in scales]
        if not all(part.any() and not part.all() for part in given_up):
            raise ValueError("a branch takes no channels, or all of them: choose other numbers")


def require_rare_classes(labels: torch.Tensor) -> None:
    """Of the pixels that are compared, each image lacks a class, and one has none for some.

    Raises:
        ValueError: They do not test that.
    """
    if (labels == 255).sum() == 0 or any(len(image.unique()) > 8 for image in labels):
        raise ValueError("no pixel without a class, or no class without pixels")


def make_csk_step() -> None:
    """One step with a frozen visible teacher: three cross-entropies and all terms of CSK-Net.

    The contrast compares all positions, so that no random number decides.
    """
    images = create_images("csk_step", BATCH, HEIGHT, WIDTH)
    network = create_module(CskNet(BASE), "csknet")
    projector = create_module(Projector(8 * BASE, CSK_SETTINGS["projected_channels"]), "projector")
    teacher = create_module(VisibleOnly(BASE), "visible_teacher")
    assert isinstance(network, CskNet)
    require_exchange(network)
    statistics = RunningStatistics(network)
    visible, thermal = (torch.tensor(images[key]).double() for key in ("visible", "thermal_camera"))
    labels = torch.tensor(images["labels"])
    with torch.no_grad():
        target = teacher.eval()(visible)
    out = network.train()(visible, thermal)

    scales = {branch: network.list_exchange_scales(branch) for branch in BOTH}
    task = {
        f"task_{branch}": compute_cross_entropy(out[f"{branch}_prediction"], labels)
        for branch in (*BOTH, "fused")
    }
    temperature = CSK_SETTINGS["temperature"]
    divergence = compute_divergence(
        out["visible_prediction"], target["prediction"], labels, temperature
    )
    features = compute_mse(out["visible_c2"], target["c2"])
    centres = take_centres(labels, GRID)
    require_rare_classes(centres)
    contrast = compute_contrast(
        projector(out),
        centres.repeat(1, 3),
        CSK_SETTINGS["contrast_temperature"],
        CSK_SETTINGS["hard_share"],
    )
    penalty = compute_penalty(scales["visible"], scales["thermal"])
    total = (
        sum(task.values(), torch.zeros(()))
        + CSK_SETTINGS["distillation_weight"] * (divergence + features)
        + CSK_SETTINGS["contrast_weight"] * contrast
        + CSK_SETTINGS["exchange_weight"] * penalty
    )
    results = {**task, "divergence": divergence, "features": features, "contrast": contrast}
    results |= {"penalty": penalty, "total": total, **out}
    results |= {f"teacher_{key}": x for key, x in target.items()}
    for branch in BOTH:
        given_up = torch.cat(scales[branch]).abs() < THRESHOLD
        results[f"exchanged_{branch}"] = given_up.double().mean()
    results |= compute_gradients(total, network)
    for name, leaf in projector.named_parameters():
        results[f"grad/projector.{name}"] = get_gradient(leaf)
    save("csk_step", {**results, **statistics.read()})


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    make_csk_step()
