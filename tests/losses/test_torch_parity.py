"""Losses and their gradients agree with the independent PyTorch twin of `tests/golden`."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from mdjax.losses import distillation, guidance, segmentation
from mdjax.losses.distillation import (
    compute_focal_mask,
)
from mdjax.ops.masks import compute_foreground_mask
from mdjax.types import GuidanceLogits
from tests.golden.linen import find_mismatches, to_nchw, to_nhwc
from tests.golden.numbers import create_images, load_golden, random_normal, random_uniform
from tests.losses.values import take_value

pytestmark = pytest.mark.slow

attention_transfer_loss = take_value(distillation.attention_transfer_loss)
focal_mse_loss = take_value(distillation.focal_mse_loss)
mse_loss = take_value(distillation.mse_loss)
guidance_inter_loss = take_value(guidance.guidance_inter_loss)
guidance_intra_loss = take_value(guidance.guidance_intra_loss)
cross_entropy_loss = take_value(segmentation.cross_entropy_loss)


LABELS = create_images("losses", 2, 32, 48)["labels"]


def create_normal(name: str, channels: int, height: int = 4, width: int = 6) -> jax.Array:
    return to_nhwc(random_normal(f"losses/{name}", (2, channels, height, width)))


def check(names: dict[str, Any]) -> None:
    """Compare results with the entries of the golden file that have these names."""
    golden = load_golden("losses")
    chosen = {name: golden[name] for name in names}
    results = {name: to_nchw(v) if jnp.ndim(v) == 4 else v for name, v in names.items()}
    assert find_mismatches(chosen, results, lambda _: 2e-5) == {}


def test_cross_entropy_agrees_with_twin() -> None:
    logits = 3 * create_normal("logits", 9, 32, 48)
    loss, gradient = jax.value_and_grad(cross_entropy_loss)(logits, LABELS)
    check({"cross_entropy": loss, "cross_entropy/grad0": gradient})


def test_guidance_agrees_with_twin() -> None:
    guidance = GuidanceLogits(
        intra_visible=create_normal("intra_visible", 1),
        intra_thermal=create_normal("intra_thermal", 1),
        inter=create_normal("inter", 2),
    )
    foreground = compute_foreground_mask(LABELS, (4, 6))
    intra, intra_gradient = jax.value_and_grad(guidance_intra_loss)(guidance, foreground)
    inter, inter_gradient = jax.value_and_grad(guidance_inter_loss)(guidance, foreground)
    check(
        {
            "foreground": foreground,
            "intra": intra,
            "intra/grad0": intra_gradient.intra_visible,
            "intra/grad1": intra_gradient.intra_thermal,
            "inter": inter,
            "inter/grad0": inter_gradient.inter,
        }
    )


def test_attention_transfer_agrees_with_twin() -> None:
    student, teacher = (
        to_nhwc(random_uniform(f"losses/{who}_mask", (2, 1, 4, 6)))
        for who in ("student", "teacher")
    )
    loss, gradient = jax.value_and_grad(attention_transfer_loss)(student, teacher)
    check({"attention": loss, "attention/grad0": gradient})


def test_semantic_transfer_agrees_with_twin() -> None:
    """F-MSE with mean and sum in the softmax, with and without gradient through the mask; MSE."""
    student, teacher = create_normal("student", 32), create_normal("teacher", 32)
    mse, mse_gradient = jax.value_and_grad(mse_loss)(student, teacher)
    results = {"mse": mse, "mse/grad0": mse_gradient}
    for reduction in ("mean", "sum"):
        results[f"focal_mask_{reduction}"] = compute_focal_mask(student, teacher, reduction)[..., 0]
        for mask_gradient in (False, True):

            def compute_loss(
                features: jax.Array,
                reduction: Any = reduction,
                mask_gradient: bool = mask_gradient,
            ) -> Any:
                return focal_mse_loss(
                    features, teacher, mask_reduction=reduction, mask_gradient=mask_gradient
                )

            loss, gradient = jax.value_and_grad(compute_loss)(student)
            name = f"focal_mse_{reduction}_{mask_gradient}"
            results |= {name: loss, f"{name}/grad0": gradient}
    check(results)
