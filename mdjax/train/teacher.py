"""A frozen network, as steps take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mdjax.models.network import Network, SelectInputs


@dataclass(frozen=True)
class Teacher:
    """A frozen network that a student learns from.

    Attributes:
        network: Linen module, or anything with its `init` and `apply`.
        variables: Its parameters and running statistics.
        select_inputs: Takes its inputs from a batch.

    Example:
        >>> from pathlib import Path
        >>> import mdjax
        >>> loaded = mdjax.load_network(Path("runs/teacher"))
        >>> teacher = mdjax.Teacher(loaded.network, loaded.variables, loaded.select_inputs)
    """

    network: Network
    variables: Mapping[str, Any]
    select_inputs: SelectInputs

    def apply(self, variables: Mapping[str, Any], batch: Any) -> Any:
        """Run the network in evaluation mode, with these variables in the place of its own.

        A step hands them over as an argument, so that another teacher is the same program.
        """
        return self.network.apply(variables, *self.select_inputs(batch), train=False)
