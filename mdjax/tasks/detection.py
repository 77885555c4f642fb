"""Object detection: RetinaNet with Mutual Guidance, its targets and its loss terms."""

from dataclasses import dataclass, field
from typing import Literal

import jax.numpy as jnp
from flax import struct

from mdjax.data.objects import ObjectReader
from mdjax.data.source import SplitSource
from mdjax.losses.detection import balanced_l1_loss, focal_loss
from mdjax.losses.ratio import Ratio
from mdjax.models.backbones.backbone import Backbone
from mdjax.models.heads.fpn import FPN_CHANNELS
from mdjax.models.heads.retinanet import RetinaNetHead
from mdjax.models.layers import scale_channels
from mdjax.ops.anchors import AnchorOptions
from mdjax.ops.assignment import (
    NO_OBJECT,
    Assignment,
    compute_iou_assignment,
    compute_mutual_assignment,
)
from mdjax.ops.boxes import encode_boxes
from mdjax.ops.masks import compute_ellipse_masks
from mdjax.ops.nms import NmsOptions, compute_detections
from mdjax.ops.resize import get_size_hw
from mdjax.tasks.branches import repeat_for_branches
from mdjax.tasks.detection_scores import DetectionTally, ImageDetections, scale_detections
from mdjax.tasks.guidance import make_guidance_terms
from mdjax.train.terms import LossTerm, TermInputs
from mdjax.types import (
    AnchorPrediction,
    Array,
    Batch,
    Detections,
    MdjaxError,
    NetworkOutput,
    Objects,
)


@dataclass(frozen=True)
class DetectionTask:
    """Settings of detection.

    Attributes:
        classes: Names of the objects to find; others of the data set are background.
        anchors: Sizes of the anchors on each level, in pixels of the working size.
        assignment: How anchors are matched to objects.
        guidance_weight: Weight of both guidance losses of GAFF; networks without GAFF ignore it.
        nms: Selection of detections when the network is scored.
        min_visible_share: Share of an object's area that must remain after a random crop; objects
            with less are ignored.
        main_metric: Score that chooses the best checkpoint: the log-average miss rate of
            pedestrians of a reasonable size, or COCO's average precision at IoU 0.5.
        head_width: Channels of the head, as a share of those that the backbone's width gives it;
            less is faster, see `mdjax benchmark`.
    """

    classes: tuple[str, ...] = ("person",)
    anchors: AnchorOptions = field(default_factory=AnchorOptions)
    assignment: Literal["mutual_guidance", "iou"] = "mutual_guidance"
    guidance_weight: float = 0.1
    nms: NmsOptions = field(default_factory=NmsOptions)
    min_visible_share: float = 0.4
    main_metric: Literal["miss_rate", "ap50"] = "miss_rate"
    head_width: float = 1.0

    def __post_init__(self):
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise MdjaxError(f"classes are {self.classes}; name one or more, each once.")
        if self.guidance_weight < 0:
            raise MdjaxError(f"guidance_weight is {self.guidance_weight}; give 0 or more.")
        if not 0 <= self.min_visible_share <= 1:
            raise MdjaxError(f"min_visible_share is {self.min_visible_share}; give 0 to 1.")
        if not 0 < self.head_width <= 1:
            raise MdjaxError(f"head_width is {self.head_width}; give more than 0, up to 1.")

    @property
    def is_lower_better(self) -> bool:
        """Whether the main metric counts mistakes."""
        return self.main_metric == "miss_rate"

    def get_class_names(self, split: SplitSource) -> tuple[str, ...]:
        """Name the classes to find.

        Raises:
            MdjaxError: The data set has no boxes, or none of such a class.
        """
        available = split.get_class_names("objects")
        if missing := [name for name in self.classes if name not in available]:
            raise MdjaxError(
                f"data set {split.dataset_name} has no objects of class {', '.join(missing)}; it "
                f"has {', '.join(available)}. Name some of these as task.classes."
            )
        return self.classes

    def get_main_metric(self, class_names: tuple[str, ...]) -> str:
        """Name the score over all images."""
        del class_names
        return f"{self.main_metric}/all"

    def create_truth_reader(self, split: SplitSource) -> ObjectReader:
        """Read boxes, as many an image as the data set's largest has."""
        available = split.get_class_names("objects")
        max_objects = split.metadata.get("max_objects")
        if max_objects is None:
            raise MdjaxError(
                f"{split.dataset_name}: has no max_objects (metadata.json); prepare it again with "
                "--overwrite."
            )
        ids = tuple(available.index(name) for name in self.get_class_names(split))
        # An array without rows would have no best object.
        return ObjectReader(max(1, int(max_objects)), ids, self.min_visible_share)

    def create_head(self, num_classes: int, backbone: Backbone) -> RetinaNetHead:
        """Build the head that turns features into class logits and box offsets."""
        channels = scale_channels(FPN_CHANNELS, self.head_width * backbone.width)
        return RetinaNetHead(num_classes, self.anchors, channels, backbone.dtype)

    def create_module(self, num_classes: int, backbone: Backbone) -> None:
        """Nothing is trained beside the network."""
        del num_classes, backbone

    def compute_targets(self, output: NetworkOutput, batch: Batch) -> "DetectionTargets":
        """Assign objects to anchors, once for all terms."""
        prediction, objects = output.prediction, batch.objects
        if self.assignment == "mutual_guidance":
            assignment = compute_mutual_assignment(prediction, objects)
        else:
            assignment = compute_iou_assignment(prediction.anchors_xyxy_px, objects)
        return DetectionTargets(objects, assignment, get_size_hw(batch.visible))

    def make_terms(
        self, *, has_guidance: bool, branches: tuple[str, ...] = ()
    ) -> tuple[LossTerm, ...]:
        """List the loss terms, see `Task.make_terms`."""
        terms = (
            LossTerm("classification", 1.0, compute_classification_loss),
            LossTerm("box", 1.0, compute_box_loss),
        )
        terms = repeat_for_branches(terms, branches, self.compute_targets)
        if not has_guidance:
            return terms
        return (*terms, *make_guidance_terms(self.guidance_weight, compute_foreground))

    def interpret(
        self, prediction: AnchorPrediction, working_size_hw: tuple[int, int]
    ) -> Detections:
        """Decode boxes and suppress duplicates, in pixels of the working size."""
        return compute_detections(prediction, working_size_hw, self.nms)

    def fit_to_image(
        self,
        interpreted: Detections,
        working_size_hw: tuple[int, int],
        image_size_hw: tuple[int, int],
    ) -> ImageDetections:
        """Scale the boxes of one image to the pixels of its file."""
        return scale_detections(interpreted, working_size_hw, image_size_hw)

    def create_tally(self, split: SplitSource, class_names: tuple[str, ...]) -> DetectionTally:
        """Begin to gather the detections of a split."""
        return DetectionTally(split, class_names, self.create_truth_reader(split))


@struct.dataclass
class DetectionTargets:
    """The training targets of the anchors of a batch."""

    objects: Objects
    assignment: Assignment
    image_size_hw: tuple[int, int] = struct.field(pytree_node=False)


def compute_classification_loss(inputs: TermInputs) -> Ratio:
    """Compute the focal loss of a batch."""
    return focal_loss(
        inputs.output.prediction.class_logits, inputs.targets.assignment.class_targets
    )


def compute_box_loss(inputs: TermInputs) -> Ratio:
    """Compute the Balanced L1 loss of a batch on encoded offsets."""
    prediction, targets = inputs.output.prediction, inputs.targets
    rows = targets.assignment.box_objects
    is_positive = rows != NO_OBJECT
    boxes_xyxy_px = jnp.take_along_axis(
        jnp.asarray(targets.objects.boxes_xyxy_px), jnp.where(is_positive, rows, 0)[..., None], 1
    )
    target_offsets = encode_boxes(boxes_xyxy_px, prediction.anchors_xyxy_px)
    return balanced_l1_loss(prediction.box_offsets, target_offsets, is_positive)


def compute_foreground(inputs: TermInputs) -> Array:
    """Draw what guidance supervises, on the grid of the guidance logits."""
    targets = inputs.targets
    objects = targets.objects
    return compute_ellipse_masks(
        jnp.asarray(objects.boxes_xyxy_px),
        jnp.asarray(objects.is_valid & ~objects.is_ignored),
        targets.image_size_hw,
        get_size_hw(inputs.output.guidance.inter),
    )
