"""Draws polygons into a map of part numbers, from which both images and all labels are read.

The map has 3 × 3 samples a pixel. Images average the nine samples (no jagged edges); labels take
the sample at the pixel's centre, so masks are exact and need no rule for mixed pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Int16, Int64, UInt8, UInt16

from mdjax.scenes.parts import Outline, Surface, Thing

SAMPLES = 3
_FRACTION_BITS = 4
_LIMIT_PX = 100_000.0


class PartMap(NamedTuple):
    """Which part covers each sample."""

    centre_ids: Int16[np.ndarray, "h w"]
    """Part at each pixel's centre."""
    mixed_pixels: Int64[np.ndarray, " m"]
    """Flat indices of the pixels whose samples differ."""
    mixed_ids: Int16[np.ndarray, "9 m"]
    """Their samples."""
    surfaces: list[Surface]
    thing_of_part: list[int]
    num_full_pixels: list[int]
    """By thing: pixels inside the image if nothing stood in front (0 for unlabelled things)."""


class Instances(NamedTuple):
    """Labels and boxes of what can be seen."""

    labels_u8: UInt8[np.ndarray, "h w"]
    instances_u16: UInt16[np.ndarray, "h w"]
    boxes_xyxy_px: Float32[np.ndarray, "n 4"]
    box_class_ids: UInt8[np.ndarray, " n"]
    occlusion: Float32[np.ndarray, " n"]


def draw_part_map(things: Sequence[Thing], image_size_hw: tuple[int, int]) -> PartMap:
    """Paint the parts one over the other; part number 0 means that nothing was drawn."""
    height, width = image_size_hw
    part_ids = np.zeros((SAMPLES * height, SAMPLES * width), np.int16)
    centres = part_ids[SAMPLES // 2 :: SAMPLES, SAMPLES // 2 :: SAMPLES]
    surfaces = [Surface((0.0, 0.0, 0.0), 0.0)]
    thing_of_part = [-1]
    num_full_pixels = [0] * len(things)
    outlines = [outline for thing in things for part in thing.parts for outline in part.outlines]
    pixels = _to_fixed_point(outlines, image_size_hw)
    start = 0
    for index, thing in enumerate(things):
        first_part, first_outline = len(surfaces), start
        for part in thing.parts:
            stop = start + len(part.outlines)
            cv2.fillPoly(part_ids, pixels[start:stop], len(surfaces), shift=_FRACTION_BITS)
            surfaces.append(part.surface)
            thing_of_part.append(index)
            start = stop
        if thing.class_id:
            rows, columns = _find_window(pixels[first_outline:start], centres.shape)
            num_full_pixels[index] = int((centres[rows, columns] >= first_part).sum())
    centre_ids = np.ascontiguousarray(centres)
    mixed_pixels, mixed_ids = _find_mixed(part_ids, centre_ids)
    return PartMap(centre_ids, mixed_pixels, mixed_ids, surfaces, thing_of_part, num_full_pixels)


def _find_mixed(
    part_ids: Int16[np.ndarray, "h3 w3"], centre_ids: Int16[np.ndarray, "h w"]
) -> tuple[Int64[np.ndarray, " m"], Int16[np.ndarray, "9 m"]]:
    """Pixels on the edge between parts, with all their samples."""
    shifts = [(i, j) for i in range(SAMPLES) for j in range(SAMPLES)]
    samples = [part_ids[i::SAMPLES, j::SAMPLES] for i, j in shifts]
    is_mixed = np.zeros(centre_ids.shape, bool)
    for sample in samples:
        is_mixed |= sample != centre_ids
    mixed_ids = np.stack([sample[is_mixed] for sample in samples])
    return np.flatnonzero(is_mixed), mixed_ids


def _to_fixed_point(outlines: list[Outline], image_size_hw: tuple[int, int]) -> list[np.ndarray]:
    """Image heights to sample coordinates with `_FRACTION_BITS` binary places."""
    if not outlines:
        return []
    height, width = image_size_hw
    samples = np.concatenate(outlines) * (SAMPLES * height)
    samples[:, 0] += 0.5 * SAMPLES * width
    samples = np.clip(samples - 0.5, -_LIMIT_PX, _LIMIT_PX)
    fixed = np.rint(samples * 2**_FRACTION_BITS).astype(np.int32)
    stops = np.cumsum([len(outline) for outline in outlines]).tolist()
    return [fixed[start:stop] for start, stop in zip([0, *stops[:-1]], stops, strict=True)]


def _find_window(pixels: list[np.ndarray], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the image that the outlines can touch."""
    points = np.concatenate(pixels) / (SAMPLES * 2.0**_FRACTION_BITS)
    left, top = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
    right, bottom = np.maximum(np.ceil(points.max(axis=0)).astype(int) + 2, 0)
    return slice(top, min(bottom, shape[0])), slice(left, min(right, shape[1]))


def average_samples(
    part_map: PartMap, values: Float32[np.ndarray, "p c"]
) -> Float32[np.ndarray, "h w c"]:
    """Look a value up for every sample and average the samples of each pixel."""
    flat = np.take(values, part_map.centre_ids.ravel(), axis=0)
    flat[part_map.mixed_pixels] = np.take(values, part_map.mixed_ids, axis=0).mean(axis=0)
    return flat.reshape(*part_map.centre_ids.shape, values.shape[1])


def read_instances(part_map: PartMap, things: Sequence[Thing]) -> Instances:
    """Labels, and for every thing of a class that shows at least one pixel its tight box.

    A box is (left, top, right, bottom) in continuous pixels: a single pixel (x, y) gives
    (x, y, x + 1, y + 1). Occlusion is the share of the thing's pixels inside the image that
    nearer things hide.
    """
    centres = part_map.centre_ids
    class_of_thing = np.array([thing.class_id for thing in things] + [0], np.uint8)
    thing_of_part = np.array(part_map.thing_of_part)
    labels_u8 = np.take(class_of_thing[thing_of_part], centres)
    num_pixels = np.bincount(np.take(thing_of_part, centres).ravel() + 1, minlength=len(things) + 1)
    seen = [i for i in range(len(things)) if class_of_thing[i] and num_pixels[i + 1]]
    number_of_thing = np.zeros(len(things) + 1, np.uint16)
    number_of_thing[seen] = np.arange(1, len(seen) + 1)
    instances_u16 = np.take(number_of_thing[thing_of_part], centres)
    boxes_xyxy_px = np.zeros((len(seen), 4), np.float32)
    occlusion = np.zeros(len(seen), np.float32)
    for row, index in enumerate(seen):
        left, top, width, height = cv2.boundingRect((instances_u16 == row + 1).view(np.uint8))
        boxes_xyxy_px[row] = left, top, left + width, top + height
        occlusion[row] = 1 - num_pixels[index + 1] / part_map.num_full_pixels[index]
    return Instances(labels_u8, instances_u16, boxes_xyxy_px, class_of_thing[seen], occlusion)
