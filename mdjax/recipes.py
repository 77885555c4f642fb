"""Recipes: what all networks of a data set and a size share, each as its difference from the paper.

The values that are not the paper's were chosen on validation splits; comments say with what.
"""

from dataclasses import replace
from typing import TypeVar

from mdjax.data.pipeline import PipelineConfig
from mdjax.methods.combined import CombinedDistillation
from mdjax.methods.csk import CskDistillation
from mdjax.methods.logits import LogitDistillation
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.models.backbones.resnet import ResNetConfig
from mdjax.models.config import (
    NetworkConfig,
)
from mdjax.ops.anchors import AnchorOptions
from mdjax.runs.config import DistillConfig, TrainConfig
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.loop import LoopConfig
from mdjax.train.optimiser import AdamWConfig

Config = TypeVar("Config", bound=TrainConfig)

# From scratch, features differ by d of 5 to 20 a channel, and the softmax of F-MSE puts all its
# weight on a few positions. On generated scenes (validation split, one seed, 250 steps of 8) mean
# accuracy was 25.7 without transfer, 16.7 to 22.6 with F-MSE whatever its weight and mask, and
# 31.8 with the plain MSE.
FROM_SCRATCH = ModalityDistillation(
    attention_weight=0.1, semantic_weight=0.3, semantic_loss="mse", mask_reduction="relative"
)

# In few steps the teacher has to be imitated quickly. On generated scenes (validation split, mean
# of seeds 100 to 103, 300 steps of 8) mean accuracy was 18.0 without transfer, and 23.9, 24.1, 24.7
# and 23.8 with a semantic weight of 0.3, 1, 3 and 10.
FEW_STEPS_FROM_SCRATCH = replace(FROM_SCRATCH, semantic_weight=3.0, mask_reduction="bounded")

# In few steps, networks that count every pixel alike hardly learn the rare classes. On generated
# scenes (validation split, seeds 100 to 105 with the teacher of seed 100, 300 steps of 8) the
# teacher reached a mean accuracy of 25.4, 32.3 and 41.6 with a class balance of 0, 0.1 and 0.25,
# and the distilled students were better than those without a teacher by 7.1, 8.9 and 7.9 points
# (mean IoU: 5.7, 6.7 and 3.8).
FEW_STEPS_CLASS_BALANCE = 0.1

# The weights of the paper. From the stages of ImageNet (MFNet 128x96, steps 20 and 40) the gradient
# norms of task, attention and semantic transfer were 4.4 : 0.9 : 7.6 and 3.1 : 1.2 : 6.0.
PRETRAINED = ModalityDistillation(mask_reduction="bounded")

# The losses of a detector pull at the student four to five times as hard as the MSE does; the loss
# of segmentation pulls no harder than it. On MSRS (validation split, seed 0, 1,000 steps of 8) AP50
# was 38.1 without transfer, 37.0 with the weights above, 42.5 with these, and 41.7 with a semantic
# weight of 6; the miss rate 60.5, 61.4, 54.4 and 59.3.
DETECTOR_FROM_SCRATCH = replace(FROM_SCRATCH, attention_weight=1.0, semantic_weight=2.0)


def configure_mfnet(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure MFNet as in the paper: 640x480, full width, batches of 16, 14,000 steps (4.2)."""
    return replace(
        base,
        dataset="mfnet",
        pipeline=PipelineConfig(image_size_hw=(480, 640)),
        network=network(ResNetConfig()),
    )


def configure_mfnet_small(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure MFNet for two CPU cores: 128x96, quarter width, no max-pool, batches of 8."""
    return replace(
        _configure_from_scratch(base, FROM_SCRATCH),
        dataset="mfnet",
        pipeline=PipelineConfig(image_size_hw=(96, 128)),
        network=network(ResNetConfig(width=0.25, stem_stride=2, output_stride=8)),
        loop=LoopConfig(num_steps=1_500, evaluate_every=500, save_every=250, probe_every=250),
        batch_size=8,
    )


def configure_mfnet_pretrained(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure MFNet for two CPU cores, from ImageNet weights: 128x96, full width, 300 steps.

    The rate was chosen at 320x240 on the official validation split, 20 pairs, one seed, 500 steps
    on coarsely quantised frames: the teacher's mean accuracy was 54.6 with it and no guidance,
    43.6 with AdamW at 1e-4 and 41.0 with SGD at 1e-2, both with a guidance weight of 0.1.
    """
    config = replace(
        base,
        dataset="mfnet",
        pretrained="imagenet",
        pipeline=PipelineConfig(image_size_hw=(96, 128)),
        network=network(ResNetConfig(output_stride=8)),
        optimiser=AdamWConfig(learning_rate=5e-4),
        loop=LoopConfig(num_steps=300, evaluate_every=100, save_every=100, probe_every=50),
        batch_size=8,
    )
    return _set_method(config, PRETRAINED)


def configure_mfnet_medium(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure MFNet for one GPU, from ImageNet weights: 320x240, full width, 1,000 steps of 8.

    The teacher is not guided, as when the rate was chosen, see `configure_mfnet_pretrained`: its
    attention masks are almost 0 everywhere, and attention transfer has nothing to transfer.
    """
    return replace(
        configure_mfnet_pretrained(base, network),
        task=SegmentationTask(guidance_weight=0.0),
        pipeline=PipelineConfig(image_size_hw=(240, 320)),
        loop=LoopConfig(num_steps=1_000, evaluate_every=500, save_every=500, probe_every=100),
    )


def configure_synthetic(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure generated scenes for minutes on two CPU cores: 96x72, eighth width."""
    return replace(
        _configure_from_scratch(base, FEW_STEPS_FROM_SCRATCH),
        dataset="synthetic",
        pipeline=PipelineConfig(image_size_hw=(72, 96)),
        network=network(ResNetConfig(width=0.125, stem_stride=2, output_stride=8)),
        task=SegmentationTask(class_balance=FEW_STEPS_CLASS_BALANCE),
        loop=LoopConfig(num_steps=300, evaluate_every=0, save_every=300),
        batch_size=8,
    )


def configure_kaist(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure KAIST as in the paper: 640x512, full width, batches of 16, 3,500 steps (4.1)."""
    config = replace(
        base,
        dataset="kaist",
        pipeline=PipelineConfig(image_size_hw=(512, 640)),
        network=network(ResNetConfig()),
        task=DetectionTask(),
        loop=LoopConfig(num_steps=3_500),
    )
    return _suit_detector(config)


def configure_kaist_light(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure KAIST as `configure_kaist` does, with a head half as wide.

    The student then has about half of the operations of the teacher of `configure_kaist`.
    """
    config = configure_kaist(base, network)
    return replace(config, task=replace(config.task, head_width=0.5))


def configure_msrs(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure persons of MSRS at their full size, 640x480, otherwise as `configure_kaist`."""
    return replace(
        configure_kaist(base, network),
        dataset="msrs",
        pipeline=PipelineConfig(image_size_hw=(480, 640)),
        # 98 % of the persons are between 20 and 230 px high.
        task=DetectionTask(anchors=AnchorOptions(base_heights_px=(27, 60, 150))),
    )


def configure_msrs_small(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure persons of MSRS for two CPU cores: 192x144, quarter width, batches of 8."""
    return replace(
        _suit_detector(_configure_from_scratch(base, DETECTOR_FROM_SCRATCH)),
        dataset="msrs",
        pipeline=PipelineConfig(image_size_hw=(144, 192)),
        network=network(ResNetConfig(width=0.25, stem_stride=2, output_stride=16)),
        # Those of `configure_msrs` at this size.
        task=DetectionTask(anchors=AnchorOptions(base_heights_px=(8, 18, 45))),
        loop=LoopConfig(num_steps=1_000, evaluate_every=500, save_every=250, probe_every=250),
        batch_size=8,
    )


def configure_synthetic_detection(base: Config, network: type[NetworkConfig]) -> Config:
    """Configure persons of generated scenes for minutes on two CPU cores: 192x144, eighth width."""
    return replace(
        _suit_detector(_configure_from_scratch(base, DETECTOR_FROM_SCRATCH)),
        dataset="synthetic",
        pipeline=PipelineConfig(image_size_hw=(144, 192)),
        network=network(ResNetConfig(width=0.125, stem_stride=2, output_stride=16)),
        # Few of the persons are as high as the 55 px that the usual miss rate asks for.
        task=DetectionTask(anchors=AnchorOptions(base_heights_px=(9, 22, 50)), main_metric="ap50"),
        loop=LoopConfig(num_steps=300, evaluate_every=0, save_every=300),
        batch_size=8,
    )


def _configure_from_scratch(base: Config, method: ModalityDistillation) -> Config:
    return _set_method(replace(base, optimiser=AdamWConfig()), method)


def _set_method(config: Config, method: ModalityDistillation) -> Config:
    """Give MD the weights that were chosen for a recipe.

    They mean nothing to another method: each of these keeps the weight of its paper, which was not
    tuned for these recipes.
    """
    if isinstance(config, DistillConfig) and isinstance(config.method, ModalityDistillation):
        config = replace(config, method=method)
    return config


def _suit_detector(config: Config) -> Config:
    """Suit methods to boxes: no contrast by labels of pixels, and predictions compared at T = 1.

    T = 1 is that of Yang et al. (ICCV 2023), whose weights `anchor_logit_loss` has. A higher one
    raises the probability of easy background (T = 2: 0.01 to 0.09), of which there are thousands of
    anchors: on MSRS (CSK-Net, steps 0, 20 and 40) the gradient norms were 66, 14 and 7.9 with T = 2
    beside 2 to 3 of the task's terms, and 0.65 with T = 1 at step 0.
    """
    if not isinstance(config, DistillConfig):
        return config
    method = config.method
    if isinstance(method, CskDistillation):
        method = replace(method, contrast_weight=0.0, temperature=1.0)
    elif isinstance(method, LogitDistillation):
        method = replace(method, temperature=1.0)
    elif isinstance(method, CombinedDistillation):
        logits = replace(method.terms.logits, temperature=1.0)
        method = replace(method, terms=replace(method.terms, logits=logits))
    return replace(config, method=method)


RECIPES = {
    "mfnet": (configure_mfnet, "MFNet 640x480, full width, 14,000 steps"),
    "mfnet-small": (configure_mfnet_small, "MFNet 128x96, quarter width, 1,500 steps"),
    "mfnet-pretrained": (
        configure_mfnet_pretrained,
        "MFNet 128x96, full width from ImageNet weights, 300 steps",
    ),
    "mfnet-medium": (
        configure_mfnet_medium,
        "MFNet 320x240, full width from ImageNet weights, 1,000 steps",
    ),
    "synthetic": (configure_synthetic, "generated scenes 96x72, eighth width, 300 steps"),
    "kaist": (configure_kaist, "persons, KAIST 640x512, full width, 3,500 steps"),
    "kaist-light": (
        configure_kaist_light,
        "persons, KAIST 640x512, full width, half the head's width",
    ),
    "msrs": (configure_msrs, "persons, MSRS 640x480, full width, 3,500 steps"),
    "msrs-small": (configure_msrs_small, "persons, MSRS 192x144, quarter width, 1,000 steps"),
    "synthetic-detection": (
        configure_synthetic_detection,
        "persons, generated scenes 192x144, eighth width, 300 steps",
    ),
}
