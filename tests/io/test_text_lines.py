"""Numbered lines of text files, and their faults in one message."""

from pathlib import Path

import pytest

from mdjax.io.text_lines import raise_problems, read_numbered_lines
from mdjax.types import MdjaxError


def test_lines_keep_their_numbers_when_blank_ones_are_left_out(tmp_path: Path) -> None:
    """Windows line ends, a byte order mark, blank lines and outer spaces are no content."""
    path = tmp_path / "lines.txt"
    path.write_bytes("\ufeffone\r\n\r\n  two three \r\n".encode())
    assert read_numbered_lines(path) == [(1, "one"), (3, "two three")]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match=r"absent\.txt: file is missing"):
        read_numbered_lines(tmp_path / "absent.txt")


def test_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MdjaxError, match="cannot be read"):
        read_numbered_lines(tmp_path)


def test_picture_in_place_of_a_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    with pytest.raises(MdjaxError, match=r"picture\.png: is not UTF-8 text"):
        read_numbered_lines(path)


def test_zero_bytes_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\ntw\0o\n")
    with pytest.raises(MdjaxError, match=r"lines\.txt: holds zero bytes, so it is not UTF-8 text"):
        read_numbered_lines(path)


def test_no_problem_is_no_error(tmp_path: Path) -> None:
    raise_problems(tmp_path, [], "Nothing to do.")


def test_one_problem_is_one_line() -> None:
    with pytest.raises(MdjaxError) as caught:
        raise_problems(Path("a.txt"), ["line 3: has 5 columns"], "Give six.")
    assert str(caught.value) == "a.txt: line 3: has 5 columns. Give six."


def test_many_problems_are_shown_in_part_and_counted() -> None:
    problems = [f"line {number}: bad" for number in range(1, 31)]
    with pytest.raises(MdjaxError) as caught:
        raise_problems(Path("a.txt"), problems, "Fix them.")
    lines = str(caught.value).splitlines()
    assert lines[0] == "a.txt: 30 problems:"
    assert lines[1:21] == [f"  {problem}" for problem in problems[:20]]
    assert lines[21:] == ["  and 10 more", "Fix them."]
