"""What predicts image pairs: a trained network, whether it comes from a run or from an export."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mdjax.models.modalities import Missing
from mdjax.runs.config import TrainConfig
from mdjax.tasks.task import Task

PairPredictor = Callable[[np.ndarray, np.ndarray], Any]
"""From visible [b h w 3] and thermal [b hh ww 1] images on the host to predictions on the host."""


@runtime_checkable
class TrainedNetwork(Protocol):
    """A trained network, ready to predict."""

    @property
    def source(self) -> Path:
        """Where it comes from, for messages."""
        ...

    @property
    def step(self) -> int:
        """Number of steps it was trained for."""
        ...

    @property
    def config(self) -> TrainConfig:
        """Configuration it was trained with."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names by class id."""
        ...

    @property
    def thermal_range_counts(self) -> tuple[float, float] | None:
        """Counts of 16-bit thermal images that map to black and white; None: trained on 8 bits."""
        ...

    @property
    def training_view(self) -> str | None:
        """What was cut out of the images of its data set, in words; None: nothing."""
        ...

    @property
    def thermal_size_hw(self) -> tuple[int, int]:
        """Rows and columns of the thermal images that its predictor takes."""
        ...

    def compile_predictor(
        self, *, batch_size: int, task: Task | None = None, missing: Missing = "none"
    ) -> PairPredictor:
        """Make what predicts batches of one shape, with what the task makes of the output.

        Args:
            batch_size: Image pairs of a call.
            task: Another way to interpret, such as with another score threshold; that of the
                training by default.
            missing: Image that the network does without.
        """
        ...
