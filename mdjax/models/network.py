"""What a network is to those who train or run it, and what it is shown of a batch."""

from collections.abc import Callable
from typing import Any, Protocol

from mdjax.types import Array, Batch


class Network(Protocol):
    """What steps and predictors ask of a network: linen's `init` and `apply`.

    `apply` is called with the inputs, `train=` and, in training, `rngs=` and `mutable=`; it
    returns a `NetworkOutput`, in training together with the changed collections.
    """

    def init(self, rngs: Any, *inputs: Any, train: bool) -> Any:
        """Create the variables."""
        ...

    def apply(self, variables: Any, *inputs: Any, train: bool, **kwargs: Any) -> Any:
        """Run the network."""
        ...


SelectInputs = Callable[[Any], tuple[Any, ...]]
"""Takes from a batch what a network is called with."""


def select_full_thermal(batch: Batch) -> tuple[Array, Array]:
    """Return the visible and the full-resolution thermal images: what a teacher sees."""
    return batch.visible, batch.thermal_full


def select_camera_thermal(batch: Batch) -> tuple[Array, Array]:
    """Return the visible images and the thermal ones of the cheap camera: what a student sees."""
    return batch.visible, batch.thermal_camera
