"""What a person sees who stops a command."""

import pytest

from mdjax.cli import main as cli
from mdjax.train.loop import InterruptedTraining


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        (InterruptedTraining(7), "after step 7; the state is saved"),
        (KeyboardInterrupt(), "stopped"),
    ],
)
def test_stopped_command_says_so_without_a_traceback(
    stop: KeyboardInterrupt, message: str, monkeypatch, capsys
) -> None:
    def run(arguments):
        del arguments
        raise stop

    monkeypatch.setitem(cli._COMMANDS, "train", ("", run))
    assert cli.main(["train"]) == cli.EXIT_INTERRUPTED
    shown = capsys.readouterr().err
    assert shown.startswith("mdjax train: ")
    assert message in shown
