"""Commands as a person types them."""

from typing import Any

from mdjax.cli.main import main


def run(*arguments: Any) -> int:
    """Exit status of a command; tyro leaves by `SystemExit` where it shows help."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
