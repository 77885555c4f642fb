"""Anchors: the boxes that a detector chooses from and moves."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mdjax.types import MdjaxError


@dataclass(frozen=True)
class AnchorOptions:
    """Sizes of the anchors; the defaults suit pedestrians at 640x512.

    Attributes:
        base_heights_px: Smallest height on each pyramid level, finest level first.
        octave_scales: Each anchor is repeated at these multiples of the base height.
        width_over_height: Each anchor is repeated with these shapes.
    """

    base_heights_px: tuple[float, ...] = (40, 80, 160)
    # Lin et al., RetinaNet, ICCV 2017.
    octave_scales: tuple[float, ...] = (1, 2 ** (1 / 3), 2 ** (2 / 3))
    # The mean pedestrian: Dollár et al., *Pedestrian Detection*, TPAMI 2012.
    width_over_height: tuple[float, ...] = (0.41,)

    @property
    def num_per_cell(self) -> int:
        """Number of anchors at each position of each level."""
        return len(self.octave_scales) * len(self.width_over_height)


def create_anchors(
    options: AnchorOptions,
    feature_sizes_hw: Sequence[tuple[int, int]],
    image_size_hw: tuple[int, int],
) -> Float[np.ndarray, "a 4"]:
    """Lay anchors over the image, centred in the middle of each feature cell.

    They may reach beyond the image.

    Args:
        options: Sizes.
        feature_sizes_hw: Height and width of the feature map of each level, finest first.
        image_size_hw: Height and width of the image in pixels.

    Returns:
        Boxes (left, top, right, bottom) in pixels, float32; ordered by level, row, column, octave
        scale, shape, from slowest to fastest.

    Raises:
        MdjaxError: An option is empty or not positive, or there are not as many levels as base
            heights.
    """
    _check(options, feature_sizes_hw, image_size_hw)
    levels = []
    for base_height, (rows, columns) in zip(options.base_heights_px, feature_sizes_hw, strict=True):
        center_y = (np.arange(rows) + 0.5) * image_size_hw[0] / rows
        center_x = (np.arange(columns) + 0.5) * image_size_hw[1] / columns
        shapes = itertools.product(options.octave_scales, options.width_over_height)
        sizes = base_height * np.array([(scale * ratio, scale) for scale, ratio in shapes])
        centers = np.stack(np.meshgrid(center_x, center_y), axis=-1)[:, :, None]
        levels.append(np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1))
    return np.concatenate([level.reshape(-1, 4) for level in levels]).astype(np.float32)


def _check(
    options: AnchorOptions,
    feature_sizes_hw: Sequence[tuple[int, int]],
    image_size_hw: tuple[int, int],
) -> None:
    named = {
        "base_heights_px": options.base_heights_px,
        "octave_scales": options.octave_scales,
        "width_over_height": options.width_over_height,
    }
    wrong = {
        name: values
        for name, values in named.items()
        if not values or not all(np.isfinite(value) and value > 0 for value in values)
    }
    if wrong:
        listed = ", ".join(f"{name} = {values}" for name, values in wrong.items())
        raise MdjaxError(f"Anchors need one or more sizes > 0 in every option, not {listed}.")
    if len(feature_sizes_hw) != len(options.base_heights_px):
        raise MdjaxError(
            f"base_heights_px = {options.base_heights_px} names {len(options.base_heights_px)} "
            f"pyramid levels, but the network has {len(feature_sizes_hw)}: give one per level."
        )
    if min(image_size_hw) < 1 or any(min(size) < 1 for size in feature_sizes_hw):
        raise MdjaxError(
            f"An image of {image_size_hw} pixels (height, width) leaves feature maps of "
            f"{list(feature_sizes_hw)}: give a larger image."
        )
