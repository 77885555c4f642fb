"""The states of a training that are kept: the last, and the best on the validation split."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from mdjax.io.checkpoint import (
    change_metadata,
    has_checkpoint,
    read_metadata,
)
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.io.json_file import restore_scores
from mdjax.train.loop import LogWindow
from mdjax.train.state import TrainState


class CheckpointKeeper:
    """Saves checkpoints with the metadata that readers need."""

    def __init__(
        self,
        store: CheckpointStore,
        metadata: Mapping[str, Any],
        main_metric: str,
        *,
        is_lower_better: bool,
        keeps_best: bool,
    ) -> None:
        """Begin, or go on, to keep the states of a run.

        Args:
            store: Where they lie.
            metadata: What stands in each of them, as JSON can hold it.
            main_metric: Score that decides which is the best.
            is_lower_better: Whether that score counts mistakes.
            keeps_best: Whether there is a validation split to choose the best on.
        """
        self._store = store
        self._metadata = metadata
        self._main_metric = main_metric
        self._is_lower_better = is_lower_better
        self._keeps_best = keeps_best
        self._best = math.nan
        if keeps_best and has_checkpoint(store.best):
            scores = restore_scores(read_metadata(store.best)["scores"])
            self._best = scores.get(main_metric, math.nan)

    def save(self, state: TrainState, window: LogWindow) -> None:
        """Save the last state, not yet scored, with the measurements since the last log entry."""
        record = {**self._metadata, "step": int(state.step), "scores": {}}
        self._store.save_last(state, {**record, "log_window": dataclasses.asdict(window)})

    def add_scores(self, scores: Mapping[str, float]) -> None:
        """Record the scores of the last state, and keep it as the best one if it is."""
        changes = {"scores": dict(scores)}
        # The best one first: what a kill between the two leaves is scored once more, and equal.
        if self._keeps_best and self._is_better(scores[self._main_metric]):
            self._best = scores[self._main_metric]
            self._store.copy_last_to_best(changes)
        change_metadata(self._store.last, changes)

    def save_inference(self, scores: Mapping[str, float]) -> None:
        """Save only the last network, without optimiser, modules of the method, or teacher."""
        self._store.copy_last_to_inference({"scores": dict(scores)})

    def _is_better(self, score: float) -> bool:
        """A state without a score is never the best one."""
        if math.isnan(score) or math.isnan(self._best):
            return not math.isnan(score)
        return score < self._best if self._is_lower_better else score > self._best


@dataclasses.dataclass(frozen=True)
class SavedProgress:
    """The progress of a run when its last state was saved.

    Attributes:
        window: Measurements since the last log entry.
        is_scored: Whether the scores of this state are recorded with it.
    """

    window: LogWindow
    is_scored: bool


def read_progress(store: CheckpointStore) -> SavedProgress:
    """Read the progress of a run from its last checkpoint.

    Raises:
        MdjaxError: There is none, or its metadata are damaged.
    """
    metadata = read_metadata(store.last)
    # Earlier versions began a new window where a run was cut.
    window = metadata.get("log_window")
    return SavedProgress(
        LogWindow(**window) if window else LogWindow(), is_scored=bool(metadata.get("scores"))
    )
