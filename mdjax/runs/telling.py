"""What a training tells the person who waits for it, besides its progress."""

import contextlib
import math
from collections.abc import Callable, Iterator

from mdjax.io.checkpoint import has_checkpoint, read_metadata
from mdjax.io.checkpoint_store import CheckpointStore
from mdjax.runs.splits import Splits
from mdjax.tasks.task import Evaluation
from mdjax.train.loop import NonFiniteLossError
from mdjax.types import MdjaxError, format_count

Print = Callable[[str], None]


def say_nothing(line: str) -> None:
    """Show no line: of several processes the first one speaks."""
    del line


def say_what_is_missing(splits: Splits, scored_split: str, show: Print) -> None:
    """Say which splits the data set lacks, and what follows."""
    name = splits.train.dataset_name
    if splits.val is None:
        show(
            f"{name} has no split 'val': nothing is scored during training, and there is no best "
            f"checkpoint. The last one is scored on '{scored_split}'."
        )
    if splits.test is None:
        show(f"{name} has no split 'test': the result has no test scores.")


def say_what_has_no_value(
    evaluation: Evaluation, split: str, main_metric: str, show: Print
) -> None:
    """Say so if the score that chooses the best checkpoint has no value on a split."""
    if math.isnan(evaluation.to_metrics()[main_metric]):
        reason = evaluation.explain_missing_value()
        best = " No checkpoint is kept as the best." if split == "val" else ""
        show(f"{main_metric} has no value on the split {split!r}: {reason}{best}")


@contextlib.contextmanager
def explaining_what_is_saved(store: CheckpointStore, num_steps: int) -> Iterator[None]:
    """Say what is left of the work when something fails, and how it goes on."""
    try:
        yield
    except NonFiniteLossError as error:
        raise NonFiniteLossError(f"{error} {_describe_last_checkpoint(store)}") from error
    except Exception as error:
        saved_step = read_metadata(store.last)["step"] if has_checkpoint(store.last) else None
        if saved_step != num_steps:
            raise
        reason = str(error)
        if not isinstance(error, MdjaxError | OSError):
            first = next(iter(reason.splitlines()), "")
            reason = f"A bug in mdjax: {type(error).__name__}: {first}"
        raise MdjaxError(
            f"{reason}\nThe training is done ({format_count(num_steps, 'step')}) and its last "
            f"state is saved ({store.last}): nothing is lost. Once this is fixed, the same "
            "command with --resume finishes the run without further training; mdjax evaluate can "
            "score it now."
        ) from error


def _describe_last_checkpoint(store: CheckpointStore) -> str:
    if not has_checkpoint(store.last):
        return "No checkpoint had been saved yet."
    return f"Last good checkpoint: {store.last}, step {read_metadata(store.last)['step']}."
