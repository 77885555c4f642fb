"""A command that runs in several processes at once: one message, whichever of them fails."""

import contextlib
import traceback
from collections.abc import Iterator

import jax

from mdjax.cli.failures import EXIT_BUG, EXIT_INTERRUPTED, FAILURES, describe_failure
from mdjax.cli.output import show_on_stderr
from mdjax.train.joining import (
    ProcessOptions,
    Watch,
    describe_process,
    require_equal_devices,
    start_together,
)
from mdjax.train.loop import InterruptedTraining
from mdjax.train.processes import connect_devices, is_first_process


@contextlib.contextmanager
def joining(options: ProcessOptions, *, command: str, remedy: str) -> Iterator[None]:
    """Meet the other processes of a command, and end with them.

    Args:
        options: Where they meet; nothing happens where there are no others.
        command: Name of the command, for messages.
        remedy: What a person can do about a process that is lost.

    Raises:
        MdjaxError: They do not meet.
        InterruptedTraining: In process 0; the others leave by `SystemExit`.
    """
    if options.is_alone:
        yield
        return

    def tell(message: str) -> None:
        show_on_stderr(f"mdjax {command}: {message}")

    start_together(options, tell)
    watch = Watch(tell, remedy)
    try:
        require_equal_devices()
        connect_devices()
        yield
    except InterruptedTraining:  # In all of them, after the same step.
        watch.stop()
        if is_first_process():
            raise
        raise SystemExit(EXIT_INTERRUPTED) from None
    except FAILURES as error:
        _wait_if_another_may_be_lost(watch, error.__cause__)
        message, status = describe_failure(error)
        watch.fail(status, lambda: tell(f"{describe_process()}: {message}"))
    except Exception as error:
        _wait_if_another_may_be_lost(watch, error)
        watch.fail(EXIT_BUG, traceback.print_exc)
    watch.stop()


def _wait_if_another_may_be_lost(watch: Watch, error: BaseException | None) -> None:
    """Let the watch find out whether a computation failed because another process has gone."""
    # Gloo, by which CPUs exchange numbers, fails with a ValueError.
    if isinstance(error, jax.errors.JaxRuntimeError) or "Gloo" in str(error):
        watch.wait_for_news()
