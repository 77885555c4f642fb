"""A simplified network as StableHLO: one file that JAX runs on any device, without mdjax."""

from typing import Any

import jax
from jax import export

from mdjax.export.deployment import Deployment
from mdjax.export.interface import answer_by_name
from mdjax.export.simplification import simplify

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

    def run(*images: Any) -> dict[str, jax.Array]:
        return answer_by_name(deployment, graph(*images))

    exported = export.export(jax.jit(run), platforms=PLATFORMS)(*deployment.list_shapes(batch_size))
    return bytes(exported.serialize())
