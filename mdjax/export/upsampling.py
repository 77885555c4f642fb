"""What a convolution of an enlarged image is as a map of the small one, along each axis."""

from dataclasses import dataclass

import numpy as np

from mdjax.export.convolution import Convolution
from mdjax.export.graph import Value
from mdjax.export.splitting import Makers
from mdjax.ops.operator import PREFIX
from mdjax.ops.resize import compute_bilinear_weights


@dataclass(frozen=True)
class Axis:
    """Rows or columns of a small image that is enlarged bilinearly and then convolved.

    Attributes:
        length: Of the small image.
        enlarged: Of the enlarged one.
        output: Of the result.
        kernel: Taps.
        stride: Of the convolution.
        dilation: Of the taps.
        padding: Zeros before the enlarged image.
    """

    length: int
    enlarged: int
    output: int
    kernel: int
    stride: int
    dilation: int
    padding: int

    def find_position(self, output: int, tap: int) -> int:
        """Return where in the enlarged image a tap reads, which may be beyond its border."""
        return output * self.stride - self.padding + tap * self.dilation

    def compute_tap_weights(self) -> np.ndarray:
        """Compute what each small value adds to what each tap reads: [tap, output, length]."""
        weights = compute_bilinear_weights(self.length, self.enlarged)
        taps = np.zeros((self.kernel, self.output, self.length))
        for tap in range(self.kernel):
            for output in range(self.output):
                position = self.find_position(output, tap)
                if 0 <= position < self.enlarged:
                    taps[tap, output] = weights[position]
        return taps


@dataclass(frozen=True)
class Enlarged:
    """A convolution of a small image that is enlarged bilinearly.

    Attributes:
        part: The convolution.
        source: The small image.
        rows: Of the images.
        columns: Of the images.
    """

    part: Convolution
    source: Value
    rows: Axis
    columns: Axis


def find_enlarged(part: Convolution, makers: Makers) -> Enlarged | None:
    """Return what is known of a convolution, if it is one of an enlarged image."""
    maker = makers.get(part.image)
    if maker is None or maker.kind != f"{PREFIX}resize_bilinear":
        return None
    params = part.params
    (source,) = maker.inputs
    is_plain = params["batch_group_count"] == 1 and set(params["lhs_dilation"]) == {1}
    if not is_plain or not isinstance(source, Value) or source.shape == part.image.shape:
        return None
    rows, columns = (
        Axis(
            source.shape[1 + axis],
            part.image.shape[1 + axis],
            part.operation.output.shape[1 + axis],
            part.kernel_hwio.shape[axis],
            params["window_strides"][axis],
            params["rhs_dilation"][axis],
            params["padding"][axis][0],
        )
        for axis in (0, 1)
    )
    return Enlarged(part, source, rows, columns)
