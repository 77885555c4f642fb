"""Features, boxes and metadata of a data set, as every builder writes them."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_builders.checks.annotations import AnnotatedObject, ClassNames, Role

_BOX_FORMAT = "left, top, right, bottom in pixels of the image, which begins at 0"


def make_four_channel_image() -> dict[str, tfds.features.Image]:
    """Make the feature of a pair in one PNG: RGB, and thermal in the fourth channel."""
    return {
        "visible_thermal": tfds.features.Image(
            shape=(None, None, 4), dtype=np.uint8, encoding_format="png"
        )
    }


def make_two_images(*, num_thermal_channels: int, has_16_bits: bool) -> dict[str, Any]:
    """Make the features of a pair in two files of any format.

    Args:
        num_thermal_channels: Channels of the thermal file; grey images may be stored as several
            equal ones.
        has_16_bits: Whether the thermal file has 16 bits per channel, not 8.
    """
    return {
        "visible": tfds.features.Image(shape=(None, None, 3), dtype=np.uint8),
        "thermal": tfds.features.Image(
            shape=(None, None, num_thermal_channels), dtype=np.uint16 if has_16_bits else np.uint8
        ),
    }


def make_features(
    images: Mapping[str, tfds.features.FeatureConnector],
    class_names: ClassNames,
    *,
    has_thermal_boxes: bool = False,
) -> tfds.features.FeaturesDict:
    """Make all features of a record.

    Args:
        images: Features of the pair itself.
        class_names: Classes of boxes and of label maps; records have those that have classes.
        has_thermal_boxes: Whether objects have a second box, of the thermal image.
    """
    features: dict[str, Any] = dict(images)
    if class_names.labels:
        features["labels"] = tfds.features.Image(
            shape=(None, None, 1), dtype=np.uint8, encoding_format="png"
        )
    features["name"] = tfds.features.Text()
    features["is_night"] = tfds.features.Scalar(np.bool_)
    if class_names.objects:
        box = tfds.features.Tensor(shape=(4,), dtype=np.float32)
        item = {
            "bbox_xyxy_px": box,
            "label": tfds.features.Scalar(np.int64),
            "is_ignored": tfds.features.Scalar(np.bool_),
            "occlusion": tfds.features.Scalar(np.uint8),
        }
        if has_thermal_boxes:
            item["thermal_bbox_xyxy_px"] = box
        features["objects"] = tfds.features.Sequence(item)
    return tfds.features.FeaturesDict(features)


def make_objects(
    items: Iterable[AnnotatedObject], *, has_thermal_boxes: bool = False
) -> list[dict[str, Any]]:
    """Make the feature `objects` of a record from boxes in pixels."""
    return [_make_object(item, has_thermal_boxes=has_thermal_boxes) for item in items]


def _make_object(item: AnnotatedObject, *, has_thermal_boxes: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "bbox_xyxy_px": np.array(item.box_xyxy, np.float32),
        "label": item.class_id,
        "is_ignored": item.role is Role.IGNORED,
        "occlusion": item.occlusion,
    }
    if has_thermal_boxes:
        # A split annotated in one image only has that image's boxes for both.
        box = item.thermal_box_xyxy_px or item.box_xyxy
        fields["thermal_bbox_xyxy_px"] = np.array(box, np.float32)
    return fields


def make_metadata(class_names: ClassNames, *, max_objects: int, fingerprint: str) -> dict[str, Any]:
    """Make what every data set says of itself.

    Args:
        class_names: Classes of boxes and of label maps.
        max_objects: Largest number of boxes of one image.
        fingerprint: Equal for equal data.
    """
    metadata: dict[str, Any] = {"fingerprint": fingerprint}
    if class_names.labels:
        metadata["class_names"] = list(class_names.labels)
    if class_names.objects:
        metadata["object_class_names"] = list(class_names.objects)
        metadata["max_objects"] = max_objects
        metadata["box_format"] = _BOX_FORMAT
    return metadata
