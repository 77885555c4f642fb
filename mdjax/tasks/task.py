"""What a whole run asks of a task; each task has a file with its answers."""

from collections.abc import Sequence
from typing import Any, Protocol

import flax.linen as nn

from mdjax.data.source import SplitSource
from mdjax.data.truth import TruthReader
from mdjax.models.backbones.backbone import Backbone
from mdjax.train.terms import LossTerm
from mdjax.types import Batch


class Evaluation(Protocol):
    """Scores of a network on a whole split."""

    def to_metrics(self) -> dict[str, float]:
        """Return all scores, called `<score>/<subset>`: `mean_accuracy_9/night`."""
        ...

    def describe(self) -> str:
        """Say on how many images, and at which size, these scores were measured."""
        ...

    def explain_missing_value(self) -> str:
        """Say why the main metric has no value on this split, and what to do about it."""
        ...

    def format_table(self) -> str:
        """Lay the scores out for people."""
        ...


class Tally(Protocol):
    """What is counted in the images of a split while its batches pass, in any order.

    Attributes:
        counted: By the index of the record. Several tallies of one split are joined by joining
            these, so that each may see a part of the images.
    """

    counted: dict[int, Any]

    def add(self, interpreted: Any, batch: Batch, records: Sequence[int]) -> None:
        """Count some images.

        Args:
            interpreted: What was predicted for the rows of a batch, as arrays on the host.
            batch: The rows; those that only fill up count nowhere.
            records: Index of each row's record in the split.
        """
        ...

    def compute(self) -> Evaluation:
        """Return the scores of all images that were counted; NaN where nothing counts."""
        ...


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

    def create_head(self, num_classes: int, backbone: Backbone) -> Any:
        """Build the module that turns features into a prediction, see `models.networks.Head`."""
        ...

    def create_module(self, num_classes: int, backbone: Backbone) -> nn.Module | None:
        """Build what the task trains beside the network, None where that is nothing.

        Called as `module(output, teacher outputs by name, batch, train=)`; the task's terms read
        what it returns as `TermInputs.method`. Its variables are trained and saved with the
        network's and omitted from exports.
        """
        ...

    def compute_targets(self, output: Any, batch: Batch) -> Any:
        """Make what the loss terms read of a batch and of what the network says of it."""
        ...

    def make_terms(
        self, *, has_guidance: bool, branches: tuple[str, ...] = ()
    ) -> tuple[LossTerm, ...]:
        """List the loss terms.

        Args:
            has_guidance: Add those of GAFF, for a network that has it.
            branches: Repeat what reads the prediction for each branch that predicts on its own.
        """
        ...

    def interpret(self, prediction: Any, working_size_hw: tuple[int, int]) -> Any:
        """Make of a prediction what is scored, drawn and written, one row an image; is compiled."""
        ...

    def fit_to_image(
        self, interpreted: Any, working_size_hw: tuple[int, int], image_size_hw: tuple[int, int]
    ) -> Any:
        """Bring what was interpreted of one image to the size of its file, on the host."""
        ...

    def create_tally(self, split: SplitSource, class_names: tuple[str, ...]) -> Tally:
        """Begin to score a split: teacher, native and distilled student alike."""
        ...
