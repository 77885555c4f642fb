"""The steps that make an exported network cheaper without changing what it says."""

from dataclasses import dataclass
from typing import Any

from mdjax.export.coarse_grids import CELLS_KIND, convolve_coarse_grids
from mdjax.export.deployment import Deployment
from mdjax.export.folding import fold_after_convolutions, fold_before_convolutions
from mdjax.export.graph import Graph, trace
from mdjax.export.low_resolution_stem import BORDER_KIND, convolve_at_low_resolution
from mdjax.types import MdjaxError


@dataclass(frozen=True)
class Step:
    """A network after one step.

    Attributes:
        name: What the step does.
        graph: The network.
    """

    name: str
    graph: Graph


def simplify(
    deployment: Deployment, batch_size: Any = 1, *, low_resolution_stem: bool = False
) -> list[Step]:
    """Trace a network and simplify it step by step; the last step is what is exported.

    Args:
        deployment: The network.
        batch_size: Images of a batch; may be a symbol.
        low_resolution_stem: Convolve the thermal image at the resolution of its sensor, see
            `convolve_at_low_resolution`.

    Raises:
        MdjaxError: Nothing can be computed at the resolution of the sensor.
    """
    graph = trace(deployment.run, *deployment.list_shapes(batch_size))
    steps = [Step("as trained", graph)]
    graph = fold_after_convolutions(graph)
    steps.append(Step("batch normalisation in the convolutions", graph))
    graph = fold_before_convolutions(graph, input_max=deployment.input_max)
    steps.append(Step("normalisation and one thermal channel in conv1", graph))
    graph = convolve_coarse_grids(graph)
    if _has(graph, CELLS_KIND):
        steps.append(Step("pooled grids convolved before they are enlarged", graph))
    if not low_resolution_stem:
        return steps
    graph = convolve_at_low_resolution(graph)
    if not _has(graph, BORDER_KIND):
        raise MdjaxError(
            "nothing in this network can be computed at the resolution of the thermal sensor: it "
            "must read both images in one convolution, and enlarge the thermal one by 2, 4, 6 and "
            "so on along both sides; omit --low-resolution-stem."
        )
    steps.append(Step("thermal part of conv1 at the sensor's resolution", graph))
    return steps


def _has(graph: Graph, kind: str) -> bool:
    return any(operation.kind == kind for operation in graph.operations)
