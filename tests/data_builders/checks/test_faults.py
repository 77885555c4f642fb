"""The message of faulty files is short, and a file has what it leaves out."""

from pathlib import Path

import pytest

from data_builders.checks.faults import FaultyFilesError
from mdjax.types import MdjaxError


def _make_problems(num_kinds: int, num_each: int) -> list[str]:
    return [
        f"{i}.png: fault {chr(97 + kind)}." for kind in range(num_kinds) for i in range(num_each)
    ]


@pytest.mark.parametrize(("num_kinds", "num_each"), [(1, 20_000), (26, 1), (26, 30)])
def test_message_has_twenty_lines_and_the_file_all_problems(
    tmp_path: Path, num_kinds: int, num_each: int
) -> None:
    problems = _make_problems(num_kinds, num_each)
    error = FaultyFilesError(tmp_path / "raw", "test", problems)
    lines = str(error.list_in_file(tmp_path / "data")).splitlines()
    assert len(lines) <= 20
    assert f"{len(problems):,} problems with the test files, nothing was written." in lines[0]
    path = tmp_path / "data" / "raw_problems.txt"
    assert lines[-1] == f"All of them, one per line: {path}"
    assert path.read_text().splitlines()[1:] == problems
    assert list((tmp_path / "data").iterdir()) == [path]


@pytest.mark.parametrize("num_each", [1, 3])
def test_message_with_every_problem_needs_no_file(tmp_path: Path, num_each: int) -> None:
    error = FaultyFilesError(tmp_path / "raw", "test", _make_problems(3, num_each))
    assert error.list_in_file(tmp_path / "data") is error
    assert not (tmp_path / "data").exists()


def test_problems_are_told_where_their_list_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    error = FaultyFilesError(tmp_path / "raw", "test", _make_problems(1, 9))
    told = error.list_in_file(tmp_path / "data")
    assert isinstance(told, MdjaxError)
    assert "9 times: fault a. (0.png; 1.png; 2.png; and 6 more)" in str(told)
    assert "The full list could not be written" in str(told).splitlines()[-1]
