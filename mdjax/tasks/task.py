"""What a whole run asks of a task; each task has a file with its answers."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from mdjax.data.source import SplitSource
from mdjax.data.truth import TruthReader
from mdjax.models.backbones.resnet import ResNetOptions
from mdjax.train.state import Network, SelectInputs
from mdjax.train.step import LossTerm
from mdjax.types import Batch


class Evaluation(Protocol):
    """Scores of a network on a whole split."""

    def to_metrics(self) -> dict[str, float]:
        """Return all scores, called `<score>/<subset>`: `mean_accuracy_9/night`."""
        ...

    def format_table(self) -> str:
        """Lay the scores out for people."""
        ...


Evaluator = Callable[[Mapping[str, Any], Iterable[Batch], SplitSource], Evaluation]
"""Scores variables on all batches of a split, which come in the order of its records."""


class Task(Protocol):
    """A task's configuration."""

    @property
    def is_lower_better(self) -> bool:
        """Whether the main metric counts mistakes."""
        ...

    def get_class_names(self, split: SplitSource) -> tuple[str, ...]:
        """Name the classes that a network for this split tells apart, in the order of its ids.

        Raises:
            MdjaxError: The data set has no annotation for this task.
        """
        ...

    def get_main_metric(self, class_names: tuple[str, ...]) -> str:
        """Name the score that chooses the best checkpoint and proves that a teacher is loaded."""
        ...

    def create_truth_reader(self, split: SplitSource) -> TruthReader:
        """Say how annotations are read from the records of a split."""
        ...

    def create_head(self, num_classes: int, options: ResNetOptions) -> Any:
        """Build the module that turns features into a prediction, see `models.networks.Head`."""
        ...

    def compute_targets(self, output: Any, batch: Batch) -> Any:
        """Make what the loss terms read of a batch and of what the network says of it."""
        ...

    def make_terms(self, *, has_guidance: bool) -> tuple[LossTerm, ...]:
        """List the loss terms, with those of GAFF for a network that has it."""
        ...

    def make_evaluator(
        self, network: Network, class_names: tuple[str, ...], *, select_inputs: SelectInputs
    ) -> Evaluator:
        """Build what scores teacher, native and distilled student alike."""
        ...
