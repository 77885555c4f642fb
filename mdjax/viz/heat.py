"""Maps of weights, such as the F-MSE mask, over an image."""

from collections.abc import Sequence

import cv2
import matplotlib
import numpy as np
from jaxtyping import Float, UInt8

from mdjax.viz.colours import Palette

_HEAT_MAP = "inferno"
_DIMMED = 0.6


def overlay_heat(
    visible_u8: UInt8[np.ndarray, "h w 3"],
    heat: Float[np.ndarray, "h2 w2"],
    *,
    largest: float | None = None,
    alpha: float = 0.9,
) -> UInt8[np.ndarray, "h w 3"]:
    """Lays a map of weights over the dimmed grey image, from clear for 0 to bright for the largest.

    Colour and opacity follow the root of the weight, so that smaller weights are seen too.

    Args:
        visible_u8: The image.
        heat: Weights ≥ 0 on a grid of any size, as the F-MSE mask on the feature grid; drawn as
            even squares, since the loss knows nothing finer.
        largest: Weight that is drawn brightest; by default the largest of this map. Maps that are
            compared need a common one.
        alpha: Share of the colour where the weight is largest, 0 to 1; the scene shows through
            where little is asked.
    """
    height_px, width_px = visible_u8.shape[:2]
    # Of the softmax of F-MSE, one position often has ten times the weight of the next.
    brightest = max(float(heat.max()) if largest is None else largest, np.finfo(np.float32).tiny)
    share = np.sqrt(np.minimum(heat.astype(np.float64) / brightest, 1))
    share = cv2.resize(share, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    colours = matplotlib.colormaps[_HEAT_MAP](share)[..., :3] * 255
    grey = _DIMMED * cv2.cvtColor(visible_u8, cv2.COLOR_RGB2GRAY)[..., None]
    opacity = alpha * share[..., None]
    return np.rint((1 - opacity) * grey + opacity * colours).astype(np.uint8)


def get_heat_colours(shares: Sequence[float]) -> Palette:
    """Return the colours of some weights, for a legend; those are shares of the brightest."""
    colours = matplotlib.colormaps[_HEAT_MAP](np.sqrt(np.asarray(shares)))[:, :3] * 255
    return [(round(r), round(g), round(b)) for r, g, b in colours.tolist()]
