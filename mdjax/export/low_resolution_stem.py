"""Exact rewriting of the first convolution: its thermal part at the resolution of the sensor."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from mdjax.export.convolution import Convolution
from mdjax.export.graph import Graph, Value, extend
from mdjax.export.splitting import Makers, Rewritten, split_convolutions
from mdjax.export.upsampling import Axis, Enlarged, find_enlarged
from mdjax.ops.linear_maps import depth_to_space, separate_border
from mdjax.ops.operator import PREFIX

BORDER_KIND = f"{PREFIX}separate_border"
"""The operation that tells a rewritten network."""

_ROUNDING = 1e-9
"""Of weights in [0, 1], in float64."""


def convolve_at_low_resolution(graph: Graph) -> Graph:
    """Convolve a small image instead of the enlarged one, where another image is read beside it.

    Enlarging by s and convolving with stride t are one linear map, which repeats itself every
    f = s / t outputs: a convolution of the small image with f² times as many channels, one set for
    each phase, which are then put beside each other.

    Beyond the border the enlarged image is 0, so that the map is another one there. What changes
    depends on the outermost small pixels alone: the small image is continued by one pixel, in
    channels of their own, whose kernels make up the difference (`separate_border`).

    Rewritten are images of one channel beside which another one is read, enlarged by a multiple of
    the stride, the same along rows and columns; all others stay.
    """
    return split_convolutions(graph, _rewrite)


@dataclass(frozen=True)
class _Phases:
    """What small pixels add to the outputs of a block, for each tap, along one axis.

    Attributes:
        count: Outputs of a block: phases.
        first: Offset of the first small pixel that is read, from that of the block.
        weights: Of the pixels in the image, and of those that continue it: [2, tap, phase, pixel].
    """

    count: int
    first: int
    weights: np.ndarray

    @property
    def padding(self) -> tuple[int, int]:
        """Zeros around the continued image, so that there is a block for each small pixel."""
        before = -self.first - 1
        return before, self.weights.shape[3] - 3 - before


def _rewrite(parts: Sequence[Convolution], makers: Makers) -> Rewritten | None:
    if len(parts) < 2:
        return None
    for part in parts:
        enlarged = find_enlarged(part, makers)
        if enlarged is not None and enlarged.source.shape[3] == 1:
            phases = [_find_phases(axis) for axis in (enlarged.rows, enlarged.columns)]
            rows, columns = phases
            if rows is not None and columns is not None and rows.count == columns.count:
                return _convolve_phases(enlarged, rows, columns)
    return None


def _find_phases(axis: Axis) -> _Phases | None:
    """Take the map of an axis apart: what repeats itself, and what is different at the border."""
    scale, rest = divmod(axis.enlarged, axis.length)
    count, rest_of_stride = divmod(scale, axis.stride)
    is_whole = rest == rest_of_stride == 0 and count > 0
    if not is_whole or axis.length < 2 or axis.output != count * axis.length:
        return None
    centres = np.asarray(
        [
            [(axis.find_position(phase, tap) + 0.5) / scale - 0.5 for phase in range(count)]
            for tap in range(axis.kernel)
        ]
    )
    first, last = math.floor(centres.min()), math.floor(centres.max()) + 1
    outputs = np.arange(axis.output)
    blocks, phases = outputs // count, outputs % count
    distances = centres[:, phases, None] + blocks[:, None] - np.arange(axis.length)
    border = axis.compute_tap_weights() - np.maximum(0.0, 1.0 - np.abs(distances))
    border[np.abs(border) < _ROUNDING] = 0
    if np.any(border[:, :, 1:-1]):
        return None
    # An outermost pixel, and where its continuation beyond the border is from a block of outputs.
    changes = [
        (pixel, int(output), int(continued - blocks[output]))
        for pixel, continued in ((0, -1), (axis.length - 1, axis.length))
        for output in np.flatnonzero(np.any(border[:, :, pixel], axis=0))
    ]
    offsets = [offset for _, _, offset in changes]
    first, last = min(first, -1, *offsets), max(last, 1, *offsets)
    weights = np.zeros((2, axis.kernel, count, last - first + 1))
    weights[0] = np.maximum(0.0, 1.0 - np.abs(centres[:, :, None] - np.arange(first, last + 1)))
    for pixel, output, offset in changes:
        weights[1, :, phases[output], offset - first] = border[:, output, pixel]
    return _Phases(count, first, weights)


def _convolve_phases(x: Enlarged, rows: _Phases, columns: _Phases) -> Rewritten:
    """Convolve the small image for all phases, and put these beside each other."""
    kernel = np.einsum(
        "xyo,axfd,byge->deabfgo",
        x.part.kernel_hwio[:, :, 0].astype(np.float64),
        rows.weights,
        columns.weights,
        optimize=True,
    )
    kernel = kernel.reshape(*kernel.shape[:2], 4, -1).astype(x.part.kernel_hwio.dtype)

    def convolve(image: jax.Array) -> jax.Array:
        phases = jax.lax.conv_general_dilated(
            separate_border(image),
            jnp.asarray(kernel),
            (1, 1),
            (rows.padding, columns.padding),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return depth_to_space(phases, block_size=rows.count) if rows.count > 1 else phases

    operations, output = extend(convolve, [x.source], scope=x.part.operation.scope)
    assert isinstance(output, Value)
    return Rewritten([x.part], operations, output)
