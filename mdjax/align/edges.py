"""Edges that cameras of different light have in common: their directions."""

import cv2
import numpy as np
from jaxtyping import Float32, Shaped

# Of the mean gradient: edges that are far stronger count hardly more.
_SATURATION = 2.0
_BLUR_PX = 1.0

Edges = Float32[np.ndarray, "2 h w"]
"""Cosine and sine of twice the direction, times a strength in [0, 1); 0 where there is no edge.

Twice the direction is the same for an edge from dark to bright and for one from bright to dark,
which heat and light often exchange.
"""


def to_grey(image: Shaped[np.ndarray, "h w *c"]) -> Float32[np.ndarray, "h w"]:
    """Bring an image of any kind to one channel of float32."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image
    return grey.astype(np.float32)


def compute_edges(grey: Float32[np.ndarray, "h w"]) -> Edges:
    """Compute the edges of an image, alike for every contrast and brightness."""
    smooth = cv2.GaussianBlur(grey, (0, 0), _BLUR_PX)
    across, down = (cv2.Scharr(smooth, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    squared = across * across + down * down
    strength = np.sqrt(squared)
    # (cos 2a, sin 2a) = (x² - y², 2xy) / (x² + y²)
    weight = 1 / np.maximum(
        squared + _SATURATION * max(float(strength.mean()), 1e-6) * strength, 1e-6
    )
    return np.stack([(across * across - down * down) * weight, 2 * across * down * weight])
