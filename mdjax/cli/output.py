"""Where commands write: results to standard output, everything else to standard error."""

import sys
from typing import Any

from mdjax.io.json_file import format_json


def show_on_stderr(line: str) -> None:
    """Show a line that is not the result."""
    print(line, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Print one JSON object on one line, non-finite numbers as null."""
    print(format_json(value), flush=True)


def shows_progress() -> bool:
    """Return whether to show progress bars: in a file they would only add empty lines."""
    return sys.stderr.isatty()
