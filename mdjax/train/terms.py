"""The terms of a loss, and what they may read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from mdjax.losses.ratio import Ratio, mean_ratio
from mdjax.types import MdjaxError


@struct.dataclass
class TermInputs:
    """All that a loss term or a diagnostic may read of a step."""

    output: Any
    """What the network that is trained returned: a `NetworkOutput`."""
    targets: Any
    """What the task made of the batch and of the output, see `ComputeTargets`."""
    batch: Any
    teachers: Mapping[str, Any] = struct.field(default_factory=dict)
    """What each frozen teacher returned, by its name; no gradient flows into them."""
    method: Any = None
    """What the module of the term's own method, or of its own task, returned; None without one."""
    params: Any = None
    """Parameters of the network that is trained, for penalties on them."""

    def get_teacher(self, name: str = "teacher") -> Any:
        """Return what one teacher said.

        Raises:
            MdjaxError: There is no teacher of this name.
        """
        if name not in self.teachers:
            known = ", ".join(self.teachers) or "none"
            raise MdjaxError(
                f"The distillation method reads a teacher named {name!r}; given: {known}."
            )
        return self.teachers[name]


@dataclass(frozen=True)
class LossTerm:
    """One summand of the loss.

    Attributes:
        name: Its name in logs.
        weight: λ; its weighted value enters the loss, its bare value the logs.
        compute: Returns the sum over the batch and its normaliser, not yet divided.

    Example:
        >>> import mdjax
        >>> def compute_error(seen):
        ...     return mdjax.mean_ratio((seen.output.prediction - seen.batch["target"]) ** 2)
        >>> mdjax.LossTerm("task", 1.0, compute_error).name
        'task'
    """

    name: str
    weight: float
    compute: Callable[[TermInputs], Ratio]


Diagnostics = Mapping[str, Callable[[TermInputs], Ratio]]
"""Values that are logged and not optimised, by name."""


def watch_output(watched: Mapping[str, Callable[[Any], Any]]) -> Diagnostics:
    """Log the means of what is computed from the output of the network.

    Args:
        watched: By name, from the output to an array.
    """

    def watch(compute: Callable[[Any], Any]) -> Callable[[TermInputs], Ratio]:
        return lambda inputs: mean_ratio(compute(inputs.output))

    return {name: watch(compute) for name, compute in watched.items()}


ComputeTargets = Callable[[Any, Any], Any]
"""From (output, batch) to what the task terms read: the batch itself, or targets that depend on the
output and that several terms share."""


def use_batch(output: Any, batch: Any) -> Any:
    """Let the task terms read the batch as it is."""
    del output
    return batch


def sum_weighted(terms: tuple[LossTerm, ...], ratios: Mapping[str, Ratio]) -> jax.Array:
    """Return the loss, Σ λ_i L_i."""
    return jnp.asarray(
        sum((term.weight * ratios[term.name].value for term in terms), start=jnp.float32(0))
    )
