"""Files that are there, and those that cannot be."""

from pathlib import Path

from mdjax.io.read_file import measure_file


def test_size_of_what_is_no_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "three.txt").write_bytes(b"abc")
    assert measure_file(tmp_path / "three.txt") == 3
    assert measure_file(tmp_path / "none.txt") is None
    assert measure_file(tmp_path) is None
    assert measure_file(tmp_path / ("A" * 300)) is None
    assert measure_file(tmp_path / "three.txt" / "inside.txt") is None
