"""Which checkpoints a run has."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdjax.io.checkpoint import copy, save


@dataclass(frozen=True)
class CheckpointStore:
    """The checkpoints of one run: the last state, the best one, and variables for inference."""

    run_dir: Path

    @property
    def last(self) -> Path:
        """Where training can be resumed."""
        return self.run_dir / "checkpoints" / "last"

    @property
    def best(self) -> Path:
        """The state with the best score on the validation split."""
        return self.run_dir / "checkpoints" / "best"

    @property
    def inference(self) -> Path:
        """Parameters and model state alone: no optimiser, no teacher."""
        return self.run_dir / "checkpoints" / "inference"

    def save_last(self, state: Any, metadata: Mapping[str, Any]) -> Path:
        """Save the state as the last one, see `save`."""
        return save(self.last, state, metadata)

    def copy_last_to_best(self, changes: Mapping[str, Any]) -> Path:
        """Keep the last state as the best one too, see `copy`."""
        return copy(self.last, self.best, changes)

    def copy_last_to_inference(self, changes: Mapping[str, Any]) -> Path:
        """Keep the variables of the last state alone, without its optimiser, see `copy`."""
        return copy(self.last, self.inference, changes, is_for_inference=True)
