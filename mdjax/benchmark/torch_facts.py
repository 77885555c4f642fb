"""What the PyTorch engine has to know of a network to build the same one."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from mdjax.export.deployment import Deployment, deploy
from mdjax.models.heads.pspnet import PYRAMID_BINS
from mdjax.models.layers import BATCH_NORM_EPSILON, IMAGENET_MEAN, IMAGENET_STD
from mdjax.ops.boxes import MAX_LOG_SIZE_RATIO, BoxCoding
from mdjax.runs.loading import LoadedNetwork

_ONE_STREAM = {"backbone", "trunk", "head"}
_STUDENT = {*_ONE_STREAM, "attention", "residual"}
_TWO_STREAMS = {"visible_stream", "thermal_stream", "gaff", "trunk", "head"}


def has_twin(loaded: LoadedNetwork) -> bool:
    """Tell whether there is such a network in PyTorch: the student, the baselines, the teacher."""
    return set(loaded.variables["params"]) in (_ONE_STREAM, _STUDENT, _TWO_STREAMS)


def describe_architecture(loaded: LoadedNetwork, deployment: Deployment) -> dict[str, Any]:
    """Gather what the variables do not tell."""
    network, backbone = loaded.config.network, loaded.config.network.backbone
    parts = set(loaded.variables["params"])
    return {
        "has_two_streams": parts == _TWO_STREAMS,
        "has_attention": parts == _STUDENT and getattr(network, "multiply_mask", False),
        "residual_level": getattr(network, "transfer_level", 0) if parts == _STUDENT else 0,
        "stem_stride": backbone.stem_stride,
        "num_blocks": backbone.blocks_per_stage,
        "stages": {level: backbone.stage_stride_and_dilations(level) for level in range(2, 6)},
        "bins": PYRAMID_BINS,
        "num_classes": len(loaded.class_names),
        "size_hw": deployment.working_size_hw,
        "sees": [x.name for x in deployment.inputs],
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "epsilon": BATCH_NORM_EPSILON,
        "box_coding": {**vars(BoxCoding()), "max_log_size_ratio": MAX_LOG_SIZE_RATIO},
    }


def write_arrays(loaded: LoadedNetwork, deployment: Deployment, path: Path) -> None:
    """Write the variables by their paths, and the anchors of a detector."""
    flat = flatten_dict(dict(loaded.variables), sep="/")
    arrays: dict[str, Any] = {name: np.asarray(x) for name, x in flat.items()}
    if deployment.head_name == "boxes":
        raw: Any = jax.jit(lambda *images: deploy(loaded, head="raw").run(*images)[2])
        blank = [np.zeros(x.shape, x.dtype) for x in deployment.list_shapes()]
        arrays["anchors_xyxy_px"] = np.asarray(raw(*blank))
    np.savez(path, **arrays)
