"""Small networks, and shapes of large ones without computing them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.heads.fpn import FPN_CHANNELS, Fpn
from mdjax.models.heads.pspnet import PspHead
from mdjax.models.heads.retinanet import RetinaNetHead
from mdjax.models.layers import scale_channels
from mdjax.ops.anchors import AnchorOptions
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from tests.golden.linen import create_variables as fill_variables

TINY = ResNetConfig(width=0.0625, stem_stride=2, output_stride=8, blocks_per_stage=1)


def create_head(backbone: ResNetConfig, num_classes: int = 9, dropout_rate: float = 0.1) -> PspHead:
    """A head for label maps, as `SegmentationTask` builds it."""
    return SegmentationTask(dropout_rate=dropout_rate).create_head(num_classes, backbone)


def create_detection_head(
    backbone: ResNetConfig, num_classes: int = 1, anchors: AnchorOptions | None = None
) -> RetinaNetHead:
    """A head for boxes, as `DetectionTask` builds it."""
    task = DetectionTask(anchors=anchors or AnchorOptions((8, 16, 32)))
    return task.create_head(num_classes, backbone)


def create_fpn(backbone: ResNetConfig) -> Fpn:
    return Fpn(scale_channels(FPN_CHANNELS, backbone.width), backbone.dtype)


def create_part(backbone: ResNetConfig, first: int, last: int) -> Any:
    """Stages of a backbone; the name matters to nobody at the top."""
    return backbone.create_part(first, last, name="part")


def name_levels(c3: Any, c4: Any, c5: Any) -> dict[str, Any]:
    """Features as a head reads them."""
    return {"c3": c3, "c4": c4, "c5": c5}


def create_pair(batch: int = 1, height: int = 32, width: int = 48) -> tuple[jax.Array, jax.Array]:
    """A visible and a thermal image in [0, 1]."""
    generator = np.random.default_rng(0)
    visible = generator.random((batch, height, width, 3), np.float32)
    thermal = generator.random((batch, height, width, 1), np.float32)
    return jnp.asarray(visible), jnp.asarray(thermal)


def compute_variable_shapes(module: Any, *inputs: Any) -> Any:
    """Shapes and types of a module's variables."""

    def init(*arrays: Any) -> Any:
        return module.init(jax.random.key(0), *arrays, train=False)

    return jax.eval_shape(init, *inputs)


def compute_output_shapes(module: Any, *inputs: Any) -> Any:
    """Shapes and types of a module's outputs."""

    def run(*arrays: Any) -> Any:
        return module.init_with_output(jax.random.key(0), *arrays, train=False)[0]

    return jax.eval_shape(run, *inputs)


def create_variables(module: Any, *inputs: Any) -> Any:
    """Variables of a sensible size, without compiling the initialisers."""
    return fill_variables("module", module.init, *inputs, train=False)


def run(module: Any, variables: Any, *inputs: Any, **options: Any) -> Any:
    """Apply in evaluation mode, compiled."""

    def apply(leaves: Any, *arrays: Any) -> Any:
        return module.apply(leaves, *arrays, train=False, **options)

    return jax.jit(apply)(variables, *inputs)


def count_parameters(variables: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
