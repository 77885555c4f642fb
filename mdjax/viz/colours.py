"""Colours of classes in pictures."""

import colorsys
from collections.abc import Sequence

Palette = Sequence[tuple[int, int, int]]
"""Colours in RGB by class id."""

IGNORED_COLOUR = (128, 128, 128)

# Chosen to stay apart from each other; the first is the background's.
_DISTINCT_COLOURS: Palette = (
    (0, 0, 0),
    (64, 96, 224),
    (230, 60, 60),
    (60, 180, 75),
    (250, 200, 40),
    (160, 90, 200),
    (70, 200, 210),
    (245, 130, 48),
    (240, 120, 190),
)


def create_palette(num_classes: int) -> Palette:
    """Return a colour for each class of a label map; class 0 is black."""
    if num_classes <= len(_DISTINCT_COLOURS):
        return _DISTINCT_COLOURS[:num_classes]
    return [(0, 0, 0), *compute_hues(num_classes - 1)]


def compute_hues(num_colours: int) -> Palette:
    """Return colours at equal distances around the circle of hues, red first."""
    hues = (index / num_colours for index in range(num_colours))
    colours = [colorsys.hsv_to_rgb(hue, 0.75, 0.95) for hue in hues]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in colours]
