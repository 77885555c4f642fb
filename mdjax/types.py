"""Arrays, errors and words that every part of mdjax shares.

Axis letters, used in every shape annotation: b images, h rows, w columns, c channels, k classes,
a anchors, g ground truths, l pyramid levels.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import struct
from jaxtyping import Bool, Float, Int, UInt8

from mdjax.errors import MdjaxError as MdjaxError

IGNORED_LABEL = 255
"""Label id of pixels that no loss and no metric counts (outside the image after augmentation)."""


def format_count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: "1 image", "2 images".

    Args:
        number: How many.
        noun: What of, in the singular.
        plural: The noun with an s by default.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


Array = jax.Array | np.ndarray

# Channels of GAFF's inter-modality mask, in the order of the GAFF paper.
INTER_THERMAL, INTER_VISIBLE = 0, 1


@struct.dataclass
class Objects:
    """Annotated objects of images, filled up to one number of rows g an image."""

    boxes_xyxy_px: Float[Array, "*b g 4"]
    """Left, top, right, bottom edges; a pixel's own area is from its index to its index + 1."""
    class_ids: Int[Array, "*b g"]
    is_ignored: Bool[Array, "*b g"]
    """Neither to be found nor a mistake when found, such as a crowd."""
    is_valid: Bool[Array, "*b g"]
    """False for rows that only fill up."""


@struct.dataclass
class Batch:
    """Image pairs with their annotations, as the pipeline delivers them.

    The two thermal images belong to one augmented sample: same crop, same flip.
    """

    visible: Float[Array, "b h w 3"]
    """RGB in [0, 1]."""
    thermal_full: Float[Array, "b h w 1"]
    """Thermal in [0, 1] at the full resolution, for the teacher."""
    thermal_camera: Float[Array, "b h w 1"]
    """Thermal in [0, 1] as the cheap camera sees it, scaled back up, for the student."""
    truth: UInt8[Array, "b h w"] | Objects
    """What the task should find: class ids, of which `IGNORED_LABEL` is not counted, or boxes."""
    image_size_hw: Int[Array, "b 2"]
    """Rows and columns of the visible image before it was brought to the working size."""
    is_night: Bool[Array, " b"]
    is_valid: Bool[Array, " b"]
    """False for rows that only fill up the last batch of an evaluation."""

    @property
    def label_maps(self) -> UInt8[Array, "b h w"]:
        """The truth of a batch that was read for segmentation."""
        if isinstance(self.truth, Objects):
            raise TypeError("This batch was read with boxes, not with label maps.")
        return self.truth

    @property
    def objects(self) -> Objects:
        """The truth of a batch that was read for detection."""
        if not isinstance(self.truth, Objects):
            raise TypeError("This batch was read with label maps, not with boxes.")
        return self.truth


@struct.dataclass
class AnchorPrediction:
    """What a detector's head says of every anchor, all levels in one row."""

    class_logits: Float[Array, "b a k"]
    """One logit per class, for independent sigmoids; there is no background class."""
    box_offsets: Float[Array, "b a 4"]
    """Encoded boxes relative to the anchors, see `mdjax.ops.boxes`."""
    anchors_xyxy_px: Float[Array, "a 4"]


@struct.dataclass
class Detections:
    """Boxes that a detector found, best score first, filled up to one number of rows n an image."""

    boxes_xyxy_px: Float[Array, "*b n 4"]
    scores: Float[Array, "*b n"]
    class_ids: Int[Array, "*b n"]
    is_valid: Bool[Array, "*b n"]


@struct.dataclass
class GuidanceLogits:
    """What the GAFF guidance losses supervise, before sigmoid and softmax."""

    intra_visible: Float[Array, "b h w 1"]
    intra_thermal: Float[Array, "b h w 1"]
    inter: Float[Array, "b h w 2"]
    """Channels `INTER_THERMAL` and `INTER_VISIBLE`."""


Features = Mapping[str, Float[Array, "b _ _ _"]]
"""Feature maps by name, each of its own size."""


@struct.dataclass
class NetworkOutput:
    """What a network hands to the losses; any module that returns it can teach or learn."""

    prediction: Any
    """What the task loss reads: logits [b h w k] for segmentation, an `AnchorPrediction`."""
    features: Features = struct.field(default_factory=dict)
    """Feature maps by name. c2, c3, c4 and c5 feed the next stage and the head in every network of
    ours; of the teacher, c3 and c4 are fused, and each stream's own are beside them: visible_c4,
    thermal_c4, ..."""
    mask: Float[Array, "b hm wm 1"] | None = None
    """The attention mask in [0, 1] that attention transfer compares (MD eq. 3).

    On C4 in the networks of the paper, so on another grid than features of C5.
    """
    guidance: GuidanceLogits | None = None
    """Only from networks with GAFF."""
