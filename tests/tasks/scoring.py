"""A split through a network, as `mdjax.runs.scoring` does it, on batches made by hand."""

from collections.abc import Iterable
from typing import Any

import jax

from mdjax.data.source import SplitSource
from mdjax.models.network import select_full_thermal
from mdjax.models.predictor import make_predictor
from mdjax.ops.resize import get_size_hw
from mdjax.types import Batch


def score(
    task: Any, network: Any, class_names: tuple[str, ...], batches: Iterable[Batch], split: Any
) -> Any:
    """Predict and count."""
    tally = task.create_tally(split, class_names)
    start = 0
    for batch in batches:
        size_hw = get_size_hw(batch.visible)
        predict = make_predictor(
            network, lambda output, size_hw=size_hw: task.interpret(output.prediction, size_hw)
        )
        records = range(start, start := start + len(batch.is_valid))
        tally.add(jax.device_get(predict({}, *select_full_thermal(batch))), batch, records)
    return tally.compute()


def make_split(records: list[dict], features: tuple[str, ...], **metadata: Any) -> SplitSource:
    """A split in memory."""
    return SplitSource(
        records=records,
        dataset_name="own/1.0.0",
        split="test",
        features=("visible", "thermal", "name", "is_night", *features),
        metadata=metadata,
    )
