"""What a run asks of a distillation method; each method has a file with its answers."""

from typing import Any, ClassVar, Protocol

import flax.linen as nn

from mdjax.models.config import FeatureLevelConfig, NetworkConfig
from mdjax.train.terms import Diagnostics, LossTerm, TermInputs
from mdjax.types import MdjaxError


class Method(Protocol):
    """A method's configuration: a frozen dataclass of its weights and options.

    It need only say what differs from the answers here.
    """

    teacher_network: ClassVar[type[NetworkConfig]] = FeatureLevelConfig
    """What the main teacher is meant to be; another one is warned about."""

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the loss terms that the method adds to those of the task."""
        ...

    def make_diagnostics(self) -> Diagnostics:
        """Name what is worth watching in training besides the loss: nothing, unless it is said."""
        return {}

    def create_module(self) -> nn.Module | None:
        """Build what the method trains beside the student, None where that is nothing.

        Adapters between different widths, projection heads, decoders, a memory bank: called as
        `module(student output, teacher outputs by name, batch, train=)`; the terms read what it
        returns as `TermInputs.method`. Its variables are trained and saved with the student's and
        omitted from exports. In training it may draw from two random streams: "dropout", other
        numbers in each part of a batch, and "step", the same in all of them (see `image_keys.py`).
        By default nothing is trained beside the student.
        """
        return None

    def compute_mask(self, inputs: TermInputs) -> Any:
        """Return what to draw over an image, weights [b h w 1]; by default None."""
        del inputs
        return None


def check_weight(name: str, value: float) -> None:
    """Refuse a negative weight of a loss term.

    Raises:
        MdjaxError: It is below 0.
    """
    if value < 0:
        raise MdjaxError(f"{name} is {value}; give 0 or more.")
