"""A folder that changed since it was written is noticed."""

from pathlib import Path

import pytest

from mdjax.io.checksums import check_files, write_checksums
from mdjax.types import MdjaxError

REMEDY = "write it again"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.json").write_text("{}")
    (tmp_path / "large.records").write_bytes(bytes(1000))
    (tmp_path / "sub").mkdir()
    write_checksums(tmp_path)
    return tmp_path


def test_unchanged_folder_passes_and_other_files_may_join(folder: Path) -> None:
    check_files(folder, REMEDY)
    (folder / "notes.txt").write_text("mine")
    check_files(folder, REMEDY)


def test_folder_without_checksums_passes(tmp_path: Path) -> None:
    check_files(tmp_path, REMEDY)


def test_changes_are_named_with_the_remedy(folder: Path) -> None:
    """Of a large file the size alone is compared."""
    (folder / "large.records").write_bytes(b"1" * 1000)
    check_files(folder, REMEDY)
    (folder / "large.records").write_bytes(bytes(999))
    message = "large.records: is damaged, it has 999 bytes where 1000 were written; write it again."
    with pytest.raises(MdjaxError, match=message):
        check_files(folder, REMEDY)
    (folder / "large.records").unlink()
    with pytest.raises(MdjaxError, match=r"large\.records: file is missing; write it again\."):
        check_files(folder, REMEDY)
    write_checksums(folder)
    (folder / "small.json").write_text("[]")
    with pytest.raises(MdjaxError, match=r"small\.json: was changed since it was written; write"):
        check_files(folder, REMEDY)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"small.json": 3}', '{"small.json": {"sha256": 1}}']
)
def test_damaged_checksums_are_named(folder: Path, text: str) -> None:
    (folder / "checksums.json").write_text(text)
    with pytest.raises(MdjaxError, match=r"checksums\.json: is damaged; write it again\."):
        check_files(folder, REMEDY)
