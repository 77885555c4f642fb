"""What is said of a command that fails, and its exit status."""

from mdjax.errors import MdjaxError

# What a shell reports of a program that was stopped by Ctrl-C.
EXIT_INTERRUPTED = 130
# And of one that was stopped by SIGTERM, as `docker stop` and systemd do.
EXIT_TERMINATED = 143
EXIT_BAD_INPUT = 2
EXIT_BUG = 1


class Terminated(KeyboardInterrupt):
    """SIGTERM came; what is at work is left in order as at Ctrl-C."""


FAILURES = (MdjaxError, KeyboardInterrupt, OSError)
"""What a person can do something about; all else is a bug."""


def describe_failure(error: MdjaxError | KeyboardInterrupt | OSError) -> tuple[str, int]:
    """Return the message and the exit status of a command that ends with an error."""
    if isinstance(error, MdjaxError):
        return str(error), EXIT_BAD_INPUT
    if isinstance(error, Terminated):
        return "stopped", EXIT_TERMINATED
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "stopped", EXIT_INTERRUPTED
    # What the system refuses, wherever it happens: a name that is too long, a right that lacks.
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}.", EXIT_BAD_INPUT
