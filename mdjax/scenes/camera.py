"""The pinhole camera that looks along the road, and the units of every drawing.

World coordinates in metres: x to the right, up from the road, z ahead (depth). Image coordinates
in image heights: x from the image's centre, y from its top. So a scene is the same picture at every
size; a wider image only shows more at its sides.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

Metres = float | Float[np.ndarray, "..."]


@dataclass(frozen=True)
class Camera:
    """A camera above the road; `bend` turns the road ahead to one side."""

    horizon: float
    """Height of the horizon, in image heights from the top."""
    vanishing_x: float
    """Where a straight road would vanish, in image heights from the centre."""
    focal: float
    """Focal length in image heights."""
    height_m: float
    bend: float
    """Sideways shift of the ground in 1 / metre: x shifts by bend · z²."""

    def project(self, x_m: Metres, up_m: Metres, z_m: Metres) -> Float[np.ndarray, "... 2"]:
        """Project world points (broadcast against each other) to image heights.

        x = x_v + f (X + bend Z²) / Z,  y = y_h + f (h − U) / Z.
        """
        scale = self.focal / np.asarray(z_m, np.float64)
        x = self.vanishing_x + scale * (x_m + self.bend * np.square(z_m))
        y = self.horizon + scale * (self.height_m - up_m)
        points = np.empty((*np.broadcast(x, y).shape, 2))
        points[..., 0] = x
        points[..., 1] = y
        return points
