"""Modality distillation of RGB-thermal scene analysis in JAX and Flax.

The names below are what most programs need; each is imported when it is first used.

To train a preset and use what it has learned: `get_preset`, `train_network`, `load_network`,
`evaluate_network`, `predict_files`, `make_image_predictor`, `predict_frames`, `make_common_view`,
`export_network`, `load_exported`. To distil networks of your own: `CapturedNetwork`, `Teacher`,
`LossTerm`, `mean_ratio`, `ModalityDistillation`, `create_state`, `make_distill_step`. All of them
raise `MdjaxError` where a person has to fix something.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from mdjax.align.common_view import make_common_view
    from mdjax.errors import MdjaxError
    from mdjax.export.export import export_network
    from mdjax.export.exported import load_exported
    from mdjax.losses.ratio import mean_ratio
    from mdjax.methods.modality_distillation import ModalityDistillation
    from mdjax.models.captured import CapturedNetwork
    from mdjax.predict.files import predict_files
    from mdjax.predict.frames import predict_frames
    from mdjax.predict.images import make_image_predictor
    from mdjax.presets import get_preset
    from mdjax.runs.loading import load_network
    from mdjax.runs.scoring import evaluate_network
    from mdjax.runs.training import train as train_network
    from mdjax.train.state import create_state
    from mdjax.train.step import make_distill_step
    from mdjax.train.teacher import Teacher
    from mdjax.train.terms import LossTerm

# `mdjax.train` is a package: what trains a network cannot have that name here.
_PLACES = {
    "CapturedNetwork": ("models.captured", "CapturedNetwork"),
    "LossTerm": ("train.terms", "LossTerm"),
    "MdjaxError": ("errors", "MdjaxError"),
    "ModalityDistillation": ("methods.modality_distillation", "ModalityDistillation"),
    "Teacher": ("train.teacher", "Teacher"),
    "create_state": ("train.state", "create_state"),
    "evaluate_network": ("runs.scoring", "evaluate_network"),
    "export_network": ("export.export", "export_network"),
    "get_preset": ("presets", "get_preset"),
    "load_exported": ("export.exported", "load_exported"),
    "load_network": ("runs.loading", "load_network"),
    "make_common_view": ("align.common_view", "make_common_view"),
    "make_distill_step": ("train.step", "make_distill_step"),
    "make_image_predictor": ("predict.images", "make_image_predictor"),
    "mean_ratio": ("losses.ratio", "mean_ratio"),
    "predict_files": ("predict.files", "predict_files"),
    "predict_frames": ("predict.frames", "predict_frames"),
    "train_network": ("runs.training", "train"),
}

__all__ = [
    "CapturedNetwork",
    "LossTerm",
    "MdjaxError",
    "ModalityDistillation",
    "Teacher",
    "create_state",
    "evaluate_network",
    "export_network",
    "get_preset",
    "load_exported",
    "load_network",
    "make_common_view",
    "make_distill_step",
    "make_image_predictor",
    "mean_ratio",
    "predict_files",
    "predict_frames",
    "train_network",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
