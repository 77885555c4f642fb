"""A short slice of `make fuzz`, and that the fuzzer finds what it looks for."""

from pathlib import Path

import pytest

from mdjax.types import MdjaxError
from tests.conftest import SmallRuns
from tests.fuzz.data_targets import TARGETS
from tests.fuzz.fuzzer import Target, find_faults, format_table, fuzz
from tests.fuzz.run_targets import COMMANDS, WEIGHTS, make_run_targets

NUM_INPUTS = 24
NUM_COMMANDS = 4  # Each takes a second.


@pytest.mark.parametrize("target", [*TARGETS, WEIGHTS], ids=lambda target: target.name)
def test_mutated_file_is_refused_or_read_for_a_reason(target: Target, tmp_path: Path) -> None:
    assert find_faults(fuzz(target, tmp_path, num_inputs=NUM_INPUTS, seed=0)) == []


def test_mutated_file_of_a_run_is_refused_or_read_for_a_reason(
    small_runs: SmallRuns, tmp_path: Path
) -> None:
    for number, target in enumerate(make_run_targets(small_runs.root / "native")):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert find_faults(fuzz(target, folder, num_inputs=NUM_INPUTS, seed=0)) == []


@pytest.mark.parametrize("target", COMMANDS, ids=lambda target: target.name)
def test_mutated_command_line_ends_without_traceback(target: Target, tmp_path: Path) -> None:
    assert find_faults(fuzz(target, tmp_path, num_inputs=NUM_COMMANDS, seed=0)) == []


# -- The fuzzer --------------------------------------------------------------------------------


def write_numbers(folder: Path) -> None:
    (folder / "numbers.txt").write_text("1 2 3\n" * 5)


def read_numbers(folder: Path) -> list[int]:
    """Fails with whatever `int` fails with."""
    return [int(word) for word in (folder / "numbers.txt").read_text().split()]


def read_numbers_strictly(folder: Path) -> list[int]:
    try:
        return read_numbers(folder)
    except ValueError as error:
        raise MdjaxError(f"numbers.txt: {error}") from error


def test_tracebacks_and_silent_changes_are_faults(tmp_path: Path) -> None:
    outcomes = fuzz(Target("numbers", write_numbers, read_numbers), tmp_path, num_inputs=60, seed=0)
    assert {outcome.verdict for outcome in find_faults(outcomes)} == {"changed", "traceback"}
    text = format_table(outcomes)
    assert "ValueError" in text
    assert "numbers.txt, change_digit: changed: read as something else" in text


def test_what_is_refused_or_explained_is_none(tmp_path: Path) -> None:
    target = Target("numbers", write_numbers, read_numbers_strictly, explain=lambda name: "any")
    outcomes = fuzz(target, tmp_path, num_inputs=60, seed=0)
    assert find_faults(outcomes) == []
    assert {outcome.verdict for outcome in outcomes} >= {"refused", "explained"}


def test_message_of_many_lines_is_a_fault(tmp_path: Path) -> None:
    def read(folder: Path) -> list[int]:
        try:
            return read_numbers(folder)
        except ValueError as error:
            raise MdjaxError("line\n" * 21) from error

    outcomes = fuzz(Target("numbers", write_numbers, read), tmp_path, num_inputs=60, seed=0)
    assert any("21 lines of message" in outcome.text for outcome in find_faults(outcomes))


def test_files_are_put_back(tmp_path: Path) -> None:
    fuzz(Target("numbers", write_numbers, read_numbers_strictly), tmp_path, num_inputs=9, seed=0)
    assert read_numbers(tmp_path) == [1, 2, 3] * 5
