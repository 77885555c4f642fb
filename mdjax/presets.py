"""Ready-made configurations; the command line offers each by its name here.

A preset only states what differs from the defaults, which are the paper's. To see what a name
means, go to its definition: nothing is looked up by string.
"""

import difflib
from collections.abc import Mapping
from typing import Any

from mdjax.methods.activation_attention import ActivationAttention
from mdjax.methods.channel_wise import ChannelWiseDistillation
from mdjax.methods.combined import CombinedDistillation
from mdjax.methods.csk import CskDistillation
from mdjax.methods.hint import HintDistillation
from mdjax.methods.imitation import FeatureImitation
from mdjax.methods.logits import LogitDistillation
from mdjax.methods.masked_generation import MaskedGeneration
from mdjax.methods.modality_distillation import ModalityDistillation
from mdjax.methods.pearson import PearsonDistillation
from mdjax.models.config import (
    CskNetConfig,
    FeatureLevelConfig,
    ImageLevelConfig,
    MdStudentConfig,
    NetworkConfig,
    ThermalOnlyConfig,
    VisibleOnlyConfig,
)
from mdjax.models.modalities import Missing
from mdjax.recipes import RECIPES
from mdjax.runs.config import DistillConfig, MethodConfig, TaskConfig, TrainConfig
from mdjax.tasks.detection import DetectionTask
from mdjax.tasks.segmentation import SegmentationTask
from mdjax.train.optimiser import AdamWConfig, OptimiserConfig, SgdConfig
from mdjax.types import MdjaxError

NETWORKS: dict[str, tuple[type[NetworkConfig], str]] = {
    "visible": (VisibleOnlyConfig, "visible image only"),
    "thermal": (ThermalOnlyConfig, "cheap thermal image only"),
    "native": (ImageLevelConfig, "native student: image-level fusion, not distilled"),
    "student": (MdStudentConfig, "the student that MD distils, without a teacher"),
    "teacher": (FeatureLevelConfig, "teacher: two streams, GAFF, full-resolution thermal"),
    "csknet": (CskNetConfig, "CSK-Net, for both images or one alone, without a teacher"),
}

METHODS: dict[str, tuple[MethodConfig, type[NetworkConfig], str]] = {
    "md": (
        ModalityDistillation(),
        MdStudentConfig,
        "student distilled by MD (attention and semantic transfer)",
    ),
    "cwd": (
        ChannelWiseDistillation(),
        ImageLevelConfig,
        "native student distilled channel by channel (CWD)",
    ),
    "logits": (
        LogitDistillation(),
        ImageLevelConfig,
        "native student distilled by its predictions (Hinton et al.)",
    ),
    "hint": (
        HintDistillation(),
        ImageLevelConfig,
        "native student distilled by the error of its features (FitNets)",
    ),
    "attention": (
        ActivationAttention(),
        ImageLevelConfig,
        "native student distilled by where its features are active (AT)",
    ),
    "pearson": (
        PearsonDistillation(),
        ImageLevelConfig,
        "native student distilled by the correlation of its features (PKD)",
    ),
    "mgd": (
        MaskedGeneration(),
        ImageLevelConfig,
        "native student distilled by masked generation (MGD)",
    ),
    "imitation": (
        FeatureImitation(),
        ImageLevelConfig,
        "native student distilled by its features near objects",
    ),
    "csk": (
        CskDistillation(),
        CskNetConfig,
        "CSK-Net distilled from a visible-only teacher",
    ),
    "combined": (
        CombinedDistillation(),
        MdStudentConfig,
        "student distilled by all methods that are given a weight",
    ),
}

TASKS: dict[str, TaskConfig] = {"segmentation": SegmentationTask(), "detection": DetectionTask()}

OPTIMISERS: dict[str, OptimiserConfig] = {"sgd": SgdConfig(), "adamw": AdamWConfig()}


TRAIN_PRESETS: dict[str, TrainConfig] = {
    f"{recipe}-{name}": configure(TrainConfig(), network)
    for recipe, (configure, _) in RECIPES.items()
    for name, (network, _) in NETWORKS.items()
}

DISTILL_PRESETS: dict[str, DistillConfig] = {
    f"{recipe}-{name}": configure(DistillConfig(method=method, network=network()), network)
    for recipe, (configure, _) in RECIPES.items()
    for name, (method, network, _) in METHODS.items()
}

DESCRIPTIONS: dict[str, str] = {
    f"{recipe}-{name}": f"{recipe_text}; {text}"
    for recipe, (_, recipe_text) in RECIPES.items()
    for name, (*_, text) in {**NETWORKS, **METHODS}.items()
}


def name_network(kind: str) -> str:
    """Return what presets and tables call a network, given its name in results ("MdStudent")."""
    names = {config.__name__.removesuffix("Config"): name for name, (config, _) in NETWORKS.items()}
    return names.get(kind, kind)


def describe_network(kind: str, missing: Missing) -> str:
    """Name a network and the image that it has to do without: "csknet, no visible"."""
    name = name_network(kind)
    return name if missing == "none" else f"{name}, no {missing}"


def get_preset(name: str) -> TrainConfig | DistillConfig:
    """Return a ready-made configuration; change it with `dataclasses.replace`.

    Args:
        name: Data set and size, then network or method, such as "mfnet-small-teacher" or
            "synthetic-md"; `mdjax train --help` and `mdjax distill --help` list them.

    Raises:
        MdjaxError: There is no such preset; the message names the closest one.

    Example:
        >>> import dataclasses
        >>> from pathlib import Path
        >>> import mdjax
        >>> config = mdjax.get_preset("mfnet-small-md")
        >>> config.batch_size, config.loop.num_steps
        (8, 1500)
        >>> config = dataclasses.replace(config, teacher=Path("runs/teacher"), seed=1)
    """
    presets = {**TRAIN_PRESETS, **DISTILL_PRESETS}
    if name not in presets:
        close = difflib.get_close_matches(name, presets, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(presets)}."
        raise MdjaxError(f"there is no preset {name}; {hint}")
    return presets[name]


def list_parts(preset: str) -> dict[str, Mapping[str, Any]]:
    """List the alternatives for a preset's parts.

    Args:
        preset: A name in `TRAIN_PRESETS` or `DISTILL_PRESETS`.

    Returns:
        For each field of the configuration, its parts by name: networks with the preset's backbone,
        methods with the preset's weights, tasks and optimisers with their defaults.
    """
    recipe = preset.rpartition("-")[0]
    return {
        "network": {name: TRAIN_PRESETS[f"{recipe}-{name}"].network for name in NETWORKS},
        "task": TASKS,
        "optimiser": OPTIMISERS,
        "method": {name: DISTILL_PRESETS[f"{recipe}-{name}"].method for name in METHODS},
    }
