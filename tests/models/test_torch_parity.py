"""Networks agree with the independent PyTorch twin of `tests/golden`, gradients included.

Both compute in float64: in float32, rounding decides on which side of a kink a ReLU stands, another
one on each processor. Losses and masks are float32 in ours, whatever the compute type; that is what
the tolerance leaves room for. Errors are norms of differences relative to norms.
"""

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp
import pytest

from mdjax.losses.guidance import guidance_inter_loss, guidance_intra_loss
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.fusion.gaff import Gaff
from mdjax.models.networks import ImageLevel
from mdjax.ops.anchors import AnchorOptions
from mdjax.ops.masks import compute_foreground_mask
from tests.golden.linen import (
    create_variables,
    find_mismatches,
    to_nchw,
    to_nhwc,
    to_results,
)
from tests.golden.numbers import create_images, load_golden, random_normal
from tests.models.factories import create_detection_head, create_fpn, create_head, create_part

BATCH, HEIGHT, WIDTH = 2, 32, 48

pytestmark = [pytest.mark.usefixtures("float64"), pytest.mark.slow]


def create_backbone(stem_stride: Literal[1, 2, 4] = 2, output_stride: int = 8) -> ResNetConfig:
    return ResNetConfig(0.125, stem_stride, output_stride, compute_dtype="float64")


def tolerance(name: str) -> float:
    """A few roundings of float32."""
    del name
    return 2e-6


def apply(module: Any, *arguments: Any, **options: Any) -> Any:
    """`module.apply` without its union of return types."""
    return module.apply(*arguments, **options)


def create_normal(name: str, *shape: int) -> jax.Array:
    """A named input of the twin, NCHW there and NHWC here."""
    return to_nhwc(random_normal(name, shape))


def project(name: str, value: jax.Array) -> jax.Array:
    """Mean product with named normal numbers: a loss that every output value enters."""
    b, h, w, c = value.shape
    return jnp.mean(value * create_normal(name, b, c, h, w))


@pytest.mark.parametrize(
    ("stem_stride", "output_stride", "size_hw"),
    [(4, 32, (64, 96)), (2, 8, (32, 48)), (1, 2, (24, 16))],
)
def test_resnet18_agrees_with_twin(
    stem_stride: Literal[1, 2, 4], output_stride: int, size_hw: tuple[int, int]
) -> None:
    """Standard, without max-pool and one stage dilated, without strided stem and two dilated."""
    num_dilated = {8: 0, 4: 1, 2: 2}[output_stride // stem_stride]
    name = f"resnet18_stem{stem_stride}_dilated{num_dilated}"
    options = create_backbone(stem_stride, output_stride)
    backbone, trunk = create_part(options, 2, 4), create_part(options, 5, 5)
    images = create_normal(f"{name}/images", BATCH, 3, *size_hw)
    c4 = jnp.zeros((BATCH, 4, 4, options.get_channels(4)))
    first = create_variables("resnet18", backbone.init, images, train=False)
    second = create_variables("resnet18", trunk.init, c4, train=False)

    def run(first_params, second_params):
        outputs = {}
        for key, train in (("eval", False), ("train", True)):
            features, updates = apply(
                backbone,
                {**first, "params": first_params},
                images,
                train=train,
                mutable=["batch_stats"],
            )
            of_trunk, more = apply(
                trunk,
                {**second, "params": second_params},
                features["c4"],
                train=train,
                mutable=["batch_stats"],
            )
            levels = features | of_trunk
            outputs |= {f"{key}/c{level}": levels[f"c{level}"] for level in (3, 4, 5)}
        loss = sum(project(f"{name}/c{i}", outputs[f"train/c{i}"]) for i in (3, 4, 5))
        return loss, (outputs, {**updates["batch_stats"], **more["batch_stats"]})

    step = jax.jit(jax.value_and_grad(run, argnums=(0, 1), has_aux=True))
    (loss, (outputs, statistics)), gradients = step(first["params"], second["params"])
    results = {key: to_nchw(value) for key, value in outputs.items()}
    results |= to_results("grad", {**gradients[0], **gradients[1]})
    results |= {"loss": loss, **to_results("stats", statistics)}
    assert find_mismatches(load_golden(name), results, tolerance) == {}


def test_gaff_agrees_with_twin() -> None:
    """Fused features, masks, logits, guidance losses and all gradients."""
    gaff = Gaff(jnp.float64)
    visible, thermal = (
        create_normal(f"gaff/{key}", BATCH, 32, 4, 6) for key in ("visible", "thermal")
    )
    labels = create_images("gaff", BATCH, HEIGHT, WIDTH)["labels"]
    variables = create_variables("gaff", gaff.init, visible, thermal)

    def run(params, visible, thermal):
        fused = apply(gaff, {"params": params}, visible, thermal)
        foreground = compute_foreground_mask(labels, (4, 6))
        intra = guidance_intra_loss(fused.guidance, foreground).value
        inter = guidance_inter_loss(fused.guidance, foreground).value
        loss = intra + inter + project("gaff/fused", fused.features)
        return loss + project("gaff/mask", fused.mask), (fused, intra, inter)

    step = jax.jit(jax.value_and_grad(run, argnums=(0, 1, 2), has_aux=True))
    (loss, (fused, intra, inter)), gradients = step(variables["params"], visible, thermal)
    results = {
        "loss": loss,
        "intra": intra,
        "inter": inter,
        "fused": to_nchw(fused.features),
        "mask": to_nchw(fused.mask),
        "intra_visible": to_nchw(fused.guidance.intra_visible),
        "intra_thermal": to_nchw(fused.guidance.intra_thermal),
        "inter_logits": to_nchw(fused.guidance.inter),
        "grad/visible": to_nchw(gradients[1]),
        "grad/thermal": to_nchw(gradients[2]),
        **to_results("grad", gradients[0]),
    }
    assert find_mismatches(load_golden("gaff"), results, tolerance) == {}


@pytest.mark.parametrize("grid", [(4, 6), (5, 7)])
def test_pspnet_agrees_with_twin(grid: tuple[int, int]) -> None:
    """Grids that the bins do not divide, one of them with fewer rows than bins."""
    name = f"pspnet_{grid[0]}x{grid[1]}"
    head = create_head(create_backbone(), dropout_rate=0.0)
    features = create_normal(f"{name}/features", BATCH, 64, *grid)
    size_hw = (8 * grid[0], 8 * grid[1])

    def init(key: jax.Array, c5: jax.Array):
        return head.init(key, {"c5": c5}, size_hw, train=False)

    variables = create_variables("pspnet", init, features)

    def run(params, c5):
        leaves = {**variables, "params": params}
        before = apply(head, leaves, {"c5": c5}, size_hw, train=False)
        after, updates = apply(
            head, leaves, {"c5": c5}, size_hw, train=True, mutable=["batch_stats"]
        )
        return project(f"{name}/projection", after), (before, after, updates["batch_stats"])

    step = jax.jit(jax.value_and_grad(run, argnums=(0, 1), has_aux=True))
    (loss, (before, after, statistics)), gradients = step(variables["params"], features)
    results = {
        "loss": loss,
        "eval/prediction": to_nchw(before),
        "train/prediction": to_nchw(after),
        "grad/features": to_nchw(gradients[1]),
        **to_results("grad", gradients[0]),
        **to_results("stats", statistics),
    }
    assert find_mismatches(load_golden(name), results, tolerance) == {}


def test_retinanet_agrees_with_twin() -> None:
    """FPN and head on grids of odd sizes; anchors, statistics and all gradients."""
    backbone = create_backbone()
    head = create_detection_head(backbone, 2, AnchorOptions((12, 20, 28)))
    grids = {"c3": (16, 5, 7), "c4": (32, 3, 4), "c5": (64, 2, 2)}
    pyramid = {key: create_normal(f"retinanet/{key}", BATCH, *grid) for key, grid in grids.items()}

    def init(key: jax.Array, pyramid: Any):
        return head.init(key, pyramid, (40, 56), train=False)

    variables = create_variables("retinanet", init, pyramid)

    def run(params, pyramid):
        leaves = {**variables, "params": params}
        levels = apply(create_fpn(backbone), {"params": params["fpn"]}, pyramid)
        before = apply(head, leaves, pyramid, (40, 56), train=False)
        after, updates = apply(head, leaves, pyramid, (40, 56), train=True, mutable=["batch_stats"])
        loss = sum(
            jnp.mean(value * random_normal(f"retinanet/{key}", value.shape))
            for key, value in (
                ("class_logits", after.class_logits),
                ("box_offsets", after.box_offsets),
            )
        )
        return loss, (levels, before, after, updates["batch_stats"])

    step = jax.jit(jax.value_and_grad(run, argnums=(0, 1), has_aux=True))
    (loss, (levels, before, after, statistics)), gradients = step(variables["params"], pyramid)
    results = {
        "loss": loss,
        "eval/class_logits": before.class_logits,
        "eval/box_offsets": before.box_offsets,
        "eval/anchors": before.anchors_xyxy_px,
        "train/class_logits": after.class_logits,
        "train/box_offsets": after.box_offsets,
        **to_results("grad", gradients[0]),
        **to_results("stats", statistics),
    }
    results |= {f"p{i + 3}": to_nchw(level) for i, level in enumerate(levels)}
    results |= {f"grad/{key}": to_nchw(x) for key, x in gradients[1].items()}
    assert find_mismatches(load_golden("retinanet"), results, tolerance) == {}


def test_native_student_agrees_with_twin() -> None:
    """Image-level fusion with running statistics."""
    images = create_images("distill_step", BATCH, HEIGHT, WIDTH)
    pair = to_nhwc(images["visible"]), to_nhwc(images["thermal_camera"])
    backbone = create_backbone()
    student = ImageLevel(backbone, create_head(backbone, dropout_rate=0.0))
    variables = create_variables("student", student.init, *pair, train=False)
    output = jax.jit(functools.partial(apply, student, train=False))(variables, *pair)
    results = {
        "prediction": to_nchw(output.prediction),
        "features": to_nchw(output.features["c4"]),
    }
    assert find_mismatches(load_golden("native_student"), results, tolerance) == {}
