"""Maps of weights, such as the F-MSE mask, over an image."""

import cv2
import matplotlib
import numpy as np
from jaxtyping import Float, UInt8

_HEAT_MAP = "inferno"
_DIMMED = 0.6


def overlay_heat(
    visible_u8: UInt8[np.ndarray, "h w 3"],
    heat: Float[np.ndarray, "h2 w2"],
    *,
    alpha: float = 0.9,
) -> UInt8[np.ndarray, "h w 3"]:
    """Lays a map of weights over the dimmed grey image, from clear for 0 to bright for the largest.

    Colour and opacity follow the root of the weight, so that smaller weights are seen too.

    Args:
        visible_u8: The image.
        heat: Weights ≥ 0 on a grid of any size, as the F-MSE mask on the feature grid; drawn as
            even squares, since the loss knows nothing finer.
        alpha: Share of the colour where the weight is largest, 0 to 1; the scene shows through
            where little is asked.
    """
    height_px, width_px = visible_u8.shape[:2]
    # Of the softmax of F-MSE, one position often has ten times the weight of the next.
    share = np.sqrt(heat.astype(np.float64) / max(float(heat.max()), np.finfo(np.float32).tiny))
    share = cv2.resize(share, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    colours = matplotlib.colormaps[_HEAT_MAP](share)[..., :3] * 255
    grey = _DIMMED * cv2.cvtColor(visible_u8, cv2.COLOR_RGB2GRAY)[..., None]
    opacity = alpha * share[..., None]
    return np.rint((1 - opacity) * grey + opacity * colours).astype(np.uint8)
