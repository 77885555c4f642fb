"""Boxes of objects: from records through the augmentation into batches."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mdjax.data.geometry import Augmentation, Geometry, sample_geometry
from mdjax.data.truth import SizeHw, get_name
from mdjax.types import MdjaxError, Objects

# Shares of one object's area that a crop must hold, one of which is drawn for each sample; 0: any
# crop will do. After the random crops of SSD (Liu et al. 2016), which draws a minimum IoU of crop
# and object instead: an object much smaller than the crop never reaches a large IoU with it, and
# pedestrians are small.
_MIN_SHARES = (0.0, 0.3, 0.5, 0.7, 0.9)
_MAX_DRAWS = 20


class ImageObjects(NamedTuple):
    """The objects of one image, not filled up."""

    boxes_xyxy_px: Float[np.ndarray, "g 4"]
    class_ids: Int[np.ndarray, " g"]
    is_ignored: Bool[np.ndarray, " g"]
    occlusion: UInt8[np.ndarray, " g"]
    """0 none or unknown, 1 partial, 2 heavy."""


@dataclasses.dataclass(frozen=True)
class ObjectReader:
    """Boxes with classes, filled up to one number of rows, for detection.

    Attributes:
        max_objects: Rows an image; as many as the largest image of the data set needs.
        dataset_class_ids: Which classes of the data set are read, in the order of their new ids;
            objects of all others are skipped.
        min_visible_share: A box that a crop cuts is clipped. It stays an object while at least
            this share of its area is left, is ignored below, and is dropped when nothing is left.
    """

    max_objects: int
    dataset_class_ids: tuple[int, ...]
    min_visible_share: float = 0.4

    def read(self, record: Mapping[str, Any]) -> ImageObjects:
        """Return the objects of a record in pixels of its visible image."""
        objects = record["objects"]
        labels = np.asarray(objects["label"], np.int64).reshape(-1)
        is_class = labels[:, None] == np.array(self.dataset_class_ids, np.int64)
        is_read = is_class.any(axis=1)
        return ImageObjects(
            np.asarray(objects["bbox_xyxy_px"], np.float32).reshape(-1, 4)[is_read],
            is_class.argmax(axis=1).astype(np.int32)[is_read],
            np.asarray(objects["is_ignored"], bool).reshape(-1)[is_read],
            np.asarray(objects["occlusion"], np.uint8).reshape(-1)[is_read],
        )

    def decode(
        self, record: Mapping[str, Any], image_size_hw: SizeHw, size_hw: SizeHw
    ) -> ImageObjects:
        """Read the boxes and scale them to the working size.

        Raises:
            MdjaxError: More objects than there are rows.
        """
        objects = self.read(record)
        if len(objects.class_ids) > self.max_objects:
            raise MdjaxError(
                f"record {get_name(record)}: has {len(objects.class_ids)} objects, but batches "
                f"hold {self.max_objects}; prepare the data set again with --overwrite, "
                "which counts them."
            )
        (height, width), (new_height, new_width) = image_size_hw, size_hw
        scale = np.array([new_width / width, new_height / height] * 2, np.float32)
        return objects._replace(boxes_xyxy_px=objects.boxes_xyxy_px * scale)

    def sample_geometry(
        self,
        truth: ImageObjects,
        augmentation: Augmentation,
        size_hw: SizeHw,
        rng: np.random.Generator,
    ) -> Geometry:
        """Draw mirror and crop so that the crop holds a drawn share of at least one object.

        After 20 unsuccessful draws the last crop is used. An image without objects uses the first.
        """
        min_share = rng.choice(_MIN_SHARES)
        boxes = truth.boxes_xyxy_px[~truth.is_ignored]
        geometry = sample_geometry(augmentation, size_hw, rng)
        for _ in range(_MAX_DRAWS):
            if len(boxes) == 0 or min_share == 0:
                break
            _, shares = crop_boxes(boxes, geometry, size_hw)
            if shares.max() >= min_share:
                break
            geometry = sample_geometry(augmentation, size_hw, rng)
        return geometry

    def apply_geometry(
        self, truth: ImageObjects, geometry: Geometry, size_hw: SizeHw
    ) -> ImageObjects:
        """Crop, scale, mirror and clip the boxes."""
        boxes_xyxy_px, shares = crop_boxes(truth.boxes_xyxy_px, geometry, size_hw)
        is_kept = shares > 0
        is_ignored = truth.is_ignored | (shares < self.min_visible_share)
        return ImageObjects(
            boxes_xyxy_px[is_kept],
            truth.class_ids[is_kept],
            is_ignored[is_kept],
            truth.occlusion[is_kept],
        )

    def create_padding(self, size_hw: SizeHw) -> ImageObjects:
        """Return no objects."""
        del size_hw
        return ImageObjects(
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int32),
            np.zeros(0, bool),
            np.zeros(0, np.uint8),
        )

    def stack(self, truths: Sequence[ImageObjects]) -> Objects:
        """Fill up and stack."""
        b, g = len(truths), self.max_objects
        objects = Objects(
            boxes_xyxy_px=np.zeros((b, g, 4), np.float32),
            class_ids=np.zeros((b, g), np.int32),
            is_ignored=np.zeros((b, g), bool),
            is_valid=np.zeros((b, g), bool),
        )
        for i, truth in enumerate(truths):
            n = len(truth.class_ids)
            objects.boxes_xyxy_px[i, :n] = truth.boxes_xyxy_px
            objects.class_ids[i, :n] = truth.class_ids
            objects.is_ignored[i, :n] = truth.is_ignored
            objects.is_valid[i, :n] = True
        return objects


def crop_boxes(
    boxes_xyxy_px: Float[np.ndarray, "g 4"], geometry: Geometry, size_hw: SizeHw
) -> tuple[Float[np.ndarray, "g 4"], Float[np.ndarray, " g"]]:
    """Move boxes as the image moves, clip them, and tell which share of each area is left.

    x' = (x - left) W / crop_width; mirrored: (x_1, x_2) → (W - x_2, W - x_1). Pixels are areas, so
    that a box around whole pixels stays around the same pixels.
    """
    top, left, crop_height, crop_width = geometry.crop_yxhw_px
    height, width = size_hw
    origin = np.array([left, top, left, top], np.float32)
    scale = np.array([width / crop_width, height / crop_height] * 2, np.float32)
    moved = (boxes_xyxy_px - origin) * scale
    if geometry.is_mirrored:
        moved = np.stack([width - moved[:, 2], moved[:, 1], width - moved[:, 0], moved[:, 3]], 1)
    limit = np.array([width, height, width, height], np.float32)
    clipped = np.clip(moved, 0, limit).astype(np.float32)
    areas, left_areas = _compute_areas(moved), _compute_areas(clipped)
    return clipped, np.where(areas > 0, left_areas / np.maximum(areas, 1e-9), 0)


def _compute_areas(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
