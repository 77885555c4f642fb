"""What a run asks of a distillation method; each method has a file with its answers."""

from typing import Any, Protocol

import flax.linen as nn

from mdjax.train.terms import Diagnostics, LossTerm, TermInputs


class Method(Protocol):
    """A method's configuration: a frozen dataclass of its weights and options."""

    def make_terms(self) -> tuple[LossTerm, ...]:
        """List the loss terms that the method adds to those of the task."""
        ...

    def make_diagnostics(self) -> Diagnostics:
        """Name what is worth watching in training."""
        ...

    def create_module(self) -> nn.Module | None:
        """Build what the method trains beside the student, None where that is nothing.

        Adapters between different widths, projection heads, decoders, a memory bank: called as
        `module(student output, teacher outputs by name, batch, train=)`; the terms read what it
        returns as `TermInputs.method`. Its variables are trained and saved with the student's and
        omitted from exports. In training it may draw from two random streams: "dropout", other
        numbers in each part of a batch, and "step", the same in all of them (see `image_keys.py`).
        """
        ...

    def compute_mask(self, inputs: TermInputs) -> Any:
        """Return what to draw over an image, weights [b h w 1], or None."""
        ...
