"""Which states of a training are kept: the last, and the best on the validation split."""

import math
from collections.abc import Mapping
from typing import Any

from mdjax.io.checkpoint import CheckpointStore, has_checkpoint, read_metadata
from mdjax.io.json_file import restore_scores
from mdjax.train.state import TrainState


class CheckpointKeeper:
    """Saves checkpoints with what a reader needs to know of them."""

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
        self._best: float | None = None
        if keeps_best and has_checkpoint(store.best):
            self._best = restore_scores(read_metadata(store.best)["scores"])[main_metric]

    def save(self, state: TrainState, scores: Mapping[str, float] | None) -> None:
        """Save the last state, with its scores if it has any, and the best one if this is it."""
        record = self._describe(state, scores)
        # The best one first: what a kill between the two leaves is scored once more, and equal.
        if self._keeps_best and scores and self._is_better(scores[self._main_metric]):
            self._best = scores[self._main_metric]
            self._store.save_best(state, record)
        self._store.save_last(state, record)

    def save_inference(self, state: TrainState, scores: Mapping[str, float]) -> None:
        """Save the network alone: no optimiser, nothing of the method, no teacher."""
        self._store.save_inference(state.variables, self._describe(state, scores))

    def _describe(self, state: TrainState, scores: Mapping[str, float] | None) -> dict[str, Any]:
        return {**self._metadata, "step": int(state.step), "scores": dict(scores or {})}

    def _is_better(self, score: float) -> bool:
        if self._best is None or math.isnan(self._best):
            return True
        return score < self._best if self._is_lower_better else score > self._best
