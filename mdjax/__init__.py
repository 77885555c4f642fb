"""Modality distillation of RGB-thermal scene analysis in JAX and Flax.

The names below are what most programs need; each is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from mdjax.losses.ratio import mean_ratio
    from mdjax.methods.modality_distillation import ModalityDistillation
    from mdjax.models.captured import CapturedNetwork
    from mdjax.runs.loading import load_network
    from mdjax.runs.scoring import evaluate_network
    from mdjax.train.state import create_state
    from mdjax.train.step import make_distill_step
    from mdjax.train.teacher import Teacher
    from mdjax.train.terms import LossTerm

_MODULES = {
    "CapturedNetwork": "models.captured",
    "LossTerm": "train.terms",
    "ModalityDistillation": "methods.modality_distillation",
    "Teacher": "train.teacher",
    "create_state": "train.state",
    "evaluate_network": "runs.scoring",
    "load_network": "runs.loading",
    "make_distill_step": "train.step",
    "mean_ratio": "losses.ratio",
}

__all__ = [
    "CapturedNetwork",
    "LossTerm",
    "ModalityDistillation",
    "Teacher",
    "create_state",
    "evaluate_network",
    "load_network",
    "make_distill_step",
    "mean_ratio",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
