"""A simplified network as StableHLO: one file that JAX runs on any device, without mdjax."""

from typing import Any

import jax
from jax import export

from mdjax.export.deployment import Deployment
from mdjax.export.simplification import simplify
from mdjax.ops.nms import compute_nms

PLATFORMS = ("cpu", "cuda", "tpu")


def create_stablehlo(deployment: Deployment, *, low_resolution_stem: bool = False) -> bytes:
    """Simplify a network for any number of images, and serialise it.

    `jax.export.deserialize(bytes).call(visible, thermal)` runs it, with images [b h w c].

    Args:
        deployment: The network.
        low_resolution_stem: As in `simplify`.
    """
    (batch_size,) = export.symbolic_shape("b")
    graph = simplify(deployment, batch_size, low_resolution_stem=low_resolution_stem)[-1].graph
    nms = deployment.head.nms

    def run(*images: Any) -> dict[str, jax.Array]:
        results = graph(*images)
        if nms is None:
            return dict(zip(deployment.output_names, results, strict=True))
        boxes_xyxy_px, scores = results
        return dict(vars(compute_nms(boxes_xyxy_px, scores, nms)))

    exported = export.export(jax.jit(run), platforms=PLATFORMS)(*deployment.list_shapes(batch_size))
    return bytes(exported.serialize())
