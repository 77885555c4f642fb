"""Stochastic gradient descent and its schedule, with the paper's values as defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import optax

from mdjax.types import MdjaxError


@dataclass(frozen=True)
class OptimiserConfig:
    """SGD with momentum; the rate rises linearly, then falls as a cosine (MD section 4.2).

    Attributes:
        learning_rate: Peak rate.
        warmup_steps: Steps of the linear rise.
        warmup_start: Rate at step 0.
        final_learning_rate: Rate at the last step.
        momentum: Share of the velocity that is kept.
        weight_decay: Added to the gradient of kernels; biases and batch norms have none.
        max_gradient_norm: Gradients above this global norm are scaled down to it; 0 never does.
    """

    learning_rate: float = 1e-2
    warmup_steps: int = 500
    warmup_start: float = 1e-6
    final_learning_rate: float = 1e-6
    momentum: float = 0.9
    weight_decay: float = 5e-4
    max_gradient_norm: float = 0.0

    def __post_init__(self):
        for name in ("learning_rate", "warmup_start", "final_learning_rate"):
            if not getattr(self, name) > 0:
                raise MdjaxError(f"{name} is {getattr(self, name)}; give a number above 0.")
        if not 0 <= self.momentum < 1:
            raise MdjaxError(f"momentum is {self.momentum}; give a number from 0 up to below 1.")
        for name in ("warmup_steps", "weight_decay", "max_gradient_norm"):
            if getattr(self, name) < 0:
                raise MdjaxError(f"{name} is {getattr(self, name)}; give 0 or more.")


def make_schedule(config: OptimiserConfig, num_steps: int) -> optax.Schedule:
    """Build the learning rate as a function of the step.

    Args:
        config: Rates and warm-up.
        num_steps: Steps of the whole training.

    Raises:
        MdjaxError: The warm-up takes the whole training.
    """
    if config.warmup_steps >= num_steps:
        raise MdjaxError(
            f"The warm-up of {config.warmup_steps} steps does not end within the {num_steps} "
            "steps of the training; lower optimiser.warmup_steps or raise num_steps."
        )
    return optax.warmup_cosine_decay_schedule(
        init_value=config.warmup_start if config.warmup_steps else config.learning_rate,
        peak_value=config.learning_rate,
        warmup_steps=config.warmup_steps,
        decay_steps=num_steps,
        end_value=config.final_learning_rate,
    )


def make_optimiser(config: OptimiserConfig, num_steps: int) -> optax.GradientTransformation:
    """Build the optimiser for a training of `num_steps` steps."""
    parts = [
        optax.add_decayed_weights(config.weight_decay, mask=find_kernels),
        optax.sgd(make_schedule(config, num_steps), momentum=config.momentum),
    ]
    if config.max_gradient_norm:
        parts.insert(0, optax.clip_by_global_norm(config.max_gradient_norm))
    return optax.chain(*parts)


def find_kernels(params: Mapping[str, Any]) -> Any:
    """Mark the leaves called "kernel", the only ones with weight decay."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key == "kernel", params)
